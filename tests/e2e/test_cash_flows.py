"""Cash at the venue that no trade moved: from the venue's lists to the snapshot and its checks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.simulator import oracle
from exporter.simulator.clock import SettableClock
from exporter.simulator.examples import NOW
from exporter.simulator.kalshi import cases
from exporter.simulator.world import World
from tests.e2e.conftest import Build, Simulate


def test_movements_are_followed_through_every_state_both_ways(simulate: Simulate, pipeline: Build) -> None:
    """At each step the venue's cash is explained to the cent, and none of it is profit."""
    clock = SettableClock(NOW)
    world = World(clock)
    account = world.kalshi
    account.deposit("500.00", id="first")
    account.fill("KXCASH-1-A", "yes", "10.00", "0.40")
    account.mark("KXCASH-1-A", "0.44", "0.46", "0.45")
    account.deposit("40.00", id="in", status="pending", fee="0.50")
    account.withdraw("15.00", id="out", status="pending", fee="2.00")
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    net = running.latest["windows"]["all"]["net"]["usd"]
    for status in ("applied", "returned", "applied", "failed", "pending", "applied"):
        clock.advance(timedelta(minutes=7))
        for movement in ("in", "out"):
            account.change_movement(movement, status)
        running.collect()
        tree = running.latest
        assert tree["checks"]["cash"] == {"ok": True, "usd": "0.00"}, status
        assert tree["checks"]["equity"]["ok"], status
        assert tree["windows"]["all"]["net"]["usd"] == net
        flows = oracle.report(world)["cash_flows"]
        paid_in = Decimal(flows["deposits"]) + Decimal(flows["withdrawals"])
        assert Decimal(tree["accounts"]["kalshi"]["paid_in"]) == paid_in
    rebuilt = running.cycle.books._replay.whole().ledger
    for name, book in running.cycle.books.ledger.books.items():
        assert rebuilt.books[name].journal.balances == book.journal.balances


def test_cash_in_the_margined_instance_has_left_the_account(simulate: Simulate, pipeline: Build) -> None:
    """It is listed, so nothing is unexplained; it is neither profit nor loss."""
    world = World(SettableClock(NOW))
    cases.margined(world.kalshi)
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    tree = running.latest
    assert tree["checks"]["cash"]["ok"]
    assert tree["accounts"]["kalshi"]["paid_in"] == tree["accounts"]["kalshi"]["cash"] == "39.75"
    assert tree["windows"]["all"]["net"]["usd"] == "0.00"


def test_interest_is_a_difference_with_a_metric_and_never_profit(simulate: Simulate, pipeline: Build) -> None:
    """What no list explains is said in a sentence until somebody explains it."""
    world = World(SettableClock(NOW))
    world.kalshi.deposit("100.00")
    cases.credits(world.kalshi)
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    for _ in range(CONFIRMING_READINGS):
        running.collect()
    tree = running.latest
    assert tree["accounts"]["kalshi"]["unexplained"] == tree["checks"]["cash"]["usd"] == "5.37"
    assert "5.37 more than fills, settlements and transfers explain" in tree["checks"]["cash"]["detail"]
    assert not tree["checks"]["equity"]["ok"]
    assert tree["windows"]["all"]["net"]["usd"] == "0.00"
    scrape = running.metrics()
    assert scrape.get("northstar_check_ok", check="cash") == 0
    assert scrape.get("northstar_check_difference_usd", check="cash") == 5.37
    assert scrape.get("northstar_check_tolerance_usd", check="equity") == 0.01
