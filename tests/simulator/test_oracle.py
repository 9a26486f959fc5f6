"""The oracle against figures worked by hand, and against the venue's own totals."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exporter.simulator import examples, oracle
from exporter.simulator.clock import SettableClock
from exporter.simulator.examples import CHECK_VECTORS, OPEN_MARKET
from exporter.simulator.kalshi.fees import charge, model_fee
from exporter.simulator.stories import seeded
from tests.simulator.callers import Ask


def test_reference_account_comes_to_the_worked_totals() -> None:
    """Realised net 2.4842, unrealised 1.08, equity 103.5642."""
    world = examples.reference_account()
    report = oracle.report(world)
    trading = report["trading"]
    assert Decimal(trading["realised"]) - Decimal(trading["fees"]) == Decimal("2.4842")
    assert trading["positions"] == [
        {
            "ticker": OPEN_MARKET,
            "subaccount": 0,
            "count": "6.00",
            "cost": "2.40",
            "mark": "0.58",
            "unrealised": "1.08",
        }
    ]
    assert (trading["unrealised"], report["cash"]) == ("1.08", "100.0842")
    assert Decimal(report["cash"]) + 6 * Decimal("0.58") == Decimal("103.5642")


def test_flows_count_in_half_open_windows_by_event_time() -> None:
    """A settlement belongs to the window that begins with it, not to the one that ends there."""
    world = examples.reference_account()
    moment = datetime(2026, 11, 20, 22, 10, 38, 438571, tzinfo=UTC)
    day = datetime(2026, 11, 21, tzinfo=UTC)
    assert (
        oracle.report(world, oracle.START, moment)["trading"]["realised"] == "0.30"
    )  # three NO sold at 0.70
    assert oracle.report(world, moment, day)["trading"]["realised"] == "2.00"
    assert oracle.report(world, day)["trading"] | {"positions": []} == {
        "realised": "0.60",
        "fees": "0.0693",
        "positions": [],
        "unrealised": "1.08",
        "unmarked": 0,
    }


def test_check_vectors_come_to_their_gross_and_net() -> None:
    """Each row alone gives the result that was worked for it."""
    for row, vector in zip(examples.check_vector_rows(), CHECK_VECTORS, strict=True):
        world = examples.frozen()
        world.kalshi.settlement_row(row)
        report = oracle.report(world)
        gross, fees = Decimal(report["trading"]["realised"]), Decimal(report["trading"]["fees"])
        assert (gross, gross - fees) == (Decimal(vector[8]), Decimal(vector[9]))
        assert Decimal(report["cash"]) == Decimal(vector[9])


def test_sales_count_when_paid_and_refunds_when_given() -> None:
    """Gross 87.50 of four, with the correction and without pending and void; two refunds, 12.50."""
    world = examples.sales_week()
    assert oracle.report(world)["sales"] == {
        "orders": 4,
        "refunds_given": 2,
        "gross": "87.50",
        "refunds": "12.50",
        "fees": "3.24",
        "net": "71.76",
    }
    today = datetime(2026, 11, 22, tzinfo=UTC)
    assert oracle.report(world, today)["sales"] == {
        "orders": 0,
        "refunds_given": 1,
        "gross": "0.00",
        "refunds": "3.00",
        "fees": "0.00",
        "net": "-3.00",
    }


def test_billed_cost_follows_what_is_served_and_true_cost_does_not() -> None:
    """A day counts as billed once it has landed; the truth is known before."""
    world = examples.anthropic_reports()
    assert oracle.report(world)["api_cost"] == {
        "billed": {"2026-11-19": "0.00", "2026-11-20": "5.325"},
        "billed_total": "5.325",
        "true": {"2026-11-19": "0.00", "2026-11-20": "5.325", "2026-11-21": "0.84"},
        "true_total": "6.165",
    }


def test_average_cost_is_rounded_half_even_and_the_last_contract_takes_the_rest() -> None:
    """Three at 0.10 and 0.1001: closing one takes 0.100033 of 0.3001, the last two the other 0.200067."""
    world = examples.frozen()
    account = world.kalshi
    account.fill("KXA-1", "yes", "2", "0.10", fee=0)
    account.fill("KXA-1", "yes", "1", "0.1001", fee=0)
    account.fill("KXA-1", "no", "1", "0.50", fee=0)
    assert oracle.report(world)["trading"]["positions"][0]["cost"] == "0.200067"
    assert oracle.report(world)["trading"]["realised"] == "0.399967"
    account.fill("KXA-1", "no", "2", "0.50", fee=0)
    assert oracle.report(world)["trading"]["realised"] == "1.1999"


def test_fill_beyond_the_position_turns_it_over() -> None:
    """Selling five of three YES closes three and opens two NO at the NO price."""
    world = examples.frozen()
    world.kalshi.fill("KXT-1", "yes", "3", "0.40", fee=0)
    world.kalshi.fill("KXT-1", "no", "5", "0.55", fee=0)
    world.kalshi.mark("KXT-1", "0.50", "0.52")
    (position,) = oracle.report(world)["trading"]["positions"]
    assert (position["count"], position["cost"], position["mark"]) == ("-2.00", "0.90", "0.48")
    assert oracle.report(world)["trading"]["realised"] == "0.45"


def test_position_without_a_bidder_has_no_mark() -> None:
    """Unknown is not zero."""
    world = examples.frozen()
    world.kalshi.fill("KXM-1", "yes", "3", "0.40")
    trading = oracle.report(world)["trading"]
    assert (trading["positions"][0]["mark"], trading["unrealised"], trading["unmarked"]) == (None, "0.00", 1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_closed_pairs_equal_realised_plus_traded_less_exposure(seed: int) -> None:
    """The identity that holds in every captured position, in every market of a seeded world."""
    world = seeded(seed, SettableClock(datetime(2026, 11, 22, 15, tzinfo=UTC)), days=15)
    assert len(world.kalshi.unsettled) == 8
    for position in world.kalshi.unsettled.values():
        traded = position.paid["yes"] + position.paid["no"]
        assert min(position.bought.values()) == position.realised + traded - position.cost
        assert position.held == position.bought["yes"] - position.bought["no"]


@pytest.mark.parametrize(
    ("traded", "exposure", "realised", "pairs"),
    [
        ("12.361000", "0", "-0.361000", 12),
        ("6.440000", "2.250000", "-1.190000", 3),
    ],
)
def test_captured_positions_satisfy_the_identity(
    traded: str, exposure: str, realised: str, pairs: int
) -> None:
    """Two position states of a real account."""
    assert Decimal(realised) + Decimal(traded) - Decimal(exposure) == pairs


def test_cash_changes_by_fills_settlements_and_transfers_only() -> None:
    """Deposits less withdrawals, plus realised, less fees, less the cost of what is open, is the cash."""
    world = seeded(4, SettableClock(datetime(2026, 11, 22, 15, tzinfo=UTC)))
    world.clock.advance(900)
    report = oracle.report(world)
    moved = sum(
        (
            (1 if m.kind == "deposit" else -1) * Decimal(m.cents) / 100
            for m in world.kalshi.movements
            if m.status == "applied"
        ),
        Decimal(0),
    )
    cost = sum((Decimal(p["cost"]) for p in report["trading"]["positions"]), Decimal(0))
    earned = Decimal(report["trading"]["realised"]) - Decimal(report["trading"]["fees"])
    assert Decimal(report["cash"]) == moved + earned - cost


def test_settlement_rows_and_open_positions_add_up_to_the_oracle(ask: Ask) -> None:
    """Rows by the correct formula, plus realised of what is unsettled, give realised and fees again."""
    world = seeded(5, SettableClock(datetime(2026, 11, 22, 15, tzinfo=UTC)), days=20)
    caller = ask(world)
    gross = fees = Decimal(0)
    for page in caller.venue_pages("/portfolio/settlements", "settlements", limit=1000):
        for row in page:
            pairs = min(Decimal(row["yes_count_fp"]), Decimal(row["no_count_fp"]))
            costs = Decimal(row["yes_total_cost_dollars"]) + Decimal(row["no_total_cost_dollars"])
            gross += Decimal(row["revenue"]) / 100 + pairs - costs
            fees += Decimal(row["fee_cost"])
    for row in caller.venue("/portfolio/positions", limit=1000).json()["market_positions"]:
        gross += Decimal(row["realized_pnl_dollars"])
        fees += Decimal(row["fees_paid_dollars"])
    trading = oracle.report(world)["trading"]
    assert (gross, fees) == (Decimal(trading["realised"]), Decimal(trading["fees"]))


@pytest.mark.parametrize(
    ("count", "yes_price", "side", "fee"),
    [
        ("15.27", "0.092", "no", "0.089340"),
        ("22.96", "0.71", "yes", "0.331000"),
        ("10.00", "0.40", "yes", "0.168000"),
        ("4.00", "0.55", "no", "0.069300"),
        ("8.00", "0.40", "no", "0.134400"),
        ("3.00", "0.30", "yes", "0.044100"),
    ],
)
def test_era_three_fees_match_the_vectors(count: str, yes_price: str, side: str, fee: str) -> None:
    """A fee rounds up to a millionth, then cost and fee together to a step of the balance."""
    world = examples.frozen()
    fill = world.kalshi.fill("KXFEE-1", side, count, yes_price)
    assert f"{fill.fee:.6f}" == fee
    assert (fill.count * fill.price + fill.fee) % Decimal("0.0001") == 0


def test_overcharge_of_an_order_is_handed_back() -> None:
    """Two fills of 0.01 at 0.092 in one order: 0.000120, then 0.000020."""
    world = examples.frozen()
    fees = [world.kalshi.fill("KXFEE-1", "no", "0.01", "0.092", order_id="o").fee for _ in range(2)]
    assert [f"{fee:.6f}" for fee in fees] == ["0.000120", "0.000020"]


def test_maker_pays_by_the_series() -> None:
    """Nothing in a quadratic series, a quarter where makers pay, half the multiplier half the fee."""
    args: dict[str, Any] = {"is_taker": False}
    assert model_fee(Decimal("14.77"), Decimal("0.93"), **args) == 0
    assert charge(Decimal(0), Decimal("13.7361")).fee == 0
    maker = model_fee(Decimal("2.00"), Decimal("0.67"), fee_type="quadratic_with_maker_fees", **args)
    assert maker == Decimal("0.007739")
    assert model_fee(Decimal(10), Decimal("0.40"), is_taker=True, multiplier=Decimal("0.5")) == Decimal(
        "0.084"
    )
