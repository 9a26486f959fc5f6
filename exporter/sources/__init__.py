"""Where figures come from: each source answers one question, `fetch(window) -> Reading`.

A new source is a module with one class of this shape and one line in `wiring.SOURCES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from exporter.records import Answer, Observation, Record


@dataclass(frozen=True, slots=True)
class Window:
    """What to read: everything that changed in [start, end); start None means from the beginning."""

    start: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One complete answer of a source. It exists only if every page arrived and was well formed.

    `as_of` is the time the figures speak of; `skew` is the upstream clock minus ours, None when
    the answer carried no date.
    """

    source: str
    as_of: datetime
    records: tuple[Record, ...]
    observations: tuple[Observation, ...] = ()
    answers: tuple[Answer, ...] = ()
    skew: timedelta | None = None


class Source(Protocol):
    """One upstream. `overlap` is how far before the last reading a new one starts again.

    `fetch` raises only `SourceError`s; a half-read answer is an error, never a Reading.
    """

    name: str
    interval: timedelta
    overlap: timedelta
    freshness: timedelta

    async def fetch(self, window: Window) -> Reading: ...

    async def aclose(self) -> None: ...
