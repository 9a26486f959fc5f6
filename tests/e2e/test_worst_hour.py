"""An hour of simulated time with the fault dial at its worst; when it is off again, nothing is different."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.ledger.trading.reconciliation import FIGURES
from exporter.simulator import oracle
from exporter.simulator.clock import SettableClock
from exporter.simulator.faults import KINDS, OPERATIONS, PAGE_KINDS, Fault
from exporter.simulator.stories import seeded
from exporter.snapshot import KIND_COMPONENTS
from exporter.sources import http
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, until, usd

BEGIN = datetime.fromisoformat("2026-11-20T18:00:00+00:00")
SEED = 1
EVERY = timedelta(seconds=30)
"""Between two readings: 120 of them in the hour."""

FIELDS = (
    "fills",
    "fills.count_fp",
    "fills.created_time",
    "settlements.revenue",
    "settlements.settled_time",
    "market_positions",
    "market_positions.position_fp",
    "balance_dollars",
    "markets.yes_bid_dollars",
    "subaccount_balances",
    "cursor",
)
SILENT = {("set", None), ("empty", None)}
"""Changes that no reader can notice in an answer that is otherwise right: another amount, an empty list."""

LINES = {"trading_realised": ("realised", 1), "trading_fees": ("fees", -1)}
"""What the oracle calls a line, and with which sign."""

SECONDS = {"latency": 0.01, "timeout": 0.2, "skew": 40.0, "429_retry_after": 5.0, "429_reset": 5.0}


def worst(chance: random.Random, kind: str) -> Fault:
    """Return a fault of a kind, at some field, for some of the requests."""
    options: dict[str, Any] = {"seconds": SECONDS.get(kind, 0.0), "count": chance.choice((1, 3, None))}
    if kind == "short":
        options["value"] = chance.randint(1, 20)
    if kind in ("rename", "drop", "retype", "null", "mutate"):
        options |= {"field": chance.choice(FIELDS), "value": "other" if kind == "rename" else None}
    if kind == "mutate":
        operation = chance.choice([each for each in OPERATIONS if (each, None) not in SILENT])
        options |= {"operation": operation, "value": "other" if operation == "rename" else None}
    return Fault(kind, **options)


def test_worst_hour_ends_with_no_difference(
    simulate: Simulate, pipeline: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of fault, several at once, all the time: figures age and heal, and are never wrong."""
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    monkeypatch.setattr(http, "BREAKER_REST_SECONDS", 1e-3)  # of real time, of which half a minute is nothing
    chance, clock = random.Random(SEED), SettableClock(BEGIN)
    world = seeded(
        SEED, clock, speed=2, days=3, fills=400, span=timedelta(days=3), retention=timedelta(days=60)
    )
    simulator = simulate(world)
    running = pipeline(simulator, NORTHSTAR_SOURCES="kalshi")
    running.collect()
    outcomes: Counter[str] = Counter()
    kinds = [*KINDS, *PAGE_KINDS] * 2
    traded = len(world.kalshi.fills)
    while clock() < BEGIN + timedelta(hours=1):
        clock.advance(EVERY)
        chosen = chance.sample(kinds, 3)
        simulator.faults.replace("kalshi", [worst(chance, kind) for kind in chosen])
        before = running.latest["sources"]["kalshi"]["as_of"]
        running.collect()
        shown = running.latest["sources"]["kalshi"]
        fresh = shown["as_of"] > before
        if not fresh:
            outcomes[shown.get("error", {}).get("reason", "waited")] += 1
        touched = _never_wrong(running, fresh=fresh)
        outcomes["read"] += fresh
        outcomes["whole"] += fresh and not touched
    print(dict(outcomes))
    assert len(world.kalshi.fills) > traded, "nothing happened in that hour"
    assert 10 < outcomes.pop("whole") < outcomes["read"] < sum(outcomes.values()) / 2, outcomes
    assert {"malformed", "server_error", "rate_limited"} <= set(outcomes), outcomes
    simulator.faults.clear()
    clock.advance(timedelta(hours=1))  # within which recent days are read again
    healed = clock()

    def read() -> bool:
        running.collect()
        return bool(running.latest["sources"]["kalshi"]["as_of"] >= f"{healed:%Y-%m-%dT%H:%M:%S}")

    until(read)
    assert not _never_wrong(running, fresh=True), "a row is still aside"


def _never_wrong(running: Pipeline, *, fresh: bool) -> set[str]:
    """What is shown balances, and what a reading has just shown is the truth of its moment.

    A line that rests on rows which are set aside is said to be incomplete instead. Return those lines.
    """
    tree = running.latest
    assert tree["checks"]["balanced"]["ok"]
    touched: set[str] = set()
    for aside in running.cycle.store.asides.open("kalshi"):
        touched.update(KIND_COMPONENTS["venue"] if aside.components is None else aside.components)
    for component in touched:
        stated = tree["windows"]["all"]["components"][component]
        assert stated["grade"] in ("partial", "stale", "missing"), component
        assert "set_aside" in {reason["code"] for reason in stated["because"]}, component
    if fresh and not touched:
        _ties(running)
    elif fresh:
        _lines_tie(running, LINES.keys() - touched)
    return touched


def _ties(running: Pipeline) -> None:
    tree, truth = running.latest, oracle.report(running.simulator.world)
    for figure in FIGURES:
        unit = "contracts" if figure == "position" else "usd"
        assert Decimal(tree["checks"][figure][unit]) == 0, tree["checks"]
    assert Decimal(tree["checks"]["cash"]["usd"]) == Decimal(truth["cash_flows"]["credits"]), tree["checks"]
    _lines_tie(running, LINES)
    assert Decimal(tree["accounts"]["kalshi"]["cash"]) == Decimal(truth["cash"])


def _lines_tie(running: Pipeline, components: Iterable[str]) -> None:
    truth = oracle.report(running.simulator.world)["trading"]
    for component in components:
        name, sign = LINES[component]
        assert usd(running.latest, "all", component) == sign * Decimal(truth[name]), component
