"""What a venue account is made of: fills, settlements, positions, movements of cash, book entries.

Units:  dollars and contracts, Decimal. A position is signed: YES positive, NO negative.
Rule:   closing takes its share out of the open cost by average cost, rounded half-even to 0.000001;
        the last contract takes the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from exporter.simulator.kalshi.fees import MICRO
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

    @property
    def price(self) -> Decimal:
        """Dollars paid per contract of the side bought."""
        return self.yes_price if self.side == "yes" else ONE - self.yes_price


@dataclass(frozen=True, eq=False, slots=True)
class Settlement:
    """One settlement row as it will be served, and what it meant in dollars."""

    sequence: int
    time: datetime
    ticker: str
    event_ticker: str
    subaccount: int
    row: dict[str, Any]


@dataclass(slots=True)
class Position:
    """Everything known of one ticker in one subaccount, for the life of the market."""

    ticker: str
    subaccount: int
    exchange_index: int = 0
    held: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    bought: dict[str, Decimal] = field(default_factory=lambda: {"yes": ZERO, "no": ZERO})
    paid: dict[str, Decimal] = field(default_factory=lambda: {"yes": ZERO, "no": ZERO})
    updated: datetime | None = None
    settled: bool = False

    def take(self, fill: Fill) -> Decimal:
        """Book a fill; return what it realised, before fees."""
        signed = fill.count if fill.side == "yes" else -fill.count
        closing = min(abs(self.held), fill.count) if self.held * signed < 0 else ZERO
        realised = self._close(closing, fill.price) if closing else ZERO
        self.cost += (fill.count - closing) * fill.price
        self.held += signed
        self.realised += realised
        self.fees += fill.fee
        self.bought[fill.side] += fill.count
        self.paid[fill.side] += fill.count * fill.price
        self.updated = fill.time
        return realised

    def _close(self, count: Decimal, price: Decimal) -> Decimal:
        """Take `count` contracts out at average cost; the last contract takes the rest."""
        share = self.cost
        if count != abs(self.held):
            share = (self.cost * count / abs(self.held)).quantize(MICRO, ROUND_HALF_EVEN)
        self.cost -= share
        return count * (ONE - price) - share


@dataclass(frozen=True, slots=True)
class Movement:
    """A deposit or withdrawal. Only status `applied` moves cash."""

    id: str
    kind: str  # "deposit" or "withdrawal"
    cents: int
    fee_cents: int
    time: datetime
    status: str = "applied"
    type: str = "ach"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the account's own books, for the oracle. `amount` in signed dollars."""

    time: datetime
    kind: str  # "realised" or "fee"
    ticker: str
    amount: Decimal
