"""Ready worlds whose figures were worked by hand.

Sources: the reference account, the check vectors (results of real settlements) and the two report
         examples that the facts about the upstreams were collected with.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from exporter.simulator.anthropic.lines import CostLine
from exporter.simulator.clock import Clock, SettableClock
from exporter.simulator.kalshi import cases
from exporter.simulator.kalshi.account import Account
from exporter.simulator.wire import parse_time
from exporter.simulator.world import World

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OPEN_MARKET = "KXSAMPLE-26DEC01-T10"
SETTLED_MARKET = "KXSAMPLE-26NOV20-T7"

# Contracts and cost of YES, of NO, result, payout of one YES in cents, revenue in cents, fee, gross, net.
CHECK_VECTORS = (
    ("132.00", "47.520000", "132.00", "10.560000", "yes", 100, 0, "2.8090", "73.92", "71.1110"),
    ("5.00", "4.490000", "5.00", "0.550000", "yes", 100, 0, "0.066400", "-0.04", "-0.106400"),
    ("1.00", "0.720000", "3.00", "1.980000", "no", 0, 200, "0.061000", "0.30", "0.239000"),
    ("16.00", "13.840000", "6.00", "2.340000", "yes", 100, 1000, "0.210300", "-0.18", "-0.390300"),
    ("5.68", "4.941600", "5.00", "0.450000", "yes", 100, 68, "0.073700", "0.2884", "0.214700"),
    ("1.00", "0.230000", "1.97", "1.359300", "no", 0, 97, "0.041900", "0.3807", "0.338800"),
    ("0.00", "0.000000", "25.00", "21.000000", "yes", 100, 0, "0.216700", "-21.00", "-21.216700"),
    ("198.00", "98.830000", "0.00", "0.000000", "no", 0, 0, "3.070000", "-98.83", "-101.900000"),
    ("0.00", "0.000000", "0.00", "0.000000", "yes", 100, 0, "0.000000", "0", "0"),
)

SONNET = {"model": "claude-sonnet-5-5", "service_tier": "standard", "context_window": "0-200k"}


def frozen(now: datetime = NOW) -> World:
    """Return an empty world whose clock stands still at `now`; `world.clock` moves it."""
    return World(SettableClock(now))


def reference_account(clock: Clock | None = None) -> World:
    """Return the worked reference account: a deposit of 100, one open and one settled market.

    Realised net 2.4842, unrealised 1.08, cash 100.0842, equity 103.5642. Fees are the era-3 rule's.
    """
    world = World(clock or SettableClock(NOW))
    add_reference_account(world)
    return world


def company(clock: Clock | None = None) -> World:
    """Return the reference account, the report examples and the week of sales in one world."""
    world = World(clock or SettableClock(NOW))
    add_reference_account(world)
    add_reports(world)
    add_sales_week(world)
    return world


def add_reference_account(world: World) -> None:
    """Put the reference account into a world."""
    account = world.kalshi
    account.deposit("100.00", parse_time("2026-10-26T07:33:20Z"), id="d-1")
    _sample_market(account, OPEN_MARKET, "2026-12-01T22:00:00Z")
    _sample_market(account, SETTLED_MARKET, "2026-11-20T22:00:00Z")

    def trade(number: int, ticker: str, side: str, price: str, count: str, at: str, action: str) -> None:
        account.fill(
            ticker,
            side,
            count,
            price,
            at=parse_time(at),
            action=action,
            fill_id=f"f-{number:04d}",
            order_id=f"o-{number:04d}",
        )

    trade(1, OPEN_MARKET, "yes", "0.40", "10.00", "2026-11-20T14:00:00.5Z", "buy")
    trade(3, SETTLED_MARKET, "no", "0.40", "8.00", "2026-11-20T15:10:00Z", "buy")
    trade(4, SETTLED_MARKET, "yes", "0.30", "3.00", "2026-11-20T18:42:07.25Z", "sell")
    account.settle(SETTLED_MARKET, "no", at=parse_time("2026-11-20T22:10:38.438571Z"))
    trade(2, OPEN_MARKET, "no", "0.55", "4.00", "2026-11-21T15:04:05.1234Z", "sell")
    account.mark(OPEN_MARKET, "0.58", "0.60", "0.59")


def _sample_market(account: Account, ticker: str, closes: str) -> None:
    account.market(
        ticker,
        title="Sample",
        created=parse_time("2026-11-01T09:00:00Z"),
        opens=parse_time("2026-11-02T14:00:00Z"),
        closes=parse_time(closes),
    )


def every_case(clock: Clock | None = None) -> World:
    """Return one small account in which every case of trading, settlement and cash occurs once."""
    world = World(clock or SettableClock(NOW))
    cases.every_case(world.kalshi)
    return world


def check_vector_rows() -> list[dict[str, Any]]:
    """Return the nine check vectors as settlement rows, newest last, one minute apart."""
    rows = []
    for number, (yes, yes_cost, no, no_cost, result, value, revenue, fee, _, _) in enumerate(CHECK_VECTORS):
        rows.append(
            {
                "ticker": f"KXCHECK-26NOV2{number % 2}-T{number}",
                "event_ticker": f"KXCHECK-26NOV2{number % 2}",
                "exchange_index": 0,
                "market_result": result,
                "yes_count_fp": yes,
                "yes_total_cost_dollars": yes_cost,
                "no_count_fp": no,
                "no_total_cost_dollars": no_cost,
                "revenue": revenue,
                "value": value,
                "fee_cost": fee,
                "settled_time": f"2026-11-21T20:0{number}:00.5Z",
            }
        )
    return rows


def check_vectors(clock: Clock | None = None) -> World:
    """Return a world that serves the nine check vectors verbatim; their fills are absent."""
    world = World(clock or SettableClock(NOW))
    for row in check_vector_rows():
        world.kalshi.settlement_row(row)
    return world


def anthropic_reports(clock: Clock | None = None) -> World:
    """Return the organization of the report examples: 5.325 dollars on the 20th, nothing on the 19th.

    The 21st is finished but has not landed at `NOW`. The usage of the 20th explains 495.5 cents.
    """
    world = World(clock or SettableClock(NOW))
    add_reports(world)
    return world


def add_reports(world: World) -> None:
    """Put the organization of the report examples into a world."""
    book = world.anthropic
    book.bill(date(2026, 11, 19), [])
    book.bill(date(2026, 11, 20), example_lines())
    book.bill(
        date(2026, 11, 21),
        [token_line("84.000000", "Output Tokens", "output_tokens")],
        lands_at=datetime(2026, 11, 22, 18, 0, tzinfo=UTC),
    )
    book.usage(
        "2026-11-20T10:15:00Z",
        "claude-sonnet-5-5",
        uncached_input=1_250_000,
        cache_write_5m=510_000,
        cache_read=3_400_000,
        output=84_000,
        api_key_id="apikey_01SimProduction",
    )
    book.workspace("wrkspc_01SimResearch", "Research")
    book.api_key("apikey_01SimProduction", "production")


def example_lines() -> list[CostLine]:
    """Return the five lines billed on 2026-11-20."""
    return [
        token_line("250.000000", "Input Tokens", "uncached_input_tokens"),
        token_line("84.000000", "Output Tokens", "output_tokens"),
        token_line("34.000000", "Cache Read", "cache_read_input_tokens"),
        token_line("127.500000", "Cache Write 5m", "cache_creation.ephemeral_5m_input_tokens"),
        CostLine(Decimal("37.000000"), "Web Search Usage", "web_search", "wrkspc_01SimResearch"),
    ]


def token_line(cents: str, words: str, token_type: str) -> CostLine:
    """Return one billed line of Sonnet 5.5 in the default workspace."""
    return CostLine(
        Decimal(cents),
        f"Claude Sonnet 5.5 Usage - {words}",
        "tokens",
        token_type=token_type,
        inference_geo="global",
        **SONNET,
    )


def sales_week(clock: Clock | None = None) -> World:
    """Return six sales that show every case: gross 87.50, refunds 12.50, fees 3.24, net 71.76."""
    world = World(clock or SettableClock(NOW))
    add_sales_week(world)
    return world


def add_sales_week(world: World) -> None:
    """Put the six sales into a world."""
    book = world.sales

    def at(text: str) -> datetime:
        return parse_time(f"2026-11-{text}Z")

    book.sale("29.00", fee="1.14", tax="2.32", at=at("20T09:00:00"), id="sale_1", product="research note")
    book.sale("19.00", fee="0.85", at=at("20T10:30:00.25"), id="sale_2", product="data export")
    book.sale("9.00", fee="0.56", at=at("21T08:00:00"), id="sale_3", status="pending")
    book.sale("40.00", fee="0.00", at=at("21T12:00:00"), id="sale_4")
    book.sale("15.00", fee="0.74", at=at("21T12:00:00"), id="sale_5", status="pending")
    book.sale("4.90", fee="0.44", at=at("22T07:45:00"), id="sale_6", status="pending")
    book.refund("sale_2", "9.50", at=at("21T14:00:00"), refund_id="refund_1")
    book.change("sale_3", status="void", at=at("21T16:00:00"))
    book.change("sale_4", gross="24.50", fee="0.51", at=at("21T17:00:00"))  # a late correction
    book.change("sale_5", status="paid", at=at("22T06:00:00"))
    book.refund("sale_5", "3.00", at=at("22T09:00:00"), refund_id="refund_2")
