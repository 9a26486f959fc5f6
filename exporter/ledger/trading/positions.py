"""Fills and a settlement in one market, as entries and an open position at cost.

Source: Kalshi, fills by the side bought; settlement rows gross for the market's life.
Rule:   buying the other side closes: each pair of YES and NO pays one dollar at once, and what
        the contracts had cost (`lots`) leaves the open cost. What rounding leaves stays in the
        open cost, so nothing is lost over the position's life.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Self

from exporter.ledger.journal import OPEN_COST, VENUE_CASH, Entry
from exporter.ledger.trading.lots import AverageCost, FirstInFirstOut, LotRule, Lots, both
from exporter.ledger.trading.ways import Way, orders_of, signed, spread, trade
from exporter.money import ZERO
from exporter.records import Fill, Record, Settlement, Side, ticker_of
from exporter.times import to_us

ONE = Decimal(1)

Event = Fill | Settlement

Place = tuple[bool, int, tuple[str, Decimal, str]]

NOTHING_SEEN: Place = (False, -(2**63), ("", ZERO, ""))
"""Before every event's place in order."""

NO_LOTS = AverageCost()
"""What every settled book holds: nothing, and one object is enough to say so."""


def in_order(event: Record) -> Place:
    """Sort a book's events: fills as they were executed, the settlement last whatever the clocks say."""
    place = event.place if isinstance(event, Fill) else ("", ZERO, event.key)
    return isinstance(event, Settlement), to_us(event.at), place


@dataclass(slots=True)
class Book:
    """One market of one subaccount. `position` is signed contracts: YES positive, NO negative.

    `lots` is the open cost by the rule in force, `other` by the other rule, for comparison only.
    `banked` is the result of the round trips that are over: realised minus fees when last flat.
    `doubt` says in words what the settlement row and the fills disagree on; empty when they agree.
    `ways` are all ways in which it may have gone, where orders of one moment have no known order; empty
    where all come to the same. `crowded` is whether the last moment had fills of several orders.
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
    ways: tuple[Way, ...] = ()
    crowded: bool = False
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

    @property
    def unknown_order(self) -> bool:
        """Whether realised or cost would be another if the orders of one moment had come otherwise."""
        return any(way.realised != self.realised or way.lots.cost != self.cost for way in self.ways)

    def takes(self, event: Event) -> bool:
        """Tell whether the event follows all the book has seen, so that no replay is needed.

        A fill beside other orders of its moment is replayed with them, also one of an order that is there:
        nobody says which order came first, and it may have been all of this one.
        """
        place = in_order(event)
        beside = place[:2] == self.last[:2] and (self.crowded or place[2][0] != self.last[2][0])
        return not self.settled and place > self.last and not beside

    def apply(self, event: Event) -> Entry:
        """Fold the next event in and return its entry."""
        place = in_order(event)
        self.crowded &= place[:2] == self.last[:2]
        self.last = place
        return self._settle(event) if isinstance(event, Settlement) else self._fill(event)

    def _fill(self, fill: Fill) -> Entry:
        held = self.count
        trade(self.other, self.position, fill)
        done = trade(self.lots, self.position, fill)
        flat = bool(done.closes) and done.closes == held
        self.position += signed(fill)
        self._count(fill)
        self.realised += done.gain
        self.fees += fill.fee
        if self.ways:
            self._follow(fill, flat)
        return Entry(
            to_us(fill.at),
            {
                VENUE_CASH: done.closes * (ONE - fill.price) - done.opened - fill.fee,
                OPEN_COST: done.opened - done.freed,
                "trading_realised": -done.gain,
                "trading_fees": fill.fee,
            },
            self._round_trip() if flat else None,
        )

    def _round_trip(self) -> Decimal:
        """Return what the round trip that ends now has made, and begin to count the next one."""
        before, self.banked = self.banked, self.realised - self.fees
        return self.banked - before

    def moment(self, events: list[Event]) -> Iterator[Entry]:
        """Fold all events of one moment in, as `apply` would, and follow all ways they may have gone."""
        if len(events) == 1:
            yield self.apply(events[0])
            return
        fills = [event for event in events if isinstance(event, Fill)]
        orders = orders_of(fills)
        ways: tuple[Way, ...] = ()
        if len(orders) > 1:
            ways = spread(self.ways or (Way(self.lots.copy(), self.position, self.realised),), orders)
            self.ways = ()
        for event in events:
            yield self.apply(event)
        if len(orders) > 1 and self.position:
            self.ways = ways
        self.crowded = len({fill.place[0] for fill in fills}) > 1

    def _follow(self, fill: Fill, flat: bool) -> None:
        """Follow all ways; once nothing is held they have come to the same."""
        for way in self.ways:
            way.take(fill)
        if flat:
            self.ways = ()

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
        self.ways = ()
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


def counts(event: Event) -> bool:
    """Tell whether an event has happened, as far as is known: a fill that was taken back has not."""
    return not (isinstance(event, Fill) and event.voided)


def replay(scope: str, events: Iterable[Event], rule: LotRule = "average") -> tuple[Book, list[Entry]]:
    """Return the book and entries of all events of one market that count, in any order given."""
    ordered = sorted(filter(counts, events), key=in_order)
    book = Book.empty(scope, ticker_of(scope), rule)
    moments = groupby(ordered, key=lambda event: in_order(event)[:2])
    return book, [entry for _, moment in moments for entry in book.moment(list(moment))]
