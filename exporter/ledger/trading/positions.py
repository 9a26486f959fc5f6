"""Fills and a settlement in one market, as entries and an open position at cost.

Source: Kalshi, fills by the side bought; settlement rows gross for the market's life.
Rule:   buying the other side closes: each pair of YES and NO pays one dollar at once, and what
        the contracts had cost (`lots`) leaves the open cost. What rounding leaves stays in the
        open cost, so nothing is lost over the position's life.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from exporter.ledger.journal import OPEN_COST, VENUE_CASH, Entry
from exporter.ledger.trading.lots import AverageCost, FirstInFirstOut, LotRule, Lots, both
from exporter.money import ZERO
from exporter.records import Fill, Record, Settlement, Side
from exporter.times import to_us

ONE = Decimal(1)

Event = Fill | Settlement

Place = tuple[bool, int, int, str]

NOTHING_SEEN: Place = (False, -(2**63), 0, "")
"""Before every event's place in order."""

NO_LOTS = AverageCost()
"""What every settled book holds: nothing, and one object is enough to say so."""


def in_order(event: Record) -> Place:
    """Sort a book's events: fills by time and as the venue lists them, the settlement last whatever the
    clocks say."""
    newer = event.newer if isinstance(event, Fill) else 0
    return isinstance(event, Settlement), to_us(event.at), -newer, event.key


@dataclass(slots=True)
class Book:
    """One market of one subaccount. `position` is signed contracts: YES positive, NO negative.

    `lots` is the open cost by the rule in force, `other` by the other rule, for comparison only.
    `banked` is the result of the round trips that are over: realised minus fees when last flat.
    `doubt` says in words what the settlement row and the fills disagree on; empty when they agree.
    """

    scope: str
    ticker: str
    position: Decimal = ZERO
    lots: Lots = field(default_factory=AverageCost)
    other: Lots = field(default_factory=FirstInFirstOut)
    yes_count: Decimal = ZERO
    no_count: Decimal = ZERO
    yes_cost: Decimal = ZERO
    no_cost: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    banked: Decimal = ZERO
    settled: bool = False
    doubt: str = ""
    last: Place = NOTHING_SEEN

    @classmethod
    def empty(cls, scope: str, ticker: str, rule: LotRule) -> Self:
        """Return a book without contracts that keeps its lots by the rule."""
        lots, other = both(rule)
        return cls(scope, ticker, lots=lots, other=other)

    @property
    def cost(self) -> Decimal:
        """What the open contracts have cost, without fees."""
        return self.lots.cost

    @property
    def side(self) -> Side:
        """The side held; meaningless while flat."""
        return "yes" if self.position > 0 else "no"

    @property
    def count(self) -> Decimal:
        """Contracts held, unsigned."""
        return abs(self.position)

    def takes(self, event: Event) -> bool:
        """Tell whether the event follows all the book has seen, so that no replay is needed."""
        return not self.settled and in_order(event) > self.last

    def apply(self, event: Event) -> Entry:
        """Fold the next event in and return its entry."""
        self.last = in_order(event)
        return self._settle(event) if isinstance(event, Settlement) else self._fill(event)

    def _fill(self, fill: Fill) -> Entry:
        signed = fill.count if fill.side == "yes" else -fill.count
        closes = min(fill.count, self.count) if signed * self.position < 0 else ZERO
        flat = bool(closes) and closes == self.count
        freed = self._take(closes) if closes else ZERO
        gain = closes * (ONE - fill.price) - freed
        opened = (fill.count - closes) * fill.price
        if opened:
            self.lots.add(fill.count - closes, fill.price)
            self.other.add(fill.count - closes, fill.price)
        self.position += signed
        self._count(fill)
        self.realised += gain
        self.fees += fill.fee
        return Entry(
            to_us(fill.at),
            {
                VENUE_CASH: closes * (ONE - fill.price) - opened - fill.fee,
                OPEN_COST: opened - freed,
                "trading_realised": -gain,
                "trading_fees": fill.fee,
            },
            self._round_trip() if flat else None,
        )

    def _round_trip(self) -> Decimal:
        """Return what the round trip that ends now has made, and begin to count the next one."""
        before, self.banked = self.banked, self.realised - self.fees
        return self.banked - before

    def _take(self, closes: Decimal) -> Decimal:
        held = self.count
        self.other.take(closes, held)
        return self.lots.take(closes, held)

    def _count(self, fill: Fill) -> None:
        if fill.side == "yes":
            self.yes_count += fill.count
            self.yes_cost += fill.count * fill.price
        else:
            self.no_count += fill.count
            self.no_cost += fill.count * fill.price

    def _settle(self, row: Settlement) -> Entry:
        outcome = self._outcome(row)
        if outcome is None:
            return Entry(to_us(row.at), {})
        gain, fee = outcome
        cost, held = self.cost, bool(self.position or gain or fee)
        self.realised += gain
        self.fees += fee
        self.position = ZERO
        self.settled = True
        result = self._round_trip() if held else None
        self._forget()
        return Entry(
            to_us(row.at),
            {
                VENUE_CASH: gain + cost - fee,
                OPEN_COST: -cost,
                "trading_realised": -gain,
                "trading_fees": fee,
            },
            result,
        )

    def _forget(self) -> None:
        """Let go of what only a next event would ask for: a settled book takes none, it is replayed.

        An account has thousands of settled markets; this is a third of what each of them weighs.
        """
        self.yes_count = self.no_count = self.yes_cost = self.no_cost = self.banked = ZERO
        self.lots = self.other = NO_LOTS
        self.last = NOTHING_SEEN

    def _outcome(self, row: Settlement) -> tuple[Decimal, Decimal] | None:
        """Return what settling adds to realised and to fees; None when the row does not say what it paid."""
        if (row.yes_count, row.no_count) == (self.yes_count, self.no_count):
            return row.payout - self.cost, ZERO
        if row.yes_count >= self.yes_count and row.no_count >= self.no_count:
            # The venue no longer lists the early fills: the row is gross for the market's life,
            # so what our fills have not told us is the rest of it.
            pairs = min(row.yes_count, row.no_count)
            gross = row.payout + pairs - row.yes_cost - row.no_cost
            return gross - self.realised, row.fee - self.fees
        # Rows of nothing but zeros occur; fills are the better witness then.
        self.doubt = (
            f"settlement of {self.scope} counts {row.yes_count} YES and {row.no_count} NO, "
            f"our fills {self.yes_count} and {self.no_count}"
        )
        value = row.value if row.value is not None else {"yes": ONE, "no": ZERO}.get(row.result)
        if value is None and self.position:
            self.doubt += ", and it does not say what a contract paid"
            return None
        per_contract = ZERO if value is None else value if self.position > 0 else ONE - value
        return self.count * per_contract - self.cost, ZERO


def replay(scope: str, events: Iterable[Event], rule: LotRule = "average") -> tuple[Book, list[Entry]]:
    """Return the book and entries of all events of one market, in any order given."""
    ordered = sorted(events, key=in_order)
    book = Book.empty(scope, ordered[0].ticker if ordered else scope, rule)
    return book, [book.apply(event) for event in ordered]
