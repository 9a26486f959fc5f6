"""Recent days, read again: every upstream lists late, amends and takes back.

Rule:   each hour the last two days, each day the last 35, by the hours and days of a source's own phase, so
        that not all are asked at once. It is due when the last reading that was booked lies in an earlier
        hour or day: one that failed, or that was missed while nothing ran, is due again.
Cost:   pages of a thousand rows. A small account has no more calls than at any other reading, a busy one a
        dozen an hour, and none more than forty: a fiftieth of the venue's smallest budget is 1 440.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exporter.records import Aside

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reread:
    """How often so much of the past is read again."""

    why: str
    every: timedelta
    back: timedelta


DAILY = Reread("day", timedelta(days=1), timedelta(days=35))
"""As long as a bill of the API has been seen to change; the venue's live lists reach back about as far."""

HOURLY = Reread("hour", timedelta(hours=1), timedelta(days=2))
"""What is listed after the overlap was late by hours, and is found within the next one."""

MOST_ROWS = 20_000
"""More are not read again at once: some seconds of asking, and twenty megabytes. What lies before them a
contradiction asks for, market by market."""


OLDEST_ASIDE = timedelta(days=400)
"""How far back rows that are aside are asked for again: a bill's first reading is of a year. What one says of
its own time must not make us read since the beginning of time."""


def back_to_asides(since: datetime, asides: Iterable[Aside], now: datetime) -> datetime:
    """Return from when to read again so that rows which are aside are listed too, if they still are.

    One that may be of any time, as of a list of names, is in no span: its list is read whole anyway.
    """
    known = (each.since for each in asides if each.since is not None)
    return min([since, *(at for at in known if at >= now - OLDEST_ASIDE)])


def told() -> str:
    """Return the schedule in words."""
    spans = (f"the last {each.back.days} days each {each.why}" for each in (HOURLY, DAILY))
    return f"Lists are read again: {', '.join(spans)}, and a market at once that a venue contradicts us in."


def due(source: str, last: datetime | None, now: datetime) -> Reread | None:
    """Return what is to be read again now; None before the first reading, which is whole."""
    if last is None:
        return None
    phase = zlib.crc32(source.encode())
    for each in (DAILY, HOURLY):
        shift = timedelta(seconds=phase % each.every.total_seconds())
        if (last - shift - _EPOCH) // each.every < (now - shift - _EPOCH) // each.every:
            return each
    return None
