"""All books of the venue account with their marks, and how they compare with the venue's own view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from exporter.errors import LedgerError
from exporter.ledger.journal import Entry
from exporter.ledger.marks import MarkRule, Price, price, seen
from exporter.ledger.positions import Book, Event, replay
from exporter.ledger.snapshot import Grade, Tree, stamp, unstamp
from exporter.money import ZERO, plain
from exporter.records import Change, Mark, VenuePosition


@dataclass(frozen=True, slots=True)
class Valuation:
    """Unrealised P&L of everything open: the sum over marked positions, and what is missing from it.

    `old` names the positions whose mark was not confirmed within the freshness limit.
    """

    usd: Decimal
    grade: Grade
    because: tuple[str, ...]
    old: tuple[str, ...]


class Portfolio:
    """Books by scope. `late` holds the changes of books that need a replay from the record store."""

    def __init__(self, rule: MarkRule) -> None:
        self.rule = rule
        self.books: dict[str, Book] = {}
        self.late: dict[str, list[Change]] = {}
        self.tree: dict[str, Tree] = {}
        self._marks: dict[str, Mark] = {}
        self._prices: dict[str, Price] = {}
        self._open: dict[str, set[str]] = {}
        self._unrealised: dict[str, Decimal] = {}
        self._total = ZERO
        self._venue: dict[str, VenuePosition] = {}
        self._differences: dict[str, tuple[Decimal, str]] = {}
        self._doubts: dict[str, str] = {}
        self._moved: set[str] = set()
        self._stale: dict[str, tuple[Tree, Tree]] = {}

    def apply(self, change: Change, event: Event) -> list[Entry]:
        """Fold one change in and return its entries; a change out of order waits in `late`.

        What the position shows follows at `refresh`: a replay of a million fills shows each book once.
        """
        scope = event.scope
        book = self.books.get(scope)
        if book is None:
            book = self.books[scope] = Book(scope, event.ticker)
        if scope in self.late or change.old is not None or not book.takes(event):
            self.late.setdefault(scope, []).append(change)
            return []
        entry = book.apply(event)
        self._moved.add(scope)
        if not book.position:
            self._prices.pop(scope, None)
        return [entry]

    def refresh(self) -> None:
        """Show the positions as the changes since the last call have left them."""
        for scope in self._moved:
            self._refresh(scope)
        self._moved.clear()

    def restate(self, scope: str, events: Sequence[Event]) -> list[Entry]:
        """Replay a late book from all its events; return its old entries taken back and its new ones."""
        changes = self.late.pop(scope)
        fresh = {(change.new.kind, change.new.key) for change in changes}
        before: list[Event] = [event for event in events if (event.kind, event.key) not in fresh]
        oldest: dict[tuple[str, str], Any] = {}
        for change in changes:
            oldest.setdefault((change.new.kind, change.new.key), change.old)
        before += [old for old in oldest.values() if old is not None]
        _, taken_back = replay(scope, before)
        book, given = replay(scope, events)
        self.books[scope] = book
        self._refresh(scope)
        return [entry.reversed() for entry in taken_back] + given

    def observe_mark(self, mark: Mark) -> None:
        """Take a market's newest quotes. A price that has not moved is confirmed, nothing more:
        a reading quotes every open market, and few of them have moved."""
        self._marks[mark.ticker] = mark
        for scope in self._open.get(mark.ticker, ()):
            if self._price(scope, self.books[scope]):
                self._refresh(scope)

    def observe_venue(self, positions: Iterable[VenuePosition]) -> None:
        """Take the venue's own view of all markets it lists; the others it no longer speaks of."""
        before, self._venue = self._venue, {position.scope: position for position in positions}
        for scope in before.keys() - self._venue.keys():
            self._differences.pop(scope, None)
        for scope, stated in self._venue.items():
            if scope not in before or _view(before[scope]) != _view(stated):
                self._compare(scope)

    def restore(self, positions: Tree) -> None:
        """Take the marks of a stored snapshot, so that a restart keeps the last good figure with its age."""
        for scope, shown in positions.items():
            if "mark" in shown and scope not in self._prices:
                since = unstamp(shown["as_of"])
                self._prices[scope] = Price(Decimal(shown["mark"]), since, since)
                if scope in self.books:
                    self._refresh(scope)

    def value(self, now: datetime, freshness: timedelta) -> Valuation:
        """Return the unrealised P&L; positions without a mark are left out and named."""
        unmarked = [scope for scope in self.tree if scope not in self._unrealised]
        oldest = now - freshness
        old = [scope for scope in self._unrealised if self._prices[scope].confirmed < oldest]
        because: list[str] = []
        grade = Grade.FINAL
        if unmarked:
            grade = Grade.PARTIAL
            because.append(f"kalshi: no mark for {_some(unmarked)}")
        if old:
            grade = Grade.STALE
            because.append(f"kalshi: old mark for {_some(old)}")
        if unmarked and not self._unrealised:
            grade = Grade.MISSING
        return Valuation(self._total, grade, tuple(because), tuple(old))

    def shown(self, old: Iterable[str]) -> dict[str, Tree]:
        """Return all open positions, those in `old` graded stale.

        What has not changed is the same object as the last time, so that a delta skips it unread.
        """
        positions, stale = dict(self.tree), {}
        for scope in old:
            fresh = positions[scope]
            kept = self._stale.get(scope)
            if kept is None or kept[0] is not fresh:
                kept = (fresh, {**fresh, "grade": Grade.STALE.word})
            stale[scope] = kept
            positions[scope] = kept[1]
        self._stale = stale
        return positions

    @property
    def doubts(self) -> list[str]:
        """Return what settlement rows and fills disagree on, in words."""
        return list(self._doubts.values())

    def worst_difference(self) -> tuple[Decimal, str] | None:
        """Return the largest difference from the venue's own figures and where it is; None when all agree."""
        if not self._differences:
            return None
        scope, (size, what) = max(self._differences.items(), key=lambda item: (item[1][0], item[0]))
        return size, f"{what} of {scope}"

    def _refresh(self, scope: str) -> None:
        book = self.books[scope]
        self._total -= self._unrealised.pop(scope, ZERO)
        if book.doubt:
            self._doubts[scope] = book.doubt
        else:
            self._doubts.pop(scope, None)
        self._compare(scope)
        if not book.position:
            self.tree.pop(scope, None)
            self._prices.pop(scope, None)
            self._open.get(book.ticker, set()).discard(scope)
            return
        self._open.setdefault(book.ticker, set()).add(scope)
        self._price(scope, book)
        self.tree[scope] = self._show(scope, book)

    def _price(self, scope: str, book: Book) -> bool:
        """Price the position by its market's quotes, if they say; tell whether its price has changed."""
        mark = self._marks.get(book.ticker)
        usd = price(mark, book.side, self.rule) if mark is not None else None
        if mark is None or usd is None:
            return False
        before = self._prices.get(scope)
        self._prices[scope] = seen(before, usd, mark.at)
        return before is None or before.usd != usd

    def _show(self, scope: str, book: Book) -> Tree:
        shown: dict[str, Any] = {"side": book.side, "count": plain(book.count), "cost": plain(book.cost)}
        quoted = self._prices.get(scope)
        if quoted is None:
            return shown | {"grade": Grade.MISSING.word}
        value = book.count * quoted.usd
        self._unrealised[scope] = value - book.cost
        self._total += value - book.cost
        return shown | {
            "mark": plain(quoted.usd),
            "value": plain(value),
            "unrealised": plain(value - book.cost),
            "grade": Grade.FINAL.word,
            "as_of": stamp(quoted.since),
        }

    def _compare(self, scope: str) -> None:
        self._differences.pop(scope, None)
        theirs, ours = self._venue.get(scope), self.books.get(scope)
        if theirs is None or (ours is not None and ours.settled):
            return
        mine = ours if ours is not None else Book(scope, theirs.ticker)
        pairs = {
            "position": mine.position - theirs.position,
            "exposure": mine.cost - theirs.exposure,
            "realised": mine.realised - theirs.realised,
            "fees": mine.fees - theirs.fees,
        }
        what = max(pairs, key=lambda name: abs(pairs[name]))
        if pairs[what]:
            self._differences[scope] = (abs(pairs[what]), what)


def as_event(change: Change) -> Event:
    """Return the change's newer record, which the caller knows to belong to a book."""
    event = change.new
    if not hasattr(event, "ticker"):
        raise LedgerError(f"A {event.kind} does not belong to a market.")
    return event  # type: ignore[return-value]


def _view(stated: VenuePosition) -> tuple[Decimal, ...]:
    return stated.position, stated.exposure, stated.realised, stated.fees


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
