"""Holds sources to their contract: what one does wrong is its own trouble, in a sentence, and nobody else's.

A source may be another package's code. Whatever it raises becomes a SourceBroken that names the place and
repeats nothing of what was said, and what it brings is looked at before anybody books it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from exporter.errors import ExporterError, SourceBroken, SourceError, SourceUnavailable
from exporter.records import (
    Answer,
    ApiKey,
    Balance,
    BilledDay,
    Fill,
    KeyUsage,
    Kind,
    Mark,
    Observation,
    Record,
    Sale,
    Settlement,
    SourceInfo,
    Transfer,
    UsageHour,
    VenuePosition,
    Workspace,
)
from exporter.sources.blame import where
from exporter.sources.contract import Reading, Source, Window

OF_KIND: Mapping[Kind, frozenset[type]] = {
    "venue": frozenset({Fill, Settlement, Transfer, Mark, Balance, VenuePosition}),
    "sales": frozenset({Sale}),
    "api_cost": frozenset({BilledDay, UsageHour, KeyUsage, Workspace, ApiKey}),
    "other": frozenset(),
}
"""What a source of each kind may bring: its books have no place for anything else."""


READING_SECONDS = 300.0
"""What is read again once a day is a minute's work at the slowest upstream's pace. One that drips would
otherwise hold its source up for a day: every request has a minute of its own."""

FIRST_SECONDS = 1800.0
"""The first reading of all that a shop ever sold."""


def shortcoming(source: object, name: str) -> str | None:
    """Return what keeps an object from being the source of a name; None when nothing does."""
    if getattr(source, "name", None) != name:
        return f"its name is not {name}"
    for attribute in ("interval", "overlap", "freshness"):
        if not isinstance(getattr(source, attribute, None), timedelta):
            return f"its {attribute} is no timedelta"
    for method in ("fetch", "probe", "aclose"):
        if not callable(getattr(source, method, None)):
            return f"it cannot {method}"
    return None


@contextmanager
def held(info: SourceInfo, *ours: type[ExporterError]) -> Iterator[None]:
    """Turn whatever a source raises that it must not into a SourceBroken.

    `ours` are errors of the work that is done with it, and stay as they are.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (SourceError, *ours)):
            raise
        sentence = f"{info.title} failed in a way that no source may: {where(error)}."
        raise SourceBroken(info.name, "unexpected", sentence) from None


@asynccontextmanager
async def timely(info: SourceInfo, seconds: float) -> AsyncIterator[None]:
    """Give up what a source is asked for after a time, by the monotonic clock."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        sentence = f"{info.title} took more than {seconds / 60:g} minutes; nothing of it was booked."
        raise SourceUnavailable(info.name, "timeout", sentence) from None


async def fetched(source: Source, info: SourceInfo, window: Window) -> Reading:
    """Return a reading that is the source's own. Raises only SourceErrors."""
    async with timely(info, FIRST_SECONDS if window.start is None else READING_SECONDS):
        with held(info):
            reading = await source.fetch(window)
    if not isinstance(reading, Reading) or reading.as_of.utcoffset() != timedelta(0):
        raise _foreign(info, "no reading with a time in UTC", ())
    if reading.source != info.name:
        raise _foreign(info, f"a reading of {reading.source}", reading.answers)
    admit(info, (*reading.records, *reading.observations), reading.answers)
    for aside in reading.aside:
        if aside.source != info.name:
            raise _foreign(info, f"a row of {aside.source}, set aside", reading.answers)
    return reading


def admit(info: SourceInfo, found: Iterable[Record | Observation], answers: Iterable[Answer]) -> None:
    """Raise SourceBroken for what is of another source, or of a kind that this one does not have."""
    allowed = OF_KIND[info.kind]
    for each in found:
        if type(each) not in allowed:
            what = f"a {type(each).__name__}, which no source of the kind {info.kind} has"
            raise _foreign(info, what, answers)
        if each.source != info.name:
            raise _foreign(info, f"a {type(each).__name__} of {each.source}", answers)


def _foreign(info: SourceInfo, what: str, answers: Iterable[Answer]) -> SourceBroken:
    sentence = f"{info.title} brought {what}; nothing of it was booked."
    return SourceBroken(info.name, "foreign", sentence, answers=tuple(answers))
