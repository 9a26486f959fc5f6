"""Every fault of the dial at every source, in a running pipeline: freshness is lost, correctness never."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.simulator import examples, oracle
from exporter.simulator.clock import SettableClock
from exporter.simulator.examples import NOW, OPEN_MARKET
from exporter.simulator.faults import KINDS, SOURCES
from exporter.simulator.server import Simulator
from exporter.simulator.world import World
from exporter.snapshot import COUNTS
from exporter.sources import http
from exporter.sources.kalshi import account
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, figures, usd

FIELD = {"kalshi": "fills.count_fp", "anthropic": "data.results.amount", "sales": "sales.gross"}
FIELD_KINDS = ("rename", "drop", "retype", "null", "mutate")
OPTIONS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 0.02},
    "timeout": {"seconds": 0.5},
    "429_retry_after": {"seconds": 30},
    "429_reset": {"seconds": 30},
    "skew": {"seconds": 45},
    "rename": {"value": "another_name"},
    "mutate": {"operation": "set", "value": "abc"},
}
REASONS = {
    "timeout": "timeout",
    "429": "rate_limited",
    "429_retry_after": "rate_limited",
    "429_reset": "rate_limited",
    "500": "server_error",
    "502": "server_error",
    "503": "server_error",
    "529": "server_error",
    "html": "malformed",
    "error_200": "malformed",
    "reset": "connection",
    "half": "server_error",
    "gone": "refused",
}
EXPIRES = ("anthropic", "gone")
"""Where 410 is known: a list is begun again then, and given up as expired when that does not help."""
HARMLESS = ("latency", "skew")
RESTED = 0.06
"""Seconds until a breaker of these tests lets a request through again."""


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent upstream is given up after a tenth of a second."""
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)


def life_goes_on(world: World) -> None:
    """Something happens at each upstream; every figure of every source is another one after it."""
    now = world.clock()
    with world.lock:
        world.kalshi.fill(OPEN_MARKET, "no", "1.00", "0.57", at=now, action="sell")
        world.kalshi.mark(OPEN_MARKET, f"0.{30 + len(world.kalshi.fills)}", "0.80", "0.59")
        world.sales.sale("7.00", fee="0.40", at=now)
        world.sales.refund("sale_1", "0.50", at=now)
        world.anthropic.usage(now, "claude-sonnet-5-5", output=100_000)
        lines = [*examples.example_lines(), examples.token_line(f"{len(world.kalshi.fills)}.5", "More", "x")]
        world.anthropic.revise(NOW.date().replace(day=20), lines, at=now)


def truth(world: World, *sources: str) -> dict[str, Decimal]:
    """Return the oracle's figures for everything up to now, signed as ours are."""
    told = oracle.report(world)
    every = {
        "kalshi": {
            "trading_realised": Decimal(told["trading"]["realised"]),
            "trading_fees": -Decimal(told["trading"]["fees"]),
            "trading_unrealised_change": Decimal(told["trading"]["unrealised"]),
            "cash": Decimal(told["cash"]),
        },
        "sales": {
            "sales_gross": Decimal(told["sales"]["gross"]),
            "sales_refunds": -Decimal(told["sales"]["refunds"]),
            "sales_fees": -Decimal(told["sales"]["fees"]),
            "orders": Decimal(told["sales"]["orders"]),
            "refunds": Decimal(told["sales"]["refunds_given"]),
        },
        "anthropic": {"api_cost_billed": -Decimal(told["api_cost"]["billed_total"])},
    }
    return {name: amount for source in sources for name, amount in every[source].items()}


def stated(tree: dict[str, Any], *sources: str) -> dict[str, Decimal]:
    """Return our figures under the same names."""
    names = {
        "kalshi": ("trading_realised", "trading_fees", "trading_unrealised_change"),
        "sales": ("sales_gross", "sales_refunds", "sales_fees"),
        "anthropic": ("api_cost_billed",),
    }
    found = {name: usd(tree, "all", name) for source in sources for name in names[source]}
    if "sales" in sources:
        found |= {count: Decimal(tree["sales"]["all"][count]) for count in COUNTS}
    if "kalshi" in sources:
        found["cash"] = Decimal(tree["accounts"]["kalshi"]["cash"])
    return found


def started(simulate: Simulate, pipeline: Build) -> tuple[Pipeline, Simulator, SettableClock]:
    """Return a pipeline that has read the company once, correctly."""
    world = examples.company()
    simulator = simulate(world)
    running = pipeline(simulator)
    running.read_everything_again()
    running.collect()
    assert stated(running.latest, *SOURCES) == truth(world, *SOURCES)
    clock = world.clock
    assert isinstance(clock, SettableClock)
    return running, simulator, clock


def lasting(tree: dict[str, Any], source: str) -> dict[str, Any]:
    """Return the figures that time alone does not change: a sale of the example is a day old just now."""
    return {path: shown for path, shown in figures(tree, source).items() if not path.startswith("24h.")}


def reason_of(source: str, kind: str) -> str:
    """Return under which reason a fault is shown and counted."""
    return "expired" if (source, kind) == EXPIRES else REASONS[kind]


def fault_of(source: str, kind: str, simulator: Simulator) -> None:
    """Turn one fault on; where pages are short, so that there is a second one to fail."""
    options = dict(OPTIONS.get(kind, {}))
    if kind in FIELD_KINDS:
        options["field"] = FIELD[source]
    simulator.faults.set(source, kind, **options)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (*FIELD_KINDS, "odd_rows")])
@pytest.mark.parametrize("source", SOURCES)
def test_fault_ages_one_source_and_falsifies_none(
    simulate: Simulate,
    pipeline: Build,
    said: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    kind: str,
) -> None:
    """Its figures stay the last good ones, its error is counted, the rest moves; then it recovers."""
    if kind in ("half", "gone"):
        _pages_of_one(monkeypatch)
    running, simulator, clock = started(simulate, pipeline)
    world, limit = simulator.world, running.sources[source].freshness
    others = [name for name in SOURCES if name != source]
    good = lasting(running.latest, source)
    counted = running.metrics()

    fault_of(source, kind, simulator)
    clock.advance(5)
    life_goes_on(world)
    running.collect(source)
    after = running.latest
    if kind in HARMLESS:
        assert stated(after, source) == truth(world, source)
        assert "error" not in after["sources"][source]
        if kind == "skew":
            skew = running.metrics().get("northstar_source_clock_skew_seconds", source=source)
            assert skew == pytest.approx(45, abs=2)
        return
    assert lasting(after, source) == good, "a figure of the broken source changed"
    reason = reason_of(source, kind)
    assert after["sources"][source]["error"]["reason"] == reason
    assert after["sources"][source]["error"]["sentence"].count("\n") == 0
    running.collect(*others)
    assert stated(running.latest, *others) == truth(world, *others), "the others stood still"
    _is_counted(running, counted, source, kind)

    for _ in range(4):  # enough for the breaker, which changes the reason but no figure
        clock.advance(31)
        running.collect()
    assert lasting(running.latest, source) == good
    assert stated(running.latest, *others) == truth(world, *others)
    clock.advance(limit)
    life_goes_on(world)
    running.collect()
    old = running.latest
    assert old["sources"][source]["grade"] == "stale"
    assert lasting(old, source) == good
    assert all(old["windows"][window]["net"]["grade"] == "stale" for window in old["windows"])
    assert {old["sources"][name]["grade"] for name in others} == {"final"}
    assert stated(old, *others) == truth(world, *others)
    page = running.metrics()
    assert page.get("northstar_source_up", source=source) == 0
    assert [page.get("northstar_source_up", source=name) for name in others] == [1, 1]

    simulator.faults.clear()
    clock.advance(timedelta(minutes=2))  # past any wish to be left alone
    time.sleep(RESTED)
    running.collect(source)
    well = running.latest
    assert well["sources"][source]["grade"] == "final"
    assert "error" not in well["sources"][source]
    running.collect()
    assert stated(running.latest, *SOURCES) == truth(world, *SOURCES)
    assert running.metrics().get("northstar_source_up", source=source) == 1
    assert running.metrics().get("northstar_source_breaker_state", source=source) == 0
    assert "Traceback" not in said()


@pytest.mark.parametrize("kind", FIELD_KINDS)
@pytest.mark.parametrize("source", SOURCES)
def test_rows_with_an_odd_field_are_set_aside_and_cost_the_grade(
    simulate: Simulate, pipeline: Build, said: Callable[[], str], source: str, kind: str
) -> None:
    """What was read well before stays, what rests on the rows is doubted, and all is right when they are."""
    running, simulator, clock = started(simulate, pipeline)
    world, others = simulator.world, [name for name in SOURCES if name != source]
    fault_of(source, kind, simulator)
    clock.advance(5)
    life_goes_on(world)
    running.collect()
    odd = running.latest
    assert "error" not in odd["sources"][source]
    assert odd["sources"][source]["aside"] > 0
    doubted = [
        component
        for component in odd["windows"]["all"]["components"].values()
        if any(
            (reason["source"], reason["code"]) == (source, "set_aside")
            for reason in component.get("because", ())
        )
    ]
    assert doubted
    assert {component["grade"] for component in doubted} == {"partial"}
    assert stated(odd, *others) == truth(world, *others), "the others stood still"
    aside = running.metrics().of("northstar_source_rows_aside", source=source)
    assert {dict(labels)["field"] for labels in aside} == {FIELD[source]}

    simulator.faults.clear()
    clock.advance(60)
    running.collect()
    well = running.latest
    assert not well["sources"][source].get("aside")
    assert stated(well, *SOURCES) == truth(world, *SOURCES)
    assert not running.metrics().of("northstar_source_rows_aside", source=source)
    assert "Traceback" not in said()


def _pages_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every list come one row at a time, so that it has a second page to lose."""
    monkeypatch.setitem(account._rows.__kwdefaults__, "limit", 1)
    monkeypatch.setattr("exporter.sources.sales.shop.PAGE_ROWS", 1)
    monkeypatch.setattr("exporter.sources.anthropic.reports.DAYS_AT_ONCE", 1)


def _is_counted(running: Pipeline, before: Any, source: str, kind: str) -> None:
    page = running.metrics()
    reason = reason_of(source, kind)
    labels = {"source": source, "reason": reason}
    name = "northstar_source_errors_total"
    assert page.get(name, **labels) == (before.get(name, **labels) or 0) + 1
    assert sum(page.of(name).values()) == sum(before.of(name).values()) + 1, "another source was blamed"
    malformed = page.of("northstar_source_malformed_total", source=source)
    if reason != "malformed":
        assert not malformed
    if reason not in ("malformed", "expired"):  # a page that is gone is an answer: the list is begun again
        assert page.get("northstar_source_requests_total", source=source, outcome=reason) == 1


@pytest.mark.parametrize("source", SOURCES)
def test_source_down_from_the_first_moment_is_missing_and_never_zero(
    simulate: Simulate, pipeline: Build, source: str
) -> None:
    """A source that never answered has no figure and no sample; the net that needs it has none either."""
    simulator = simulate(examples.company())
    simulator.faults.set(source, "500")
    running = pipeline(simulator)
    running.collect()
    tree = running.current()
    assert tree["sources"][source]["grade"] == "missing"
    for window, shown in tree["windows"].items():
        assert shown["net"]["grade"] == "missing"
        assert "usd" not in shown["net"], window
    assert set(figures(tree, source).values()) == {None}
    page = running.metrics()
    assert page.of("northstar_pnl_net_usd") == {}
    assert all(tree["windows"]["all"]["components"][name]["usd"] for name in _parts_of_others(source))
    simulator.faults.clear()
    time.sleep(RESTED)
    running.collect(source)
    assert stated(running.latest, *SOURCES) == truth(simulator.world, *SOURCES)


def _parts_of_others(source: str) -> list[str]:
    prefix = {"kalshi": "trading", "sales": "sales", "anthropic": "api"}[source]
    return [
        name for name in ("trading_realised", "sales_gross", "api_cost_billed") if not name.startswith(prefix)
    ]


@pytest.mark.parametrize("source", SOURCES)
def test_restart_during_an_outage_keeps_the_last_good_figures_and_their_age(
    simulate: Simulate, pipeline: Build, source: str
) -> None:
    """The next process shows what the last one showed, as old as it is, although nobody answers."""
    running, simulator, clock = started(simulate, pipeline)
    good, seen = lasting(running.latest, source), running.latest["sources"][source]["as_of"]
    folder = running.database.parent
    running.close()
    simulator.faults.set(source, "reset")
    clock.advance(timedelta(minutes=20))
    with Pipeline(simulator, folder) as again:
        again.collect()
        tree = again.latest
        assert lasting(tree, source) == good
        assert tree["sources"][source]["grade"] == "stale"
        assert tree["sources"][source]["as_of"] == seen
        assert tree["windows"]["all"]["net"]["grade"] == "stale"


def test_debug_log_of_a_failure_is_one_line(
    simulate: Simulate, pipeline: Build, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failed reading is one warning with source and reason, not a stack."""
    running, simulator, _ = started(simulate, pipeline)
    caplog.clear()
    with caplog.at_level(logging.INFO, "northstar"):
        simulator.faults.set("sales", "500")
        running.collect("sales")
    lines = [record for record in caplog.records if record.name == "northstar"]
    assert [(line.levelname, "source=sales reason=server_error" in line.getMessage()) for line in lines] == [
        ("WARNING", True)
    ]
    assert lines[0].exc_info is None


def test_time_set_back_does_not_turn_the_figures_back(simulate: Simulate, pipeline: Build) -> None:
    """The machine's clock loses an hour: snapshots go on in order, readings go on, windows end by then."""
    running, simulator, clock = started(simulate, pipeline)
    before = running.latest
    clock.set(NOW - timedelta(hours=1))
    running.collect()
    assert running.latest["sequence"] > before["sequence"]
    assert running.latest["as_of"] < before["as_of"]
    assert stated(running.latest, *SOURCES) == truth(simulator.world, *SOURCES)
    clock.set(datetime(2026, 11, 22, 12, 30, tzinfo=UTC))
    life_goes_on(simulator.world)
    running.collect()
    assert stated(running.latest, *SOURCES) == truth(simulator.world, *SOURCES)
