"""Usage by bucket; buckets that can no longer change are grouped once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from exporter.simulator.anthropic.book import Book
from exporter.simulator.anthropic.lines import HOUR, MINUTE, Usage
from exporter.simulator.anthropic.reports import usage_filter, usage_rows
from exporter.simulator.clock import midnight


def snap(time: datetime, width: timedelta) -> datetime:
    """Return `time` snapped down to a multiple of `width` since its midnight."""
    return time - (time - midnight(time)) % width


class UsageMemory:
    """Grouped rows of buckets; those that can no longer change are remembered."""

    SETTLED = HOUR  # usage is minutes late, never an hour

    def __init__(self, book: Book) -> None:
        self.book = book
        self.version = -1
        self.closed: dict[tuple[Any, ...], list[dict[str, Any]]] = {}

    def rows(
        self,
        begin: datetime,
        width: timedelta,
        groups: tuple[str, ...],
        wanted: dict[str, frozenset[str]],
        now: datetime,
    ) -> list[dict[str, Any]]:
        """Return the rows of one bucket as visible at `now`."""
        if self.version != self.book.version:
            self.version, self.closed = self.book.version, {}
        shown = self.book.dials.search_writes_shown
        key = (shown, begin, width, groups, tuple(sorted(wanted.items(), key=lambda item: item[0])))
        if key in self.closed:
            return self.closed[key]
        keep = usage_filter(wanted)
        lines = [
            u
            for u in self.lines(begin, begin + width)
            if (u.visible_at is None or u.visible_at <= now) and keep(u)
        ]
        rows = usage_rows(lines, groups)
        if begin + width + self.SETTLED < now and width > MINUTE:
            self.closed[key] = rows
        return rows

    def lines(self, begin: datetime, end: datetime) -> list[Usage]:
        """Return usage with its minute in [begin, end)."""
        hour, found = snap(begin, HOUR), []
        while hour < end:
            found += [u for u in self.book.hours.get(hour, ()) if begin <= u.minute < end]
            hour += HOUR
        if self.book.dials.search_writes_shown:
            return found
        return [replace(u, cache_write_5m=0, cache_write_1h=0) if u.web_searches else u for u in found]
