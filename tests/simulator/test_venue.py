"""The venue's answers: reference account, check vectors, defaults, paging, settlement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exporter.simulator import examples
from exporter.simulator.examples import CHECK_VECTORS, OPEN_MARKET, SETTLED_MARKET
from exporter.simulator.world import World
from tests.simulator.callers import VENUE, Ask


def test_reference_account_serves_the_worked_position(ask: Ask) -> None:
    """Six YES left at 2.40, 0.60 realised, lifetime fees 0.2373, and the same summed per event."""
    answer = ask(examples.reference_account()).venue("/portfolio/positions").json()
    assert answer == {
        "cursor": "",
        "market_positions": [
            {
                "ticker": OPEN_MARKET,
                "exchange_index": 0,
                "position_fp": "6.00",
                "market_exposure_dollars": "2.400000",
                "realized_pnl_dollars": "0.600000",
                "fees_paid_dollars": "0.237300",
                "total_traded_dollars": "5.800000",
                "last_updated_ts": "2026-11-21T15:04:05.1234Z",
            }
        ],
        "event_positions": [
            {
                "event_ticker": "KXSAMPLE-26DEC01",
                "total_cost_dollars": "5.800000",
                "total_cost_shares_fp": "14.00",
                "event_exposure_dollars": "2.400000",
                "realized_pnl_dollars": "0.600000",
                "fees_paid_dollars": "0.237300",
            }
        ],
    }


def test_reference_account_serves_the_worked_fills(ask: Ask) -> None:
    """Newest first; a sale of YES reads outcome no, side no, action sell."""
    caller = ask(examples.reference_account())
    fills = caller.venue("/portfolio/fills", ticker=OPEN_MARKET).json()["fills"]
    assert fills[0] == {
        "fill_id": "f-0002",
        "trade_id": "f-0002",
        "order_id": "o-0002",
        "ticker": OPEN_MARKET,
        "market_ticker": OPEN_MARKET,
        "exchange_index": 0,
        "outcome_side": "no",
        "book_side": "ask",
        "side": "no",
        "action": "sell",
        "count_fp": "4.00",
        "yes_price_dollars": "0.5500",
        "no_price_dollars": "0.4500",
        "is_taker": True,
        "fee_cost": "0.069300",
        "created_time": "2026-11-21T15:04:05.1234Z",
        "ts": 1795273445,
        "subaccount_number": 0,
    }
    assert [f["fill_id"] for f in fills] == ["f-0002", "f-0001"]
    sold_no = caller.venue("/portfolio/fills", order_id="o-0004").json()["fills"][0]
    assert (sold_no["action"], sold_no["side"], sold_no["outcome_side"]) == ("sell", "yes", "yes")


def test_reference_account_serves_the_worked_settlement_and_cash(ask: Ask) -> None:
    """The settled market's row is gross for its life; revenue is cents on the net five contracts."""
    caller = ask(examples.reference_account())
    assert caller.venue("/portfolio/settlements").json() == {
        "cursor": "",
        "settlements": [
            {
                "ticker": SETTLED_MARKET,
                "event_ticker": "KXSAMPLE-26NOV20",
                "exchange_index": 0,
                "market_result": "no",
                "yes_count_fp": "3.00",
                "yes_total_cost_dollars": "0.900000",
                "no_count_fp": "8.00",
                "no_total_cost_dollars": "4.800000",
                "revenue": 500,
                "value": 0,
                "fee_cost": "0.178500",
                "settled_time": "2026-11-20T22:10:38.438571Z",
            }
        ],
    }
    balance = caller.venue("/portfolio/balance").json()
    assert (balance["balance"], balance["balance_dollars"]) == (10008, "100.0842")
    assert balance["portfolio_value"] == 354  # six at the last price of 0.59, cash not included
    deposit = caller.venue("/portfolio/deposits").json()["deposits"][0]
    assert (deposit["amount_cents"], deposit["status"], deposit["created_ts"]) == (
        10000,
        "applied",
        1793000000,
    )


def test_check_vectors_are_served_verbatim(ask: Ask) -> None:
    """The nine rows of real settlements come out as they went in, newest first."""
    answer = ask(examples.check_vectors()).venue("/portfolio/settlements").json()
    assert answer["settlements"] == examples.check_vector_rows()[::-1]


@pytest.mark.parametrize("vector", CHECK_VECTORS)
def test_check_vectors_come_out_of_fills_that_add_up_to_them(ask: Ask, vector: tuple[Any, ...]) -> None:
    """Counts, costs, revenue and gross result follow when the same totals are traded as fills."""
    yes, yes_cost, no, no_cost, result, value, revenue, fee, gross, _ = vector
    world = examples.frozen()
    if Decimal(yes):
        world.kalshi.fill("KXV-1", "yes", yes, Decimal(yes_cost) / Decimal(yes), fee=fee)
    if Decimal(no):
        world.kalshi.fill(
            "KXV-1", "no", no, 1 - Decimal(no_cost) / Decimal(no), fee=0 if Decimal(yes) else fee
        )
    world.kalshi.settle("KXV-1", result)
    row = ask(world).venue("/portfolio/settlements").json()["settlements"][0]
    assert (row["yes_count_fp"], row["no_count_fp"]) == (yes, no)
    assert (row["yes_total_cost_dollars"], row["no_total_cost_dollars"]) == (yes_cost, no_cost)
    assert (row["revenue"], row["value"]) == (revenue, value)
    realised = sum((e.amount for e in world.kalshi.journal if e.kind == "realised"), Decimal(0))
    assert realised.quantize(Decimal("0.0001")) == Decimal(gross)


def test_settled_market_leaves_the_default_positions_at_once(ask: Ask) -> None:
    """It is found under settlement_status settled and all only."""
    caller = ask(examples.reference_account())

    def tickers(**query: str) -> list[str]:
        return [p["ticker"] for p in caller.venue("/portfolio/positions", **query).json()["market_positions"]]

    assert tickers() == [OPEN_MARKET]
    assert tickers(settlement_status="settled") == [SETTLED_MARKET]
    assert tickers(settlement_status="all") == [OPEN_MARKET, SETTLED_MARKET]


def test_flat_position_stays_until_its_market_settles(ask: Ask) -> None:
    """A flat row keeps its history; count_filter=position hides it."""
    world = examples.frozen()
    world.kalshi.fill("KXFLAT-1", "yes", "3.00", "0.40")
    world.kalshi.fill("KXFLAT-1", "no", "3.00", "0.45")
    caller = ask(world)
    row = caller.venue("/portfolio/positions").json()["market_positions"][0]
    assert (row["position_fp"], row["market_exposure_dollars"]) == ("0.00", "0.000000")
    assert row["realized_pnl_dollars"] == "0.150000"
    assert caller.venue("/portfolio/positions", count_filter="position").json()["market_positions"] == []
    assert (
        len(caller.venue("/portfolio/positions", count_filter="total_traded").json()["market_positions"]) == 1
    )


def test_market_settled_without_a_trade_leaves_an_all_zero_row(ask: Ask) -> None:
    """Such rows exist in real accounts and must not disturb anyone."""
    world = examples.frozen()
    world.kalshi.settle("KXZERO-1", "yes")
    row = ask(world).venue("/portfolio/settlements").json()["settlements"][0]
    assert (row["yes_count_fp"], row["no_count_fp"], row["revenue"], row["fee_cost"]) == (
        "0.00",
        "0.00",
        0,
        "0.000000",
    )


def test_scalar_settlement_pays_whole_cents(ask: Ask) -> None:
    """Three YES at 0.4155 are 124 cents; the row's value loses the sub-cent, the market keeps it."""
    world = examples.frozen()
    world.kalshi.fill("KXSCALAR-1", "yes", "3.00", "0.40", fee="0")
    world.kalshi.settle("KXSCALAR-1", "scalar", "0.4155")
    caller = ask(world)
    row = caller.venue("/portfolio/settlements").json()["settlements"][0]
    assert (row["revenue"], row["value"], row["market_result"]) == (124, 41, "scalar")
    market = caller.venue("/markets/KXSCALAR-1").json()["market"]
    assert (market["settlement_value_dollars"], market["status"]) == ("0.4155", "finalized")


def test_subaccounts_default_to_zero_or_to_all(ask: Ask) -> None:
    """Balance and positions speak of subaccount 0 unless asked; fills and settlements of all."""
    world = examples.frozen()
    world.kalshi.fill("KXSUB-1", "yes", "1.00", "0.40", subaccount=0)
    world.kalshi.fill("KXSUB-1", "no", "2.00", "0.40", subaccount=5)
    caller = ask(world)

    def held(**query: int) -> list[str]:
        return [
            p["position_fp"] for p in caller.venue("/portfolio/positions", **query).json()["market_positions"]
        ]

    assert (held(), held(subaccount=5), held(subaccount=6)) == (["1.00"], ["-2.00"], [])
    assert len(caller.venue("/portfolio/fills").json()["fills"]) == 2
    assert len(caller.venue("/portfolio/fills", subaccount=5).json()["fills"]) == 1
    world.kalshi.settle("KXSUB-1", "yes")
    assert len(caller.venue("/portfolio/settlements").json()["settlements"]) == 2
    rows = caller.venue("/portfolio/subaccounts/balances").json()["subaccount_balances"]
    assert [r["subaccount_number"] for r in rows] == [0, 5]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/portfolio/fills", {"limit": 0}),
        ("/portfolio/fills", {"limit": 1001}),
        ("/portfolio/fills", {"limit": "x"}),
        ("/portfolio/deposits", {"limit": 501}),
        ("/portfolio/positions", {"count_filter": "resting_order_count"}),
        ("/portfolio/positions", {"settlement_status": "open"}),
        ("/markets", {"status": "odd"}),
        ("/portfolio/fills", {"cursor": "nonsense"}),
        ("/portfolio/balance", {"subaccount": 64}),
        ("/portfolio/fills", {"min_ts": "2026-11-20T00:00:00Z"}),
    ],
)
def test_queries_outside_their_bounds_are_refused(ask: Ask, path: str, query: dict[str, Any]) -> None:
    """A wrong limit, filter or cursor is a 400 with a nested error."""
    answer = ask(examples.reference_account()).venue(path, **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_parameters")


def crowd() -> World:
    """Return a world with 57 fills, several of which share one microsecond."""
    world = examples.frozen()
    for number in range(57):
        world.kalshi.fill(f"KXCROWD-{number % 3}", "yes", "1.00", "0.30", order_id=f"o-{number // 4}")
        if number % 4 == 0:
            world.clock.advance(1.5)
    return world


@pytest.mark.parametrize("size", [1, 7, 57, 100])
def test_pages_are_complete_and_in_order(ask: Ask, size: int) -> None:
    """Any page size yields every fill once, newest first, and an empty cursor at the end."""
    world = crowd()
    found = [
        f["fill_id"]
        for page in ask(world, pace=_generous()).venue_pages("/portfolio/fills", "fills", limit=size)
        for f in page
    ]
    assert found == [fill.fill_id for fill in reversed(world.kalshi.fills)]


def test_fills_that_arrive_while_paging_neither_shift_nor_repeat_rows(ask: Ask) -> None:
    """The cursor names a row, not an offset."""
    world = crowd()
    before = [fill.fill_id for fill in reversed(world.kalshi.fills)]
    found = []
    for page in ask(world).venue_pages("/portfolio/fills", "fills", limit=10):
        found += [f["fill_id"] for f in page]
        world.clock.advance(1)
        world.kalshi.fill("KXCROWD-0", "yes", "1.00", "0.31")
    assert found == before


def test_cursor_of_another_filter_is_refused_but_markets_start_over(ask: Ask) -> None:
    """A cursor belongs to its query; the markets list answers a foreign one with its first page."""
    caller = ask(crowd())
    cursor = caller.venue("/portfolio/fills", limit=1).json()["cursor"]
    assert caller.venue("/portfolio/fills", ticker="KXCROWD-1", cursor=cursor).status_code == 400
    assert [m["ticker"] for m in caller.venue("/markets", limit=2, cursor="bad").json()["markets"]] == [
        "KXCROWD-0",
        "KXCROWD-1",
    ]


def test_position_and_settlement_pages_are_complete(ask: Ask) -> None:
    """Walking positions and settlements two by two finds all of them."""
    world = examples.frozen()
    for number in range(7):
        world.kalshi.fill(f"KXMANY-{number}", "yes", "1.00", "0.30")
        world.kalshi.settle(f"KXDONE-{number}", "no")
    caller = ask(world)
    positions = [
        p["ticker"]
        for page in caller.venue_pages("/portfolio/positions", "market_positions", limit=2)
        for p in page
    ]
    rows = [
        r["ticker"]
        for page in caller.venue_pages("/portfolio/settlements", "settlements", limit=2)
        for r in page
    ]
    assert positions == [f"KXMANY-{number}" for number in range(7)]
    assert rows == [f"KXDONE-{number}" for number in reversed(range(7))]


def test_markets_are_found_by_ticker_and_status(ask: Ask) -> None:
    """Unknown tickers are missing from a list and 404 alone; a quote nobody gives has size zero."""
    world = examples.reference_account()
    world.kalshi.mark("KXODD-26NOV22-T73.50", None, "0.07")
    caller = ask(world)

    def tickers(**query: str) -> list[str]:
        return [m["ticker"] for m in caller.venue("/markets", **query).json()["markets"]]

    assert tickers(tickers=f"{OPEN_MARKET},KXNOBODY-1") == [OPEN_MARKET]
    assert tickers(status="settled") == [SETTLED_MARKET]
    assert tickers(series_ticker="KXODD") == ["KXODD-26NOV22-T73.50"]
    assert caller.venue("/markets/KXNOBODY-1").json() == {
        "error": {"code": "not_found", "message": "not found"}
    }
    odd = caller.venue("/markets/KXODD-26NOV22-T73.50").json()["market"]
    assert (odd["yes_bid_dollars"], odd["yes_bid_size_fp"], odd["no_bid_dollars"]) == (
        "0.0000",
        "0.00",
        "0.9300",
    )


def test_wrong_path_is_plain_text(ask: Ask) -> None:
    """The venue's 404 for a path that does not exist is no JSON."""
    answer = ask(examples.frozen()).http.get(f"{VENUE}/portfolio/events/orders")
    assert (answer.status_code, answer.headers["content-type"][:10]) == (404, "text/plain")


def test_account_pages_say_limits_costs_and_cutoffs(ask: Ask) -> None:
    """Limits are nested, costs list only the odd ones, cutoffs are RFC 3339."""
    caller = ask(examples.reference_account())
    assert caller.venue("/account/limits").json()["read"] == {"refill_rate": 200, "bucket_capacity": 600}
    assert caller.venue("/account/endpoint_costs").json()["default_cost"] == 10
    assert caller.venue("/historical/cutoff").json()["trades_created_ts"].endswith("Z")
    assert caller.venue("/historical/fills").json() == {"fills": [], "cursor": ""}
    assert caller.venue("/historical/positions").json()["event_positions"] == []
    assert caller.venue("/exchange/user_data_timestamp").json() == {"as_of_time": "2026-11-22T12:00:00Z"}


def _generous() -> Any:
    """Return a pace that refills the bucket fully between any two requests."""
    now = [0.0]

    def pace() -> float:
        now[0] += 10
        return now[0]

    return pace
