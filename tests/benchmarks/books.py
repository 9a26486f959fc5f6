"""A company's past of any length, generated: fills, settlements, sales, usage and bills of a year.

The same numbers always. Markets follow one another: as many as `positions` are open at a time,
each takes a run of fills and settles when the next one opens in its place, so that a longer past
means more settled markets, as it does for a real account.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from exporter.ledger import Ledger, SourceState
from exporter.records import (
    Balance,
    BilledDay,
    BilledLine,
    Change,
    Fill,
    Mark,
    Observation,
    Record,
    Sale,
    Settlement,
    UsageHour,
    UsageLine,
    VenuePosition,
)
from tests.builders import SOURCES

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)

FILLS_A_MARKET = 25
"""Executions in a market's life; fewer would mean more settled markets and so a larger ledger."""

SALE_EVERY = 20
"""One record in so many is a sale; the usage and bills of the year's hours and days come on top."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much lies behind a tick."""

    records: int
    positions: int


def past(size: Size, end: datetime = NOW) -> Iterator[Record]:
    """Yield the year before `end` in order of time; its last fills leave `size.positions` markets open."""
    dice = random.Random(1)
    step = YEAR / size.records
    clock = _Costs(end - YEAR)
    life = FILLS_A_MARKET * size.positions
    last = [_Market("", Decimal(0), Decimal(0)) for _ in range(size.positions)]
    fills = 0
    for number in range(size.records):
        at = end - YEAR + step * number
        yield from clock.until(at)
        if number % SALE_EVERY == 0:
            yield _sale(number, at, dice)
            continue
        seat = fills % size.positions
        born = fills // life
        fills += 1
        ticker = f"KXBENCH-{born:05d}-{seat:04d}"
        if last[seat].ticker != ticker:
            if last[seat].count:
                yield _settlement(last[seat], at)
            last[seat] = _Market(ticker, Decimal(0), Decimal(0))
        bought = fill(number, ticker, at, dice)
        last[seat] = _Market(
            ticker, last[seat].count + bought.count, last[seat].cost + bought.count * bought.price
        )
        yield bought


def open_markets(size: Size) -> list[str]:
    """Return the markets that the past leaves open."""
    last: dict[int, str] = {}
    fills = (record for record in past(size) if isinstance(record, Fill))
    for number, bought in enumerate(fills):
        last[number % size.positions] = bought.ticker
    return list(last.values())


def fill(number: int, ticker: str, at: datetime, dice: random.Random) -> Fill:
    """Return one execution on the YES side."""
    price = Decimal(dice.randrange(200, 800)).scaleb(-3)
    count = Decimal(dice.randrange(1, 40))
    return Fill(
        source="kalshi",
        fill_id=f"fill-{number:09d}",
        ticker=ticker,
        subaccount=0,
        side="yes",
        count=count,
        price=price,
        fee=Decimal(dice.randrange(1, 90)).scaleb(-2),
        at=at,
    )


def mark(ticker: str, at: datetime, cents: int) -> Mark:
    """Return the quotes of a market around `cents`."""
    bid = Decimal(cents).scaleb(-2)
    return Mark(
        source="kalshi",
        ticker=ticker,
        yes_bid=bid,
        yes_ask=bid + Decimal("0.02"),
        last=bid + Decimal("0.01"),
        settled_value=None,
        at=at,
    )


def observed(ledger: Ledger, at: datetime, moved: int = 0) -> list[Observation]:
    """Return what the venue says of all open markets in one reading; the price of the first has moved."""
    venue = ledger.venues["kalshi"]
    found: list[Observation] = [
        Balance(
            source="kalshi",
            subaccount=0,
            cash=venue.journal.balances.get("venue_cash", Decimal(0)),
            portfolio_value=Decimal("1000"),
            at=at,
        )
    ]
    for place, scope in enumerate(venue.portfolio.positions):
        book = venue.portfolio.books[scope]
        found.append(mark(book.ticker, at, 40 + (place + (moved if place == 0 else 0)) % 30))
        found.append(
            VenuePosition(
                source="kalshi",
                ticker=book.ticker,
                subaccount=0,
                position=book.position,
                exposure=book.cost,
                realised=book.realised,
                fees=book.fees,
                at=at,
            )
        )
    return found


def ledger(size: Size) -> Ledger:
    """Return a ledger that has booked the past and seen a quote of every open market."""
    filled = Ledger(ZoneInfo("UTC"), SOURCES)
    filled.apply(Change(None, record) for record in past(size))
    filled.forget_settled(NOW)
    filled.observe(observed(filled, NOW))
    return filled


def sources(at: datetime) -> dict[str, SourceState]:
    """Return all three sources as having just answered."""
    return {name: SourceState(as_of=at, last_success=at) for name in ("kalshi", "anthropic", "sales")}


@dataclass(frozen=True, slots=True)
class _Market:
    ticker: str
    count: Decimal
    cost: Decimal


class _Costs:
    """The hours and days of API cost, as time passes."""

    def __init__(self, start: datetime) -> None:
        self._hour = start.replace(minute=0, second=0, microsecond=0)

    def until(self, at: datetime) -> Iterator[Record]:
        while self._hour + timedelta(hours=1) <= at:
            yield _usage(self._hour)
            self._hour += timedelta(hours=1)
            if self._hour.hour == 0:
                yield _bill(self._hour - timedelta(days=1))


def _usage(at: datetime) -> UsageHour:
    lines = tuple(
        UsageLine(
            workspace="default",
            model=model,
            tier="standard",
            geo="global",
            speed="standard",
            uncached_input=120_000,
            cache_write_5m=0,
            cache_write_1h=0,
            cache_read=400_000,
            output=30_000,
            web_searches=0,
            cost=Decimal(cost),
        )
        for model, cost in (("model-large", "1.234567"), ("model-small", "0.123456"))
    )
    return UsageHour(source="anthropic", at=at, lines=lines)


def _bill(day: datetime) -> BilledDay:
    lines = tuple(
        BilledLine(
            workspace="default",
            description=f"{model} {token_type}",
            amount=Decimal("8.1375"),
            cost_type="tokens",
            model=model,
            token_type=token_type,
        )
        for model in ("model-large", "model-small")
        for token_type in ("input", "output")
    )
    return BilledDay(source="anthropic", day=day.date(), lines=lines)


def _sale(number: int, at: datetime, dice: random.Random) -> Sale:
    gross = Decimal(dice.randrange(500, 20_000)).scaleb(-2)
    return Sale(
        source="sales",
        sale_id=f"sale-{number:09d}",
        at=at,
        updated_at=at,
        status="paid",
        gross=gross,
        fee=Decimal("0.59"),
        tax=Decimal("0"),
        customer=f"customer-{number % 997}",
        product=f"product-{number % 7}",
        refunds=(),
    )


def _settlement(market: _Market, at: datetime) -> Settlement:
    return Settlement(
        source="kalshi",
        ticker=market.ticker,
        subaccount=0,
        result="yes",
        yes_count=market.count,
        yes_cost=market.cost,
        no_count=Decimal(0),
        no_cost=Decimal(0),
        payout=market.count,
        value=Decimal(1),
        fee=Decimal(0),
        at=at,
    )
