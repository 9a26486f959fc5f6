"""The trading desk of the made-up company: lists markets, trades at their quotes, sees them settle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from exporter.simulator.clock import DAY, midnight
from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.market import ZERO, Market, Series
from exporter.simulator.kalshi.quotes import Walk
from exporter.simulator.wire import identity


@dataclass(frozen=True, slots=True)
class Family:
    """A series and the strikes its markets are listed at."""

    series: Series
    title: str
    strike: Decimal
    step: Decimal
    tick: Decimal = Decimal("0.01")


FAMILIES = (
    Family(
        Series("KXHIGHNY", "Highest temperature in New York", "Climate"),
        "New York above {}",
        Decimal("40.50"),
        Decimal("0.50"),
    ),
    Family(
        Series("KXBTCD", "Bitcoin price", "Crypto"),
        "Bitcoin above {}",
        Decimal("96249.99"),
        Decimal(250),
        Decimal("0.001"),
    ),
    Family(
        Series("KXINXD", "S&P 500 level", "Financials"),
        "S&P 500 above {}",
        Decimal("7012.50"),
        Decimal("12.5"),
    ),
    Family(
        Series("KXNBAPTS", "Points of the game", "Sports", "quadratic_with_maker_fees"),
        "More than {} points",
        Decimal("180.5"),
        Decimal(1),
    ),
    Family(
        Series("KXMLBRUNS", "Runs of the game", "Sports", "quadratic", Decimal("0.5")),
        "More than {} runs",
        Decimal("3.5"),
        Decimal("0.5"),
    ),
)


@dataclass
class Desk:
    """One account and what has been listed for it so far."""

    account: Account
    seed: int
    listed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.account.series = {family.series.ticker: family.series for family in FAMILIES}

    def list_market(self, rng: Random, at: datetime) -> Market:
        """List a new market of the day of `at` and return it."""
        family = rng.choice(FAMILIES)
        event = f"{family.series.ticker}-{at:%y%b%d}".upper()
        strike = family.strike + family.step * self.listed[event]
        self.listed[event] += 1
        scalar = rng.random() < 1 / 15
        return self.account.market(
            f"{event}-T{strike}",
            title=family.title.format(strike),
            created=at - timedelta(hours=6),
            opens=midnight(at),
            closes=midnight(at) + DAY - timedelta(minutes=1),
            tick=family.tick,
            market_type="scalar" if scalar else "binary",
            quotes=Walk(
                rng.getrandbits(48),
                rng.uniform(0.28, 0.72),
                family.tick,
                rng.choice((1, 2)) if family.tick == Decimal("0.01") else rng.randint(4, 14),
            ),
        )

    def held(self, market: Market) -> Decimal:
        """Return the signed contracts held in a market."""
        position = self.account.positions.get((0, market.ticker))
        return position.held if position else ZERO

    def trade(
        self, rng: Random, market: Market, side: str, count: Decimal, taker: bool, at: datetime
    ) -> None:
        """Buy `side` at the quote: a taker pays the spread, a maker earns it. Now and then in two fills."""
        quote = market.quote(at)
        yes_price = quote.yes_ask if (side == "yes") == taker else quote.yes_bid
        reduces = self.held(market) * (1 if side == "yes" else -1) < 0
        # Closing is entered as a sale or as a purchase of the other side; both occur, the money is the same.
        action = "sell" if reduces and rng.random() < 0.7 else "buy"
        order = f"{market.ticker}:{at.isoformat()}"
        parts = [count]
        if count > 2 and rng.random() < 0.15:
            parts = [count - Decimal("0.75"), Decimal("0.75")]
        # The fills of one order share their microsecond.
        self.account.order(
            market.ticker,
            side,
            [(part, yes_price) for part in parts],
            at=at,
            is_taker=taker,
            action=action,
            order_id=order_id(order),
        )

    def reduce(self, rng: Random, market: Market, share: float, taker: bool, at: datetime) -> None:
        """Close a share of what is held."""
        held = self.held(market)
        count = max((abs(held) * Decimal(round(share, 2))).quantize(Decimal("0.01")), Decimal("0.01"))
        if held:
            self.trade(rng, market, "no" if held > 0 else "yes", min(count, abs(held)), taker, at)

    def settle(self, rng: Random, market: Market, at: datetime, target: float, so_far: Decimal) -> None:
        """Resolve a market, more likely in our favour the further the day is below its target.

        Without this pull a demo that runs for days would drift off to sums no small company trades.
        """
        favour = min(max(0.5 + (target - float(so_far)) / 160, 0.1), 0.9)
        wins = rng.random() < favour
        yes = wins if self.held(market) >= 0 else not wins
        if market.market_type == "scalar":
            value = Decimal(rng.randint(5200, 8800) if yes else rng.randint(1200, 4800)) / 10000
            self.account.settle(market.ticker, "scalar", value, at=at)
        else:
            self.account.settle(market.ticker, "yes" if yes else "no", at=at)


def order_id(text: str) -> str:
    """Return the id of an order placed at one moment in one market."""
    return identity("order", text)
