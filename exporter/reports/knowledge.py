"""What is known of the past: now, or as it was at an earlier moment.

Then:   what the daybook says now, with every scope made anew, of the records as they stood then, that has a
        record that came later, or that time alone has changed since: what had not happened yet, and bills
        that had not settled. The rest cannot be other than it was.
Bound:  what has changed since is read at a stretch; a moment after which too much has is refused, in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from exporter.errors import ExporterError
from exporter.ledger.cost.day import SETTLES_AFTER
from exporter.ledger.daybook import Calendar, reckon
from exporter.ledger.trading.lots import LotRule
from exporter.periods.day_line import DayLine, DaySums
from exporter.records import KINDS, Record
from exporter.store import Store
from exporter.store.daybook import Lag, Scope

DAY = timedelta(days=1)
EARLIEST = date.min

MOST_CHANGED = 50_000
"""Records that may have come since, of the scopes that have one: read and reckoned in some seconds."""


class NotTold(ExporterError):
    """What was known at a moment is not told; the text says why, and what can be asked."""


class NothingPublished(NotTold):
    """No snapshot of then is kept whole, so nobody knows what it was known beside."""


class TooMuchSince(NotTold):
    """So much has come since that it is not read; the text says how much."""


class OtherMethod(NotTold):
    """It was reckoned by another zone or lot rule then; the text says which."""


class Knowledge(Protocol):
    """The daybook, and the records behind it, as they are known at some moment."""

    def days(self, last: date, sources: Sequence[str]) -> dict[str, dict[date, DaySums]]:
        """Return by source what its days until one came to, of those on which anything did."""

    def lines(self, first: date, last: date, sources: Sequence[str]) -> Iterator[tuple[Scope, date, DayLine]]:
        """Yield all lines of a stretch of days."""

    def doubtful(self, first: date, last: date, source: str) -> list[tuple[date, DayLine]]:
        """Return the lines of a stretch of days that say what is not certain of them, by day."""

    def scopes(self, first: date, last: date, source: str) -> set[str]:
        """Return the scopes of a source that have a line in a stretch of days."""

    def of_scope(self, source: str, scope: str) -> Mapping[date, DayLine]:
        """Return the lines of one scope by day."""

    def records(self, source: str, scopes: Sequence[str]) -> dict[str, list[Record]]:
        """Return the records of some scopes of a source."""

    def lag(self, terms: str) -> Lag:
        """Return what is not in it that is known."""


class KnownNow:
    """What the records come to as they stand."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def days(self, last: date, sources: Sequence[str]) -> dict[str, dict[date, DaySums]]:
        return self._store.daybook.days(None, last, sources)

    def lines(self, first: date, last: date, sources: Sequence[str]) -> Iterator[tuple[Scope, date, DayLine]]:
        yield from self._store.daybook.lines(first, last, sources)

    def doubtful(self, first: date, last: date, source: str) -> list[tuple[date, DayLine]]:
        return self._store.daybook.doubtful(first, last, source)

    def scopes(self, first: date, last: date, source: str) -> set[str]:
        return self._store.daybook.scopes(first, last, source)

    def of_scope(self, source: str, scope: str) -> Mapping[date, DayLine]:
        return self._store.daybook.of_scope(source, scope)

    def records(self, source: str, scopes: Sequence[str]) -> dict[str, list[Record]]:
        return self._store.records.of_scopes(source, scopes)

    def lag(self, terms: str) -> Lag:
        return self._store.daybook.lag(terms)


class KnownThen:
    """What the records came to as they stood at a moment. Raises TooMuchSince."""

    def __init__(
        self, store: Store, at: datetime, sources: Sequence[str], calendar: Calendar, lots: LotRule
    ) -> None:
        self._store, self._at = store, at
        self.before: dict[Scope, Mapping[date, DayLine]] = {}
        """The lines of then, of each scope that may have other ones now."""
        self.now: dict[Scope, Mapping[date, DayLine]] = {}
        """The lines of now, of the same scopes."""
        affected = store.evidence.booked_after(at, sources)
        unsettled = calendar.today(at - SETTLES_AFTER - DAY)
        affected |= {
            scope
            for source in sources
            for scope in store.daybook.changing(source, unsettled, calendar.today(at))
        }
        for source in sources:
            scopes = sorted(scope for each, scope in affected if each == source)
            size = store.evidence.size(source, scopes, tuple(KINDS))
            if size > MOST_CHANGED:
                raise TooMuchSince(
                    f"{size:,} records of {source} have come since, or are of what has changed since; "
                    f"{MOST_CHANGED:,} are read at most: ask for a later moment."
                )
            found: dict[str, list[Record]] = {scope: [] for scope in scopes}
            for revision in store.evidence.known(source, scopes, tuple(KINDS), at):
                found[revision.record.scope].append(revision.record)
            for scope, records in found.items():
                self.before[source, scope] = reckon(records, calendar, lots, at).lines
                self.now[source, scope] = store.daybook.of_scope(source, scope)

    def days(self, last: date, sources: Sequence[str]) -> dict[str, dict[date, DaySums]]:
        moved: dict[str, dict[date, DayLine]] = {source: {} for source in sources}
        for lines, sign in ((self.before, 1), (self.now, -1)):
            for (source, _), by_day in lines.items():
                for day, line in by_day.items():
                    if source in moved:
                        moved[source].setdefault(day, DayLine()).put(line, sign)
        found = self._store.daybook.days(None, last, sources)
        for source, changes in moved.items():
            for day, change in changes.items():
                if day <= last and change:
                    found[source][day] = _sum(found[source].get(day), change)
        return found

    def lines(self, first: date, last: date, sources: Sequence[str]) -> Iterator[tuple[Scope, date, DayLine]]:
        for scope, day, line in self._store.daybook.lines(first, last, sources):
            if scope not in self.before:
                yield scope, day, line
        for scope, by_day in self.before.items():
            for day, line in by_day.items():
                if scope[0] in sources and first <= day <= last and line:
                    yield scope, day, line

    def doubtful(self, first: date, last: date, source: str) -> list[tuple[date, DayLine]]:
        found = self.lines(first, last, [source])
        doubtful = [(day, scope, line) for (_, scope), day, line in found if line.doubts]
        return [(day, line) for day, _, line in sorted(doubtful, key=lambda each: each[:2])]

    def scopes(self, first: date, last: date, source: str) -> set[str]:
        return {scope for (_, scope), _, _ in self.lines(first, last, [source])}

    def of_scope(self, source: str, scope: str) -> Mapping[date, DayLine]:
        known = self.before.get((source, scope))
        return self._store.daybook.of_scope(source, scope) if known is None else known

    def records(self, source: str, scopes: Sequence[str]) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for revision in self._store.evidence.known(source, scopes, tuple(KINDS), self._at):
            found.setdefault(revision.record.scope, []).append(revision.record)
        return found

    def lag(self, terms: str) -> Lag:
        return self._store.daybook.lag(terms)


def _sum(known: DaySums | None, change: DayLine) -> DaySums:
    total = DayLine()
    for account, usd in () if known is None else known.sums.items():
        total.add(account, 0, usd)
    for name, number in () if known is None else known.counts.items():
        total.count(name, number)
    total.put(change)
    return DaySums(total.sums(), total.counts)
