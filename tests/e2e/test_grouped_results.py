"""Results by group, from the venue's fills to the route and the scrape."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from exporter.simulator.clock import SettableClock
from exporter.simulator.examples import NOW
from exporter.simulator.stories import seeded
from exporter.simulator.world import World
from exporter.snapshot import WINDOWS
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import usd


def test_groups_of_every_window_sum_to_its_totals(simulate: Simulate, pipeline: Build) -> None:
    """A company of some days: the route, by both levels, against the components of the snapshot."""
    world = seeded(7, SettableClock(NOW), days=5)
    running = pipeline(simulate(world), NORTHSTAR_TIMEZONE="America/New_York")
    url = f"{running.stream_url}/api/pnl/groups"
    running.collect()
    early = httpx.get(url)
    assert (early.status_code, early.json()["error"]["code"]) == (503, "unavailable")
    running.run(running.cycle.publisher.break_down())
    tree = running.current()
    for by in ("series", "event"):
        answer = httpx.get(url, params={"by": by}).json()
        assert (answer["epoch"], answer["sequence"], answer["as_of"]) == (
            tree["epoch"],
            tree["sequence"],
            tree["as_of"],
        )
        assert list(answer["windows"]) == list(WINDOWS)
        for window, stated in answer["windows"].items():
            parts = [*stated["groups"], *([stated["other"]] if "other" in stated else [])]
            for figure in ("realised", "fees"):
                total = sum((Decimal(part[figure]) for part in parts), Decimal(0))
                assert total == usd(tree, window, f"trading_{figure}"), (by, window, figure)
            assert sum(part["wins"] for part in parts) == tree["trading"][window]["wins"]
            unrealised = sum((Decimal(part.get("unrealised", 0)) for part in parts), Decimal(0))
            assert unrealised == Decimal(tree["unrealised"]["usd"])
            assert stated["grade"] == "final"
    one = httpx.get(url, params={"by": "event", "window": "24h"}).json()
    assert list(one["windows"]) == ["24h"]
    assert "northstar_series_realised_usd" in running.metrics().text


@pytest.mark.parametrize("query", [{"by": "market"}, {"window": "week"}])
def test_an_unknown_group_or_window_is_refused_in_a_sentence(
    simulate: Simulate, pipeline: Build, query: dict[str, str]
) -> None:
    """With 422 and the parameter's name."""
    running = pipeline(simulate(World(SettableClock(NOW))), NORTHSTAR_SOURCES="kalshi")
    answer = httpx.get(f"{running.stream_url}/api/pnl/groups", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.json()["error"]["message"]


def test_nothing_is_written_while_nothing_changes(simulate: Simulate, pipeline: Build) -> None:
    """The statement names the snapshot after which it last changed; without Kalshi there is none."""
    running = pipeline(simulate(World(SettableClock(NOW))), NORTHSTAR_SOURCES="kalshi")
    for _ in range(2):
        running.collect()
        running.run(running.cycle.publisher.break_down())
    kept = running.cycle.store.breakdowns.latest()
    assert kept is not None
    assert kept.sequence == 1
    other = pipeline(simulate(World(SettableClock(NOW))), NORTHSTAR_SOURCES="sales")
    other.collect()
    other.run(other.cycle.publisher.break_down())
    assert other.cycle.store.breakdowns.latest() is None
