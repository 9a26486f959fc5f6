"""All books of the venue account with their marks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import structs

from exporter.ledger.book import AHEAD, CLOCK
from exporter.ledger.journal import Entry
from exporter.ledger.trading.equity import Worth, worth
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.marks import MarkRule, Price, price, seen
from exporter.ledger.trading.positions import Book, Event, counts, replay
from exporter.ledger.trading.reconciliation import Reconciliation
from exporter.money import ZERO
from exporter.records import Change, Fill, Mark, Record, Settlement
from exporter.snapshot import Grade, Reason
from exporter.snapshot.texts import contracts, decimal, moment, usd
from exporter.snapshot.tree import Position
from exporter.times import unstamp

NEVER, EVER = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Valuation:
    """Unrealised P&L of everything open: the sum over marked positions, and what is missing from it.

    `old` names the positions whose mark was not confirmed within the freshness limit, or is dated ahead.
    """

    usd: Decimal
    grade: Grade
    because: tuple[Reason, ...]
    old: tuple[str, ...]


class Portfolio:
    """The markets of one venue by scope. `late` holds the changes of those that wait for a replay."""

    def __init__(self, source: str, rule: MarkRule, lots: LotRule = "average") -> None:
        self.source = source
        self.rule = rule
        self.lots = lots
        self.books: dict[str, Book] = {}
        self.late: dict[str, list[Change]] = {}
        self.positions: dict[str, Position] = {}
        self._marks: dict[str, Mark] = {}
        self._prices: dict[str, Price] = {}
        self._open: dict[str, set[str]] = {}
        self._unrealised: dict[str, Decimal] = {}
        self._total = ZERO
        self._costs: dict[str, Decimal] = {}
        self._exposure = ZERO
        self._largest: str | None = None
        self.reconciliation = Reconciliation(self.books.get, lambda: self.positions)
        self._disagreeing: dict[str, str] = {}
        self._unordered: set[str] = set()
        self._moved: set[str] = set()
        self._revalue: set[str] = set()
        self._lowered: dict[str, tuple[Position, Position]] = {}
        self._confirmed, self._newest = NEVER, EVER
        """No price was last confirmed before this, or after that. They follow them at most once in a
        freshness limit, so that a tick need not look at them all."""

    def apply(self, change: Change, event: Event) -> list[Entry]:
        """Fold one change in and return its entries; a change out of order waits in `late`.

        What the position shows follows at `refresh`: a replay of a million fills shows each book once.
        """
        scope = event.scope
        if change.old is None and not counts(event):
            return []
        book = self.books.get(scope)
        if book is None:
            book = self.books[scope] = Book.empty(scope, event.ticker, self.lots)
        if scope in self.late or change.old is not None or not book.takes(event):
            self.late.setdefault(scope, []).append(change)
            return []
        side = book.side
        entry = book.apply(event)
        self._moved.add(scope)
        if not book.position or book.side != side:
            self._prices.pop(scope, None)  # of the contracts that are gone
        return [entry]

    def refresh(self) -> None:
        """Show the positions as the changes since the last call have left them."""
        for scope in self._moved:
            self._refresh(scope)
        self._moved.clear()

    def resume(self, books: Mapping[str, Book]) -> None:
        """Take the books as they were kept; what is over and agrees shows nothing."""
        self.books.update(books)
        self._moved.update(scope for scope, book in books.items() if book.position or book.doubt)
        self.refresh()

    def restate(self, scope: str, events: Sequence[Event]) -> list[Entry]:
        """Replay a late book from all its events; return its old entries taken back and its new ones."""
        changes = self.late.pop(scope)
        fresh = {(change.new.kind, change.new.key) for change in changes}
        before: list[Event] = [event for event in events if (event.kind, event.key) not in fresh]
        oldest: dict[tuple[str, str], Record | None] = {}
        for change in changes:
            oldest.setdefault((change.new.kind, change.new.key), change.old)
        before += [old for old in oldest.values() if isinstance(old, Fill | Settlement)]
        _, taken_back = replay(scope, before, self.lots)
        book, given = replay(scope, events, self.lots)
        if book.side != self.books[scope].side:
            self._prices.pop(scope, None)
        self.books[scope] = book
        self._refresh(scope)
        return [entry.reversed() for entry in taken_back] + given

    def would_tie(self, scope: str, events: Iterable[Event]) -> bool:
        """Tell whether a market that had only these events would be as the venue states it."""
        happened = [event for event in events if counts(event)]
        for row in happened:
            if isinstance(row, Settlement):
                bought = {"yes": ZERO, "no": ZERO}
                for fill in happened:
                    if isinstance(fill, Fill):
                        bought[fill.side] += fill.count
                return (row.yes_count, row.no_count) == (bought["yes"], bought["no"])
        return self.reconciliation.ties(scope, replay(scope, happened, self.lots)[0])

    @property
    def tickers(self) -> set[str]:
        """Return the markets in which contracts are held."""
        return {self.books[scope].ticker for scope in self.positions}

    def observe_mark(self, mark: Mark) -> bool:
        """Take a market's newest quotes and tell whether a price has moved. One that has not is
        confirmed, nothing more: a reading quotes every open market, and few of them have moved."""
        before = self._marks.get(mark.ticker)
        self._marks[mark.ticker] = mark
        scopes = self._open.get(mark.ticker, ())
        if before is not None and before.same_quotes(mark):
            for scope in scopes:
                known = self._prices.get(scope)
                if known is not None and known.quotes is before:
                    known.quotes = mark
                    self._seen(mark.at)
            return False
        self._revalue.update(scopes)
        moved = False
        for scope in scopes:
            if self._price(scope, self.books[scope]):
                self._refresh(scope)
                moved = True
        return moved

    def quote(self, mark: Mark) -> bool:
        """Take quotes of a live feed, which does not know what a market has resolved to: that stays."""
        known = self._marks.get(mark.ticker)
        if known is not None and known.settled_value is not None:
            return False
        return self.observe_mark(mark)

    def restore(self, positions: Mapping[str, Position]) -> None:
        """Take the marks of a stored snapshot, so that a restart keeps the last good figure with its age."""
        for scope, shown in positions.items():
            if shown.mark is not None and shown.as_of is not None and scope not in self._prices:
                since = unstamp(shown.as_of)
                self._prices[scope] = Price(decimal(shown.mark), since)
                self._seen(since)
                if scope in self.books:
                    self._refresh(scope)

    def stepped(self, step: timedelta) -> None:
        """Date the quotes anew, by a wall clock that was set: a price stays as old as it was."""
        moved = {id(mark): replace(mark, at=mark.at + step) for mark in self._marks.values()}
        self._marks = {ticker: moved[id(mark)] for ticker, mark in self._marks.items()}
        for known in self._prices.values():
            known.since += step
            if known.quotes is not None:
                kept = moved.get(id(known.quotes))
                known.quotes = replace(known.quotes, at=known.quotes.at + step) if kept is None else kept
        times = [known.confirmed for known in self._prices.values()]
        self._confirmed, self._newest = min(times, default=NEVER), max(times, default=EVER)
        for scope in self._prices:
            self._refresh(scope)

    def revalued(self) -> Iterator[tuple[str, Worth | None]]:
        """Yield what each position comes to whose contracts or quotes changed since the last call."""
        for scope in self._revalue:
            book, price = self.books[scope], self._prices.get(scope)
            held = worth(book, self._marks.get(book.ticker), price.usd if price is not None else None)
            yield scope, held if book.position else None
        self._revalue.clear()

    def value(self, now: datetime, freshness: timedelta) -> Valuation:
        """Return the unrealised P&L; positions without a mark are left out and named."""
        unmarked: list[str] = []
        if len(self.positions) > len(self._unrealised):
            unmarked = [scope for scope in self.positions if scope not in self._unrealised]
        old, ahead = self._older(now, freshness)
        because: list[Reason] = []
        grade = Grade.FINAL
        if unmarked:
            grade = Grade.PARTIAL
            because.append(Reason(self.source, "no_mark", f"no mark for {_some(unmarked)}"))
        if old:
            grade = Grade.STALE
            because.append(Reason(self.source, "old_mark", f"old mark for {_some(old)}"))
        if ahead:
            # Nobody knows how old it is.
            grade = Grade.STALE
            because.append(Reason(self.source, CLOCK, f"mark dated ahead of now for {_some(ahead)}"))
        if unmarked and not self._unrealised:
            grade = Grade.MISSING
        return Valuation(self._total, grade, tuple(because), (*old, *ahead))

    def _older(self, now: datetime, freshness: timedelta) -> tuple[list[str], list[str]]:
        """Return the positions whose price was last confirmed too long ago, and those ahead of now."""
        oldest, newest = now - freshness, now + AHEAD
        if self._confirmed >= oldest and self._newest <= newest:
            return [], []
        confirmed = {
            scope: price.confirmed for scope, price in self._prices.items() if scope in self._unrealised
        }
        self._confirmed = min(confirmed.values(), default=NEVER)
        self._newest = max(confirmed.values(), default=EVER)
        return (
            [scope for scope, at in confirmed.items() if at < oldest],
            [scope for scope, at in confirmed.items() if at > newest],
        )

    def shown(self, old: Iterable[str], doubted: Iterable[str] = ()) -> dict[str, Position]:
        """Return all open positions, those in `old` graded stale, those that are `doubted` partial.

        What has not changed is the same object as the last time, so that a delta skips it unread.
        """
        grades = dict.fromkeys((scope for scope in doubted if scope in self._unrealised), Grade.PARTIAL.word)
        grades |= dict.fromkeys(old, Grade.STALE.word)
        positions, lowered = dict(self.positions), {}
        for scope, grade in grades.items():
            fresh = positions[scope]
            kept = self._lowered.get(scope)
            if kept is None or kept[0] is not fresh or kept[1].grade != grade:
                kept = (fresh, structs.replace(fresh, grade=grade))
            lowered[scope] = kept
            positions[scope] = kept[1]
        self._lowered = lowered
        return positions

    @property
    def exposure(self) -> Decimal:
        """Return the cost of everything open: the most that can still be lost."""
        return self._exposure

    def largest(self) -> Book | None:
        """Return the open position that has cost the most, None when nothing is open."""
        if self._largest is None:
            self._largest = max(self._costs, key=self._weight, default=None)
        return None if self._largest is None else self.books[self._largest]

    @property
    def disagreeing(self) -> Mapping[str, str]:
        """Return by market what its settlement row and its fills disagree on, in words."""
        return self._disagreeing

    @property
    def unordered(self) -> Collection[str]:
        """Return the markets whose figures depend on an order of execution that nobody says."""
        return self._unordered

    def _refresh(self, scope: str) -> None:
        book = self.books[scope]
        self._revalue.add(scope)
        self._total -= self._unrealised.pop(scope, ZERO)
        before = self._costs.pop(scope, ZERO)
        self._exposure -= before
        if self._largest == scope and book.cost < before:
            self._largest = None
        if book.doubt:
            self._disagreeing[scope] = book.doubt
        else:
            self._disagreeing.pop(scope, None)
        if book.unknown_order:
            self._unordered.add(scope)
        else:
            self._unordered.discard(scope)
        self.reconciliation.compare(scope)
        if not book.position:
            self.positions.pop(scope, None)
            self._prices.pop(scope, None)
            self._open.get(book.ticker, set()).discard(scope)
            return
        self._open.setdefault(book.ticker, set()).add(scope)
        self._costs[scope] = book.cost
        self._exposure += book.cost
        if self._largest is not None and self._weight(scope) > self._weight(self._largest):
            self._largest = scope
        self._price(scope, book)
        self.positions[scope] = self._show(scope, book)

    def _weight(self, scope: str) -> tuple[Decimal, str]:
        return self._costs[scope], scope

    def _price(self, scope: str, book: Book) -> bool:
        """Price the position by its market's quotes, if they say; tell whether its price has changed."""
        mark = self._marks.get(book.ticker)
        quoted = price(mark, book.side, self.rule) if mark is not None else None
        if mark is None or quoted is None:
            return False
        before = self._prices.get(scope)
        self._prices[scope] = seen(before, quoted, mark)
        self._seen(mark.at)
        return before is None or before.usd != quoted

    def _seen(self, at: datetime) -> None:
        self._confirmed, self._newest = min(self._confirmed, at), max(self._newest, at)

    def _show(self, scope: str, book: Book) -> Position:
        quoted = self._prices.get(scope)
        if quoted is None:
            return Position(
                source=self.source,
                side=book.side,
                count=contracts(book.count),
                cost=usd(book.cost),
                grade=Grade.MISSING.word,
            )
        value = book.count * quoted.usd
        self._unrealised[scope] = value - book.cost
        self._total += value - book.cost
        return Position(
            source=self.source,
            side=book.side,
            count=contracts(book.count),
            cost=usd(book.cost),
            mark=usd(quoted.usd),
            value=usd(value),
            unrealised=usd(value - book.cost),
            grade=Grade.FINAL.word,
            as_of=moment(quoted.since),
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
