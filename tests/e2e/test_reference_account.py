"""Worked figures, all the way: every digit of the hand-made accounts arrives at every place it is shown."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.ledger.trading.reconciliation import FIGURES
from exporter.simulator import examples
from exporter.simulator.examples import CHECK_VECTORS, NOW, OPEN_MARKET, SETTLED_MARKET
from exporter.simulator.kalshi.rows import position_row
from exporter.simulator.world import World
from exporter.snapshot import COMPONENTS
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, sum_of_parts, usd

COMPANY = {
    # realised, unrealised change, fees, gross, refunds, sales fees, billed, estimated
    "today": ("0", "0", "0", "0", "-3.00", "0", "0", "0"),
    "24h": ("0.60", "0", "-0.0693", "39.50", "-12.50", "-1.25", "0", "0"),
    "7d": ("2.90", "1.08", "-0.4158", "87.50", "-12.50", "-3.24", "-5.325", "0"),
}
COMPANY |= dict.fromkeys(("30d", "mtd", "ytd", "all"), COMPANY["7d"])
NETS = {"today": "-3", "24h": "26.2807", "7d": "69.9992"}
NETS |= dict.fromkeys(("30d", "mtd", "ytd", "all"), NETS["7d"])


def shown_everywhere(pipeline: Pipeline) -> dict[str, Any]:
    """Return the snapshot of the stream, after seeing that database and /metrics state the same."""
    current = pipeline.current()
    assert pipeline.stored()[-1] == current == json.loads(json.dumps(pipeline.latest))
    scrape = pipeline.metrics()
    assert scrape.get("northstar_snapshot_sequence") == current["sequence"]
    for window, stated in current["windows"].items():
        assert sum_of_parts(stated) == Decimal(stated["net"]["usd"])
        assert scrape.get("northstar_pnl_net_usd", window=window) == float(stated["net"]["usd"])
        for name, part in stated["components"].items():
            sample = scrape.get("northstar_pnl_component_usd", window=window, component=name)
            assert sample == float(part["usd"])
    assert scrape.get("northstar_unrealised_usd") == float(current["unrealised"]["usd"])
    assert scrape.get("northstar_venue_cash_usd") == float(current["accounts"]["kalshi"]["cash"])
    assert all(check["ok"] for check in current["checks"].values()), current["checks"]
    return current


def amounts(stated: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the contributions of a window."""
    return {name: Decimal(part["usd"]) for name, part in stated["components"].items()}


def expected(parts: tuple[str, ...]) -> dict[str, Decimal]:
    """Return a row of COMPANY by component."""
    return dict(zip(COMPONENTS, map(Decimal, parts), strict=True))


@pytest.mark.parametrize("order", [("kalshi", "anthropic", "sales"), ("sales", "anthropic", "kalshi")])
def test_company_of_examples_equals_the_sheet_in_every_window(
    simulate: Simulate, pipeline: Build, order: tuple[str, ...]
) -> None:
    """Realised, fees, unrealised, sales and bill are the worked ones, whichever source answers first."""
    running = pipeline(simulate(examples.company()))
    running.collect(*order)
    for _ in range(2):
        current = shown_everywhere(running)
        for window, parts in COMPANY.items():
            assert amounts(current["windows"][window]) == expected(parts), window
            assert Decimal(current["windows"][window]["net"]["usd"]) == Decimal(NETS[window])
        running.collect()  # the same answers once more change nothing


def test_reference_account_closes_its_arithmetic(simulate: Simulate, pipeline: Build) -> None:
    """Realised net 2.4842, unrealised 1.08, cash 100.0842 and equity 103.5642, from a deposit of 100."""
    world = examples.reference_account()
    world.kalshi.mark(OPEN_MARKET, "0.58", "0.60", "0.58")
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    current = shown_everywhere(running)
    parts = amounts(current["windows"]["all"])
    assert parts["trading_realised"] + parts["trading_fees"] == Decimal("2.4842")
    assert current["unrealised"]["usd"] == "1.08"
    account = current["accounts"]["kalshi"]
    assert (account["cash"], account["portfolio_value"], account["equity"]) == (
        "100.0842",
        "3.48",
        "103.5642",
    )
    position = current["positions"][OPEN_MARKET]
    assert {name: position[name] for name in ("side", "count", "cost", "mark", "value", "unrealised")} == {
        "side": "yes",
        "count": "6.00",
        "cost": "2.40",
        "mark": "0.58",
        "value": "3.48",
        "unrealised": "1.08",
    }
    assert SETTLED_MARKET not in current["positions"]
    assert running.metrics().get("northstar_position_cost_usd", market=OPEN_MARKET) == 2.4


@pytest.mark.parametrize("number", range(len(CHECK_VECTORS)))
def test_check_vector_comes_to_its_gross_fee_and_net(
    simulate: Simulate, pipeline: Build, number: int
) -> None:
    """A real settlement whose fills the venue no longer lists gives the worked result to the last digit."""
    world = examples.frozen()
    world.kalshi.settlement_row(examples.check_vector_rows()[number])
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    current = shown_everywhere(running)
    *_, fee, gross, net = CHECK_VECTORS[number]
    parts = amounts(current["windows"]["7d"])
    assert (parts["trading_realised"], parts["trading_fees"]) == (Decimal(gross), -Decimal(fee))
    assert Decimal(current["windows"]["7d"]["net"]["usd"]) == Decimal(net)
    assert Decimal(current["accounts"]["kalshi"]["cash"]) == Decimal(net)


PURCHASES: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (("yes", "132", "0.36"), ("no", "132", "0.08")),
    (("yes", "5", "0.898"), ("no", "5", "0.11")),
    (("yes", "1", "0.72"), ("no", "3", "0.66")),
    (("yes", "16", "0.865"), ("no", "6", "0.39")),
    (("yes", "5.68", "0.87"), ("no", "5", "0.09")),
    (("yes", "1", "0.23"), ("no", "1.97", "0.69")),
    (("no", "25", "0.84"),),
    (("yes", "17", "0.49"), ("yes", "181", "0.50")),
    (),
)
"""Fills that come to the counts and costs of each check vector: side, contracts, price of that side."""


def bought(world: World, ticker: str, purchases: Sequence[tuple[str, str, str]], fee: str = "0") -> None:
    """Book purchases, a second apart; the first one bears the fee of all."""
    for number, (side, count, price) in enumerate(purchases):
        yes_price = Decimal(price) if side == "yes" else 1 - Decimal(price)
        at = NOW - timedelta(minutes=30) + timedelta(seconds=number)
        world.kalshi.fill(ticker, side, count, yes_price, fee=0 if number else fee, at=at)


@pytest.mark.parametrize("number", range(len(CHECK_VECTORS)))
def test_check_vector_comes_about_by_its_fills(simulate: Simulate, pipeline: Build, number: int) -> None:
    """The same nine, lived through: the venue serves the real row, replaying the fills gives its result."""
    world = examples.frozen()
    yes, yes_cost, no, no_cost, result, value, revenue, fee, gross, net = CHECK_VECTORS[number]
    bought(world, "KXCHECK-1-A", PURCHASES[number], fee)
    world.kalshi.settle("KXCHECK-1-A", result, at=NOW)
    (row,) = (settlement.row for settlement in world.kalshi.settlements)
    served = {name: Decimal(str(row[name])) for name in ROW_FIELDS}
    real = (yes, yes_cost, no, no_cost, value, revenue, fee)
    assert served == dict(zip(ROW_FIELDS, map(Decimal, map(str, real)), strict=True))
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    current = shown_everywhere(running)
    parts = amounts(current["windows"]["7d"])
    assert (parts["trading_realised"], parts["trading_fees"]) == (Decimal(gross), -Decimal(fee))
    assert Decimal(current["windows"]["7d"]["net"]["usd"]) == Decimal(net)


ROW_FIELDS = (
    "yes_count_fp",
    "yes_total_cost_dollars",
    "no_count_fp",
    "no_total_cost_dollars",
    "value",
    "revenue",
    "fee_cost",
)

CAPTURES = {
    # traded, exposure, position, realised: as two real accounts showed them, and purchases that come to it
    "flat": (
        ("12.361000", "0.000000", "0.00", "-0.361000"),
        (("yes", "11", "0.53"), ("yes", "1", "0.531"), ("no", "12", "0.50")),
    ),
    "open": (
        ("6.440000", "2.250000", "-3.00", "-1.190000"),
        (("no", "6", "0.75"), ("yes", "2", "0.65"), ("yes", "1", "0.64")),
    ),
}


@pytest.mark.parametrize("rule", ["average", "fifo"])
@pytest.mark.parametrize("capture", CAPTURES)
def test_captured_position_is_reproduced_and_ties(
    simulate: Simulate, pipeline: Build, capture: str, rule: str
) -> None:
    """Two real states of positions, twelve pairs and three: the venue's row, and no difference to ours."""
    (traded, exposure, position, realised), purchases = CAPTURES[capture]
    world = examples.frozen()
    world.kalshi.lot_rule = rule
    bought(world, "KXCAPTURE-1-A", purchases)
    row = position_row(world.kalshi.positions[0, "KXCAPTURE-1-A"], NOW, rule)
    assert (row["total_traded_dollars"], row["market_exposure_dollars"]) == (traded, exposure)
    assert (row["position_fp"], row["realized_pnl_dollars"]) == (position, realised)
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi", NORTHSTAR_LOT_RULE=rule)
    running.collect()
    checks = running.latest["checks"]
    assert all(checks[figure]["ok"] for figure in ("cash", *FIGURES)), checks
    assert usd(running.latest, "all", "trading_realised") == Decimal(realised)


def test_check_vectors_together_beside_the_reference_account(simulate: Simulate, pipeline: Build) -> None:
    """Nine settlements without fills neither disturb nor take part in books that have theirs."""
    world = examples.reference_account()
    for row in examples.check_vector_rows():
        world.kalshi.settlement_row(row)
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    current = shown_everywhere(running)
    gross = Decimal("2.90") + sum((Decimal(vector[8]) for vector in CHECK_VECTORS), Decimal(0))
    fees = Decimal("0.4158") + sum((Decimal(vector[7]) for vector in CHECK_VECTORS), Decimal(0))
    parts = amounts(current["windows"]["all"])
    assert (parts["trading_realised"], parts["trading_fees"]) == (gross, -fees)
    assert Decimal(current["accounts"]["kalshi"]["cash"]) == 100 + gross - fees - Decimal("2.40")


def test_bill_of_the_example_is_kept_by_line(simulate: Simulate, pipeline: Build) -> None:
    """Five lines of cents become 5.325 dollars, each under its own words."""
    running = pipeline(simulate(examples.anthropic_reports()), NORTHSTAR_SOURCES="anthropic")
    running.collect()
    assert Decimal(running.current()["windows"]["all"]["net"]["usd"]) == Decimal("-5.325")
    with sqlite3.connect(running.database) as connection:
        (body,) = connection.execute(
            "SELECT body FROM records WHERE kind = 'billed_day' AND key = '2026-11-20'"
        ).fetchone()
    connection.close()
    lines = {(line["workspace"], line["description"]): line["amount"] for line in json.loads(body)["lines"]}
    sonnet = "Claude Sonnet 5.5 Usage"
    assert {key: Decimal(amount) for key, amount in lines.items()} == {
        ("default", f"{sonnet} - Input Tokens"): Decimal("2.50"),
        ("default", f"{sonnet} - Output Tokens"): Decimal("0.84"),
        ("default", f"{sonnet} - Cache Read"): Decimal("0.34"),
        ("default", f"{sonnet} - Cache Write 5m"): Decimal("1.275"),
        ("wrkspc_01SimResearch", "Web Search Usage"): Decimal("0.37"),
    }


def test_usage_is_worth_its_list_price_until_the_bill_lands(simulate: Simulate, pipeline: Build) -> None:
    """The estimate is 4.955 and says so; the bill takes its place at 5.325, never beside it."""
    world = examples.frozen()
    book = world.anthropic
    book.usage(
        "2026-11-20T10:15:00Z",
        "claude-sonnet-5-5",
        uncached_input=1_250_000,
        cache_write_5m=510_000,
        cache_read=3_400_000,
        output=84_000,
    )
    book.bill(NOW.date().replace(day=20), examples.example_lines(), lands_at=NOW.replace(hour=13))
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="anthropic")
    running.collect()
    before = running.current()["windows"]["7d"]
    assert amounts(before) == {
        "api_cost_billed": Decimal(0),
        "api_cost_estimated": Decimal("-4.955"),
    }
    assert before["net"]["grade"] == "estimated"
    world.clock.set(NOW.replace(hour=13))
    running.collect()
    assert amounts(running.current()["windows"]["7d"]) == {
        "api_cost_billed": Decimal("-5.325"),
        "api_cost_estimated": Decimal(0),
    }


@pytest.mark.parametrize(("rule", "unrealised"), [("bid", "1.08"), ("mid", "1.14"), ("last", "1.02")])
def test_mark_rule_decides_the_unrealised_figure_alone(
    simulate: Simulate, pipeline: Build, rule: str, unrealised: str
) -> None:
    """Six contracts that cost 2.40 at 0.58, 0.59 or 0.57; everything realised stays as it is."""
    world = examples.company()
    world.kalshi.mark(OPEN_MARKET, "0.58", "0.60", "0.57")
    running = pipeline(simulate(world), NORTHSTAR_MARK_RULE=rule)
    running.collect()
    current = shown_everywhere(running)
    assert current["mark_rule"] == rule
    assert current["unrealised"]["usd"] == unrealised
    parts = expected(COMPANY["7d"]) | {"trading_unrealised_change": Decimal(unrealised)}
    assert amounts(current["windows"]["7d"]) == parts


def test_new_york_begins_its_day_five_hours_after_greenwich(simulate: Simulate, pipeline: Build) -> None:
    """A sale at 03:00 UTC is of today in UTC and of yesterday in New York; rolling windows do not care."""
    world = examples.company()
    world.sales.sale("10.00", fee="0.50", at=datetime(2026, 11, 22, 3, 0, tzinfo=UTC), id="sale_night")
    simulator = simulate(world)
    nets = {}
    for zone, midnight in (("UTC", "00:00"), ("America/New_York", "05:00")):
        running = pipeline(simulator, NORTHSTAR_TIMEZONE=zone)
        running.collect()
        current = shown_everywhere(running)
        assert current["timezone"] == zone
        assert current["windows"]["today"]["from"] == f"2026-11-22T{midnight}:00.000000Z"
        assert current["sales"]["today"]["orders"] == (1 if zone == "UTC" else 0)
        nets[zone] = {name: Decimal(stated["net"]["usd"]) for name, stated in current["windows"].items()}
    assert nets["UTC"].pop("today") == Decimal("6.50")
    assert nets["America/New_York"].pop("today") == Decimal("-3.00")
    assert nets["UTC"] == nets["America/New_York"]
    assert nets["UTC"]["mtd"] == Decimal("79.4992")


def test_month_of_new_york_begins_in_summer_time(simulate: Simulate, pipeline: Build) -> None:
    """November starts at 04:00 UTC there: a sale at 03:59 is October's, one at 04:00 is November's."""
    world = examples.frozen()
    for at in ("03:59:59.999999", "04:00:00"):
        moment = datetime.fromisoformat(f"2026-11-01T{at}+00:00")
        world.sales.sale("10.00", at=moment, id=f"sale_{at[:5]}")
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="sales", NORTHSTAR_TIMEZONE="America/New_York")
    running.collect()
    current = running.current()
    windows, counts = current["windows"], current["sales"]
    assert (windows["mtd"]["net"]["usd"], windows["all"]["net"]["usd"]) == ("10.00", "20.00")
    assert (counts["mtd"]["orders"], counts["all"]["orders"]) == (1, 2)
