"""Two accounts of each kind side by side, by settings alone: they show, they add up, and they fail alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.clock import SettableClock
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.stories import seeded
from exporter.snapshot import WINDOWS
from tests.e2e.pipeline import Pipeline

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
D = Decimal

SEVERAL = "etsy=sales,hedge=kalshi,kalshi,lab=anthropic,anthropic,sales"
PAIRS = {"kalshi": "hedge", "anthropic": "lab", "sales": "etsy"}
"""The second source of each kind, by the first."""

FIRSTS = tuple(PAIRS)


def seconds(simulator: Simulator) -> dict[str, str]:
    """Return the settings of the second accounts, which a simulator of its own stands in for."""
    keys = simulator.environment(ed25519=True)
    return {
        "NORTHSTAR_SOURCES": SEVERAL,
        "NORTHSTAR_HEDGE_API_KEY": keys["KALSHI_API_KEY"],
        "NORTHSTAR_HEDGE_PRIVATE_KEY_PATH": keys["KALSHI_PRIVATE_KEY_PATH"],
        "NORTHSTAR_HEDGE_BASE_URL": keys["KALSHI_BASE_URL"],
        "NORTHSTAR_HEDGE_LIVE": "false",
        "NORTHSTAR_LAB_API_KEY": keys["ANTHROPIC_API_KEY"],
        "NORTHSTAR_LAB_BASE_URL": keys["ANTHROPIC_BASE_URL"],
        "NORTHSTAR_ETSY_BASE_URL": keys["JOHN_API_BASE_URL"],
        "NORTHSTAR_ETSY_TOKEN": keys["JOHN_API_TOKEN"],
    }


@dataclass
class Company:
    """Three runs at one moment: the first accounts alone, the second ones alone, and both together."""

    first: Pipeline
    second: Pipeline
    both: Pipeline
    simulators: tuple[Simulator, Simulator]


@pytest.fixture
def company(unhurried: None, tmp_path: Path) -> Iterator[Company]:
    clock = SettableClock(NOW)
    with ExitStack() as opened:
        simulators = tuple(
            opened.enter_context(serve_in_thread(seeded(seed, clock, days=10))) for seed in (1, 2)
        )
        first, second = simulators
        runs = []
        for number, (simulator, settings) in enumerate(((first, {}), (second, {}), (first, seconds(second)))):
            folder = tmp_path / str(number)
            folder.mkdir()
            run = opened.enter_context(Pipeline(simulator, folder, clock=clock, **settings))
            run.collect()
            run.collect()  # a past that has become whole makes the books anew, without what was observed
            runs.append(run)
        yield Company(*runs, simulators=(first, second))


def components(tree: dict[str, Any], window: str) -> dict[str, D]:
    found = tree["windows"][window]["components"]
    return {name: D(figure["usd"]) for name, figure in found.items()}


def added(one: dict[str, D], other: dict[str, D]) -> dict[str, D]:
    return {name: one[name] + other[name] for name in one}


def test_each_shows_and_every_window_is_the_sum_of_both(company: Company) -> None:
    """To the last digit, in the order of the kinds; what each brought is beside it."""
    first, second, both = (run.latest for run in (company.first, company.second, company.both))
    assert list(both["sources"]) == ["kalshi", "hedge", "anthropic", "lab", "sales", "etsy"]
    assert {name: source["title"] for name, source in both["sources"].items()} == {
        "kalshi": "Kalshi",
        "hedge": "Kalshi (hedge)",
        "anthropic": "Anthropic",
        "lab": "Anthropic (lab)",
        "sales": "Sales",
        "etsy": "Sales (etsy)",
    }
    assert not any("error" in source for source in both["sources"].values())
    for window in WINDOWS:
        one, other = components(first, window), components(second, window)
        assert components(both, window) == added(one, other), window
        assert any(one[name] != other[name] for name in one), "two seeds are two companies"
        assert D(both["windows"][window]["net"]["usd"]) == sum(one.values()) + sum(other.values())
        shares = both["windows"][window]["by_source"]
        for name, share in shares.items():
            alone = one if name in FIRSTS else other
            stated = {part: D(figure["usd"]) for part, figure in share["components"].items()}
            assert stated == {part: alone[part] for part in stated}, (window, name)
            assert D(share["net"]["usd"]) == sum(stated.values())
        assert set(shares) == {*PAIRS, *PAIRS.values()}


def test_accounts_and_positions_are_those_of_each(company: Company) -> None:
    """The first venue's positions have the plain keys; the second's say whose they are."""
    first, second, both = (run.latest for run in (company.first, company.second, company.both))
    assert both["accounts"] == {
        "kalshi": first["accounts"]["kalshi"],
        "hedge": second["accounts"]["kalshi"],
    }
    mine = {key: shown for key, shown in both["positions"].items() if shown["source"] == "kalshi"}
    theirs = {key: shown for key, shown in both["positions"].items() if shown["source"] == "hedge"}
    assert mine == first["positions"]
    assert theirs == {
        f"hedge:{key}": shown | {"source": "hedge"} for key, shown in second["positions"].items()
    }
    assert mine
    assert theirs
    for name, check in both["checks"].items():
        if "parts" in check:
            parts = check["parts"]
            alone = [run["checks"][name]["ok"] for run in (first, second)]
            assert [part["ok"] for part in parts.values()] == alone, name
            assert check["ok"] is all(alone), name


def test_what_each_brought_is_in_metrics_history_and_explanations(company: Company) -> None:
    """By its name, everywhere where the first one's is."""
    scraped = company.both.metrics()
    for pair in PAIRS.items():
        for name in pair:
            assert scraped.get("northstar_source_up", source=name) == 1
            assert scraped.get("northstar_source_breaker_state", source=name) == 0
    for name in ("kalshi", "hedge"):
        assert scraped.get("northstar_history_gap_seconds", source=name) == 0
        cash = D(company.both.latest["accounts"][name]["cash"])
        assert scraped.get("northstar_account_cash_usd", source=name) == float(cash)


def test_one_that_fails_does_not_touch_the_other(company: Company) -> None:
    """Its last good figures stay and are named as its own; the other of its kind goes on."""
    before = company.both.latest
    _, second = company.simulators
    for source in PAIRS:
        second.faults.set(source, "500")
    for _ in range(2):
        company.both.collect()
    after = company.both.latest
    assert {name for name, source in after["sources"].items() if "error" in source} == set(PAIRS.values())
    assert {after["sources"][name]["error"]["reason"] for name in PAIRS.values()} == {"server_error"}
    for name in PAIRS:
        assert after["sources"][name]["grade"] == "final"
    for window in WINDOWS:
        assert components(after, window) == components(before, window)
    assert company.both.metrics().get("northstar_source_up", source="kalshi") == 1
    assert company.both.metrics().get("northstar_source_up", source="hedge") == 0


def test_a_restart_finds_both_where_they_were(company: Company) -> None:
    """Records of one number are two records, marks of one market two marks."""
    shown = company.both.latest
    company.both.close()
    first, second = company.simulators
    folder = company.both.database.parent
    with Pipeline(first, folder, clock=first.world.clock, **seconds(second)) as again:
        again.publish()
        found = again.latest
        for name in ("windows", "positions", "accounts"):
            assert found[name] == shown[name], name


def test_a_source_that_is_taken_away_leaves_nothing_but_its_history(company: Company) -> None:
    """The others are what they would be without it; what it had brought is still in the database."""
    company.both.close()
    first, _ = company.simulators
    folder = company.both.database.parent
    with Pipeline(first, folder, clock=first.world.clock) as alone:
        alone.collect()
        tree, wanted = alone.latest, company.first.latest
        assert list(tree["sources"]) == list(FIRSTS)
        for name in ("positions", "accounts"):
            assert tree[name] == wanted[name], name
        for window in WINDOWS:
            assert components(tree, window) == components(wanted, window)
