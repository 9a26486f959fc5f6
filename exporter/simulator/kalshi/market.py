"""Markets of the venue and their quotes.

Source: Kalshi trade API, GET /markets and GET /series (pages read 2026-11).
Units:  prices in dollars per YES contract; sizes in contracts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

ZERO = Decimal(0)
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask for YES. A side that nobody quotes has size 0."""

    yes_bid: Decimal = ZERO
    yes_ask: Decimal = ZERO
    bid_size: Decimal = ZERO
    ask_size: Decimal = ZERO
    last: Decimal = ZERO

    def bid_of(self, side: str) -> Decimal | None:
        """Return the price at which a holder of `side` could sell now; None without a buyer."""
        if side == "yes":
            return self.yes_bid if self.bid_size > 0 and 0 < self.yes_bid < 1 else None
        return ONE - self.yes_ask if self.ask_size > 0 and 0 < self.yes_ask < 1 else None


NO_QUOTE = Quote()


@dataclass(frozen=True, slots=True)
class Series:
    """A family of markets with one fee rule."""

    ticker: str
    title: str = "Simulated series"
    category: str = "Simulated"
    fee_type: str = "quadratic"
    fee_multiplier: Decimal = ONE


@dataclass(slots=True)
class Market:
    """One YES/NO pair, from creation to payout."""

    ticker: str
    title: str
    created: datetime
    opens: datetime
    closes: datetime
    quotes: Callable[[datetime], Quote] = field(default=lambda _: NO_QUOTE)
    tick: Decimal = Decimal("0.01")
    market_type: str = "binary"
    exchange_index: int = 0
    status: str = "active"
    result: str = ""
    settlement_value: Decimal | None = None  # dollars paid per YES contract
    settled_at: datetime | None = None
    volume: Decimal = ZERO
    hidden: bool = False  # the venue no longer knows it, though it was never archived

    @property
    def event_ticker(self) -> str:
        """The event is the ticker without its last part."""
        return event_of(self.ticker)

    @property
    def series_ticker(self) -> str:
        """The series is the ticker's first part."""
        return self.ticker.split("-", 1)[0]

    def quote(self, now: datetime) -> Quote:
        """Return the quote at `now`: nobody quotes a result that is known."""
        if self.settlement_value is not None:
            return Quote(last=self.settlement_value)
        if self.settled_at is not None:
            return NO_QUOTE
        return self.quotes(now)


def event_of(ticker: str) -> str:
    """Return the event of a market."""
    return ticker.rsplit("-", 1)[0]


def plain_market(ticker: str, now: datetime) -> Market:
    """Return an open, unquoted market for a ticker that nobody described."""
    return Market(ticker, f"Simulated {ticker}", now, now, now + timedelta(days=30))
