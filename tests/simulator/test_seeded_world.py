"""The seeded world: the same for the same seed and now, the right size, nothing open at midnight."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from exporter.simulator import oracle
from exporter.simulator.clock import DAY, SettableClock, midnight
from exporter.simulator.stories import seeded
from exporter.simulator.world import World
from tests.simulator.callers import Ask

NOW = datetime(2026, 11, 22, 15, 4, 5, 678901, tzinfo=UTC)


def everything(ask: Ask, world: World) -> list[str]:
    """Return the text of an answer of every kind."""
    caller = ask(world)
    venue = ("balance", "positions", "fills", "settlements", "deposits", "withdrawals")
    start = {"starting_at": "2026-10-23T00:00:00Z", "limit": 31}
    answers = [
        *(caller.venue(f"/portfolio/{name}") for name in venue),
        caller.venue("/markets", status="open"),
        caller.organization("/cost_report", group_by=["workspace_id", "description"], **start),
        caller.organization("/usage_report/messages", group_by=["model", "api_key_id"], **start),
        caller.organization("/workspaces"),
        caller.organization("/api_keys"),
        caller.sales(limit=500),
    ]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.text for answer in answers]


def test_same_seed_and_now_give_the_same_bytes(ask: Ask) -> None:
    """However often and whenever it was asked before, a world at a moment is one and the same."""
    once, often = (seeded(7, SettableClock(NOW)) for _ in range(2))
    for _ in range(20):
        often.clock.advance(6.5)
        often.advance()
    once.clock.advance(130)
    first = everything(ask, once)
    assert first == everything(ask, often)
    other = seeded(8, SettableClock(NOW + timedelta(seconds=130)))
    assert first[2] != everything(ask, other)[2]


def test_past_days_are_told_the_same_by_a_later_start() -> None:
    """Started again two hours later, everything before today is unchanged."""
    early, late = seeded(7, SettableClock(NOW)), seeded(7, SettableClock(NOW + timedelta(hours=2)))

    def past(world: World) -> list[Any]:
        fills = [
            (f.fill_id, f.count, f.yes_price, f.fee) for f in world.kalshi.fills if f.time < midnight(NOW)
        ]
        sales = [
            (s.id, s.gross, s.status) for s in world.sales.sales.values() if s.updated_at < midnight(NOW)
        ]
        return [fills, sales, {d: b[-1].cents for d, b in world.anthropic.bills.items()}]

    assert past(early) == past(late)


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 11, 22, tzinfo=UTC),
        datetime(2026, 11, 22, 0, 0, 3, tzinfo=UTC),
        NOW,
        datetime(2026, 11, 22, 23, 59, 30, tzinfo=UTC),
        datetime(2026, 11, 22, 23, 59, 50, tzinfo=UTC),
    ],
)
def test_nothing_is_open_at_midnight_and_something_right_after(start: datetime) -> None:
    """Whenever it starts: today's positions were opened today, and all settle before the day ends."""
    clock = SettableClock(start)
    world = seeded(2, clock, days=2, speed=0.2)
    for day in (midnight(start), midnight(start) + DAY):
        open_tickers = {p.ticker for p in world.kalshi.unsettled.values() if p.held}
        assert all(f.time >= day for f in world.kalshi.fills if f.ticker in open_tickers)
        clock.set(day + DAY - timedelta(seconds=1))
        world.advance()
        assert [p for p in world.kalshi.unsettled.values() if p.held] == []
        clock.set(day + DAY + timedelta(seconds=8))
        world.advance()
        assert len([p for p in world.kalshi.unsettled.values() if p.held]) >= 7
        assert all(f.time <= clock() for f in world.kalshi.fills)
        assert all(s.time <= clock() for s in world.kalshi.settlements)


def test_start_in_the_day_has_about_eight_positions_open_at_once() -> None:
    """Nobody waits for the demo to begin."""
    for start in (NOW, midnight(NOW), midnight(NOW) + timedelta(milliseconds=1)):
        report = oracle.report(seeded(1, SettableClock(start)))
        assert len(report["trading"]["positions"]) == 8
        assert report["trading"]["unmarked"] == 0


def test_unrealised_moves_nearly_every_second_and_stays_bounded() -> None:
    """The screen has something to show."""
    clock = SettableClock(NOW)
    world = seeded(1, clock)
    seen = []
    for _ in range(120):
        clock.advance(1)
        seen.append(Decimal(oracle.report(world)["trading"]["unrealised"]))
    assert sum(a != b for a, b in pairwise(seen)) > 100
    assert max(map(abs, seen)) < 100


def test_live_trades_settlements_and_sales_come_at_their_pace() -> None:
    """A fill every five to ten seconds, a settlement every one to two minutes; twice as many at speed 2."""
    for speed in (1, 2):
        clock = SettableClock(NOW)
        world = seeded(1, clock, speed=speed, days=2)
        before = len(world.kalshi.fills), len(world.kalshi.settlements), len(world.sales.sales)
        clock.advance(1800)
        world.advance()
        fills, settled, sales = (
            now - then
            for now, then in zip(
                (len(world.kalshi.fills), len(world.kalshi.settlements), len(world.sales.sales)),
                before,
                strict=True,
            )
        )
        assert 190 * speed < fills < 330 * speed
        assert 14 * speed < settled < 32 * speed
        assert 88 * speed < sales < 185 * speed


def test_magnitudes_are_those_of_a_small_company() -> None:
    """A few hundred of sales, cost of 25 to 130, trading within 250 on every day; a profit in all."""
    clock = SettableClock(NOW)
    world = seeded(1, clock)
    total = Decimal(0)
    for number in range(1, 44):
        begin = midnight(NOW) - number * DAY
        report = oracle.report(world, begin, begin + DAY)
        trading = Decimal(report["trading"]["realised"]) - Decimal(report["trading"]["fees"])
        cost, sales = Decimal(report["api_cost"]["true_total"]), Decimal(report["sales"]["net"])
        assert abs(trading) < 250
        assert 25 < cost < 130
        assert 60 < sales < 800
        total += trading + sales - cost
    assert 100 < total / 43 < 500


def test_every_way_and_trap_of_the_venue_occurs() -> None:
    """Both legacy sales, fractions, sub-cent prices, makers, scalars, flat and empty rows, ties."""
    world = seeded(1, SettableClock(NOW))
    fills, rows = world.kalshi.fills, [s.row for s in world.kalshi.settlements]
    assert {(f.action, f.side) for f in fills} == {
        ("buy", "yes"),
        ("buy", "no"),
        ("sell", "yes"),
        ("sell", "no"),
    }
    assert any(f.count % 1 for f in fills)
    assert any(f.yes_price % Decimal("0.01") for f in fills)
    assert {f.is_taker for f in fills} == {True, False}
    assert len({f.time for f in fills}) < len(fills)
    assert {r["market_result"] for r in rows} == {"yes", "no", "scalar"}
    assert any(r["yes_count_fp"] == r["no_count_fp"] == "0.00" for r in rows)
    assert any(r["yes_count_fp"] == r["no_count_fp"] != "0.00" for r in rows)
    assert {m.status for m in world.kalshi.movements} == {"applied", "failed"}
    assert all(f.fee >= 0 for f in fills)


def test_every_oddity_of_the_bills_occurs(ask: Ask) -> None:
    """Unknown model and cost type, twins, priority without cost, revisions both ways, a late yesterday."""
    clock = SettableClock(NOW.replace(hour=2))
    world = seeded(1, clock)
    days = [bills[-1].lines for bills in world.anthropic.bills.values()]
    lines = [line for day in days for line in day]
    assert {"agent_memory", "code_execution", "session_usage", "web_search", "tokens"} == {
        x.cost_type for x in lines
    }
    assert any(line.model == "claude-nova-1" for line in lines)
    assert any("Fast Mode" in line.description for line in lines)
    assert any(u.service_tier == "priority" for hour in world.anthropic.hours.values() for u in hour)
    assert not [line for line in lines if line.service_tier == "priority"]
    steps = [b[1].cents - b[0].cents for b in world.anthropic.bills.values() if len(b) > 1]
    assert min(steps) < 0 < max(steps)
    caller = ask(world)
    yesterday = {"starting_at": "2026-11-21T00:00:00Z"}
    assert caller.organization("/cost_report", **yesterday).json()["data"] == []
    clock.set(NOW.replace(hour=3, minute=0))
    assert len(caller.organization("/cost_report", **yesterday).json()["data"]) == 1


def test_day_that_ends_while_running_is_billed_at_its_true_cost() -> None:
    """The running day turns into a bill of the same sum."""
    clock = SettableClock(NOW)
    world = seeded(1, clock, days=3, speed=0.2)
    clock.set(midnight(NOW) + DAY - timedelta(milliseconds=1))
    world.advance()
    running = Decimal(oracle.report(world)["api_cost"]["true"]["2026-11-22"])
    clock.set(midnight(NOW) + DAY + timedelta(hours=3))
    cost = oracle.report(world)["api_cost"]
    assert running > 10
    assert cost["billed"]["2026-11-22"] == cost["true"]["2026-11-22"]
    assert abs(Decimal(cost["true"]["2026-11-22"]) - running) < 1


def test_world_begins_within_a_second_and_answers_in_milliseconds(ask: Ask) -> None:
    """Budgets of processor time, which a busy machine does not change: 1 s to begin, 25 ms for an answer."""
    began = time.process_time()
    world = seeded(1, SettableClock(NOW))
    assert time.process_time() - began < 1.0
    caller = ask(world)
    everything(ask, world)
    began = time.process_time()
    for _ in range(10):
        caller.venue("/portfolio/positions")
    assert (time.process_time() - began) / 10 < 0.025
