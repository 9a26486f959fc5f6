"""What a venue account is made of: fills, settlements, positions, and entries of its own books.

Units:  dollars and contracts, Decimal. A position is signed: YES positive, NO negative.
Rule:   every position is kept by both lot rules; `cost` and `realised` are those of average cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from exporter.simulator.kalshi.fees import MICRO
from exporter.simulator.kalshi.lots import RULES, AverageCost, Book, FirstInFirstOut
from exporter.simulator.kalshi.market import ONE, ZERO


@dataclass(frozen=True, eq=False, slots=True)
class Fill:
    """One execution. `side` is the side bought (`outcome_side`); `action` how the order was entered."""

    sequence: int
    fill_id: str
    order_id: str
    ticker: str
    side: str
    action: str
    count: Decimal
    yes_price: Decimal
    fee: Decimal
    is_taker: bool
    time: datetime
    subaccount: int
    exchange_index: int
    listed: datetime | None = None  # when the list of fills begins to show it; None: at once

    @property
    def price(self) -> Decimal:
        """Dollars paid per contract of the side bought."""
        return self.yes_price if self.side == "yes" else ONE - self.yes_price

    @property
    def place(self) -> str:
        """Its place in the list among those of its moment, which says nothing of their execution."""
        return self.fill_id


@dataclass(frozen=True, eq=False, slots=True)
class Settlement:
    """One settlement row as it will be served, and what it meant in dollars."""

    sequence: int
    time: datetime
    ticker: str
    event_ticker: str
    subaccount: int
    row: dict[str, Any]

    @property
    def place(self) -> int:
        """Its place in the list among those of its moment."""
        return self.sequence


def _sides() -> dict[str, Decimal]:
    return {"yes": ZERO, "no": ZERO}


@dataclass(slots=True)
class Position:
    """Everything known of one ticker in one subaccount, for the life of the market."""

    ticker: str
    subaccount: int
    exchange_index: int = 0
    held: Decimal = ZERO
    average: AverageCost = field(default_factory=AverageCost)
    fifo: FirstInFirstOut = field(default_factory=FirstInFirstOut)
    fees: Decimal = ZERO
    held_fees: Decimal = ZERO  # the part of the fees that belongs to contracts still held
    settlement_fee: Decimal = ZERO  # what rounding the payout down to cents has kept back
    bought: dict[str, Decimal] = field(default_factory=_sides)
    paid: dict[str, Decimal] = field(default_factory=_sides)
    updated: datetime | None = None
    settled: bool = False

    @property
    def cost(self) -> Decimal:
        """Cost of what is open, by average cost."""
        return self.average.cost

    @property
    def realised(self) -> Decimal:
        """Realised so far before fees, by average cost."""
        return self.average.realised

    def book(self, rule: str) -> Book:
        """Return the book of a lot rule: "average" or "fifo"."""
        if rule not in RULES:
            raise ValueError(f"a lot rule is one of {', '.join(RULES)}")
        return self.average if rule == "average" else self.fifo

    def take(self, fill: Fill) -> tuple[Decimal, Decimal]:
        """Book a fill; return what it realised before fees, by average cost and first in first out."""
        signed = fill.count if fill.side == "yes" else -fill.count
        closing = min(abs(self.held), fill.count) if self.held * signed < 0 else ZERO
        opening = fill.count - closing
        gains = (ZERO, ZERO)
        if closing:
            self.held_fees -= (self.held_fees * closing / abs(self.held)).quantize(MICRO, ROUND_HALF_EVEN)
            proceeds = closing * (ONE - fill.price)
            gains = self.average.close(closing, proceeds), self.fifo.close(closing, proceeds)
        if opening:
            self.held_fees += (fill.fee * opening / fill.count).quantize(MICRO, ROUND_HALF_EVEN)
            self.average.open(opening, fill.price)
            self.fifo.open(opening, fill.price)
        self.held += signed
        self.fees += fill.fee
        self.bought[fill.side] += fill.count
        self.paid[fill.side] += fill.count * fill.price
        self.updated = fill.time
        return gains

    def pay(self, payout: Decimal, time: datetime) -> tuple[Decimal, Decimal]:
        """Close what is held for `payout` dollars, for good; return what that realised by both rules."""
        gains = (ZERO, ZERO)
        if self.held:
            count = abs(self.held)
            gains = self.average.close(count, payout), self.fifo.close(count, payout)
        self.held = self.held_fees = ZERO
        self.settled, self.updated = True, time
        return gains


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the account's own books, for the oracle. `amount` in signed dollars.

    `fifo` is the amount by the other lot rule where the two differ.
    """

    time: datetime
    kind: str  # "realised" or "fee"
    ticker: str
    amount: Decimal
    fifo: Decimal | None = None

    def by(self, rule: str) -> Decimal:
        """Return the amount by a lot rule."""
        return self.fifo if rule == "fifo" and self.fifo is not None else self.amount
