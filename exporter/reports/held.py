"""What is known of the API cost of a stretch of days, read at once: for who asks about each of its days.

Asked one by one, a day costs five questions to the database, and a year two thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from exporter.periods.day_line import DayLine, DaySums
from exporter.records import Record
from exporter.reports.knowledge import Knowledge
from exporter.store.daybook import Lag, Scope

AROUND = timedelta(days=3)
"""A UTC day has lines on two days of the zone, and a period is cut by the UTC days around its edges."""


class Held:
    """The same as what it holds a part of; what it does not hold is asked there."""

    def __init__(self, known: Knowledge, first: date, last: date, sources: Sequence[str]) -> None:
        self._known = known
        self._first, self._last = first - AROUND, last + AROUND
        self._by_day: dict[tuple[str, date], list[tuple[str, DayLine]]] = {}
        self._scopes: dict[Scope, Mapping[date, DayLine]] = {
            (source, date.fromordinal(day).isoformat()): {}
            for source in sources
            for day in range(first.toordinal() - 1, last.toordinal() + 2)
        }
        lines: dict[Scope, dict[date, DayLine]] = {}
        for (source, scope), day, line in known.lines(self._first, self._last, sources):
            self._by_day.setdefault((source, day), []).append((scope, line))
            lines.setdefault((source, scope), {})[day] = line
        self._scopes |= {scope: lines[scope] for scope in self._scopes.keys() & lines.keys()}
        self._firsts = {source: known.first_scope(source) for source in sources}

    def days(self, last: date, sources: Sequence[str]) -> dict[str, dict[date, DaySums]]:
        return self._known.days(last, sources)

    def lines(self, first: date, last: date, sources: Sequence[str]) -> Iterator[tuple[Scope, date, DayLine]]:
        return self._known.lines(first, last, sources)

    def doubtful(self, first: date, last: date, source: str) -> list[DayLine]:
        if not self._holds(first, last, source):
            return self._known.doubtful(first, last, source)
        return [line for _, line in self._between(first, last, source) if line.doubts]

    def scopes(self, first: date, last: date, source: str) -> set[str]:
        if not self._holds(first, last, source):
            return self._known.scopes(first, last, source)
        return {scope for scope, _ in self._between(first, last, source)}

    def of_scope(self, source: str, scope: str) -> Mapping[date, DayLine]:
        found = self._scopes.get((source, scope))
        if found is None:
            found = self._scopes[source, scope] = self._known.of_scope(source, scope)
        return found

    def first_scope(self, source: str) -> str | None:
        return self._firsts[source] if source in self._firsts else self._known.first_scope(source)

    def records(self, source: str, scopes: Sequence[str]) -> dict[str, list[Record]]:
        return self._known.records(source, scopes)

    def lag(self, terms: str) -> Lag:
        return self._known.lag(terms)

    def _holds(self, first: date, last: date, source: str) -> bool:
        return source in self._firsts and self._first <= first and last <= self._last

    def _between(self, first: date, last: date, source: str) -> Iterator[tuple[str, DayLine]]:
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            yield from self._by_day.get((source, date.fromordinal(ordinal)), ())
