"""Lists that do not hold still: cursors that lead back, rows that come as pages turn, vanishing markets."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from exporter.ledger.trading.reconciliation import FIGURES
from exporter.simulator import examples, oracle
from exporter.simulator.examples import OPEN_MARKET
from exporter.simulator.kalshi import cases
from exporter.simulator.world import World
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, figures, usd


def ties(running: Pipeline) -> None:
    """Our figures are the venue's own, and no check differs."""
    tree, truth = running.latest, oracle.report(running.simulator.world)
    assert usd(tree, "all", "trading_realised") == Decimal(truth["trading"]["realised"])
    assert usd(tree, "all", "trading_fees") == -Decimal(truth["trading"]["fees"])
    assert Decimal(tree["accounts"]["kalshi"]["cash"]) == Decimal(truth["cash"])
    assert all(tree["checks"][figure]["ok"] for figure in (*FIGURES, "cash")), tree["checks"]


def test_a_cursor_that_leads_back_books_nothing(simulate: Simulate, pipeline: Build) -> None:
    """The reading ends, says which field, and leaves the figures; the next good one has everything."""
    world = examples.reference_account()
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    good = figures(running.latest)
    for _ in range(5):
        world.kalshi.fill(OPEN_MARKET, "yes", "1.00", "0.50", at=world.clock())
    for fault, options in (("short", {"value": 2}), ("repeat_cursor", {})):
        running.simulator.faults.set("kalshi", fault, endpoint="/portfolio/fills", **options)
    running.collect()
    assert running.latest["sources"]["kalshi"]["error"]["reason"] == "malformed"
    assert "cursor" in running.latest["sources"]["kalshi"]["error"]["sentence"]
    assert figures(running.latest) == good
    running.simulator.faults.clear()
    running.collect()
    ties(running)


class Restless:
    """Something happens before every answer: at first two fills, and at last a settlement."""

    def __init__(self, world: World, moments: int) -> None:
        self.world, self.left = world, moments

    def play(self, until: datetime) -> None:
        """Trade once more, as long as there is something left."""
        if self.left:
            self.left -= 1
            account = self.world.kalshi
            account.fill(OPEN_MARKET, "no" if self.left % 3 else "yes", "1.50", "0.57", at=until)
            account.fill(f"KXRESTLESS-{self.left % 4}-A", "yes", "2.00", "0.40", at=until)
            if self.left < 4:
                account.settle(f"KXRESTLESS-{self.left % 4}-A", "yes", at=until)


def test_lists_that_grow_while_they_are_read_are_whole_in_the_end(
    simulate: Simulate, pipeline: Build
) -> None:
    """Fills and settlements arrive between two pages and two lists; none is lost, none counts twice."""
    world = examples.reference_account()
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    running.simulator.faults.set("kalshi", "short", value=3)
    world.stories = [restless := Restless(world, 60)]
    readings = 0
    while restless.left:
        readings += 1
        running.collect()
        assert running.latest["checks"]["balanced"]["ok"]
    assert readings > 1
    running.collect()
    ties(running)


def test_a_market_that_vanishes_keeps_its_position_and_its_last_mark(
    simulate: Simulate, pipeline: Build
) -> None:
    """What is held is still held; its mark gets old and says so, and is never a zero."""
    world = examples.reference_account()
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    before = running.latest["positions"][OPEN_MARKET]
    with world.lock:
        world.kalshi.market(OPEN_MARKET, hidden=True)
    world.clock.advance(timedelta(minutes=10))
    running.collect()
    held = running.latest["positions"][OPEN_MARKET]
    assert {name: held[name] for name in ("count", "cost", "mark", "value")} == {
        name: before[name] for name in ("count", "cost", "mark", "value")
    }
    assert (before["grade"], held["grade"]) == ("final", "stale")
    assert running.latest["unrealised"]["grade"] == "stale"
    assert running.latest["windows"]["all"]["components"]["trading_realised"]["grade"] == "final"
    ties(running)
    with world.lock:
        world.kalshi.market(OPEN_MARKET, hidden=False)
    running.collect()
    assert running.latest["positions"][OPEN_MARKET]["grade"] == "final"


def test_a_settlement_before_its_last_fill_is_right_at_once_and_stays_right(
    simulate: Simulate, pipeline: Build
) -> None:
    """The row's gross totals stand in for the fill that is not listed yet; when it comes it counts once."""
    world = examples.frozen()
    cases.late_listing(world.kalshi)
    running = pipeline(simulate(world), NORTHSTAR_SOURCES="kalshi")
    running.collect()
    ties(running)
    at_once = figures(running.latest)
    world.clock.advance(61)
    running.collect()
    ties(running)
    assert figures(running.latest) == at_once
