"""Every open question has a dial; our source reads either answer without losing a day or a cent."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.records import BilledDay, UsageHour
from exporter.simulator import examples
from exporter.simulator.anthropic.dials import Dials
from exporter.simulator.clock import DAY, SettableClock, midnight
from exporter.simulator.keys import ADMIN_KEY
from exporter.simulator.server import serve_in_thread
from exporter.simulator.stories import begin, seeded
from exporter.simulator.world import World
from exporter.sources.anthropic.organization import Anthropic
from exporter.sources.contract import Reading, Window
from tests.simulator.callers import Ask

D = Decimal
NOW = examples.NOW
TODAY = midnight(NOW)

OTHERS: dict[str, Any] = {
    "ordinary_key_status": 401,
    "landing": "empty",
    "starting_inside": "next",
    "date_only": True,
    "speed_needs_beta": True,
    "discount": D("0.1"),
    "reports_discounted": False,
    "fast_twins": False,
    "search_writes_shown": False,
    "amounts": "exponent",
    "analytics": False,
    "refresh_every": timedelta(hours=4),
    "refresh_delay": timedelta(hours=2),
    "watermark": False,
    "running_hour": False,
    "priority_cost": True,
    "cursor_expires": False,
}
"""The other reading of each question."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests need not be spread over minutes here."""
    monkeypatch.setattr("exporter.sources.anthropic.organization.REQUESTS_PER_MINUTE", 1e6)


def read(world: World, family: Any = "reports") -> Reading:
    """Return one reading of the organization."""
    with serve_in_thread(world) as simulator:

        async def once() -> Reading:
            source = Anthropic(ADMIN_KEY, clock=world.clock, base_url=simulator.url, family=family)
            try:
                return await source.fetch(Window(NOW - 3 * DAY, NOW))
            finally:
                await source.aclose()

        return asyncio.run(once())


def bills(reading: Reading) -> dict[date, Decimal]:
    """Return what each day is billed, in cents."""
    return {
        record.day: sum((line.amount for line in record.lines), D(0)) * 100
        for record in reading.records
        if isinstance(record, BilledDay)
    }


def test_every_dial_has_another_reading() -> None:
    """A dial that is not turned here proves nothing."""
    assert OTHERS.keys() == vars(Dials()).keys()
    assert all(vars(Dials())[name] != other for name, other in OTHERS.items())


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("family", ["reports", "analytics"])
def test_our_source_reads_either_answer(name: str, family: str) -> None:
    """Whatever the service does, a finished day costs what it truly cost, and no day is made up."""
    if (name, family) == ("analytics", "analytics"):
        return
    world = World(SettableClock(NOW))
    setattr(world.anthropic.dials, name, OTHERS[name])
    begin(world, 3, speed=1, days=6)
    reading = read(world, family)
    found = {day: cents for day, cents in bills(reading).items() if day in world.anthropic.bills}
    finished = {TODAY.date() - back * timedelta(days=1) for back in range(1, 7)}
    late = {TODAY.date() - timedelta(days=1)} if name in ("refresh_every", "refresh_delay") else set()
    assert finished - late <= found.keys() <= finished
    for day, cents in found.items():
        true = world.anthropic.true_cost(day)
        served = world.anthropic.served(day, NOW)
        assert true is not None
        if (name, family) == ("priority_cost", "analytics"):
            assert cents > true
        elif family == "reports":
            assert served is not None
            assert cents == sum(line.amount for line in served)
        else:
            assert cents == true
    assert any(isinstance(record, UsageHour) and record.lines for record in reading.records)


def cost(ask: Ask, world: World, **query: Any) -> Any:
    """Return the cost report's answer."""
    return ask(world).organization("/cost_report", **query)


@pytest.mark.parametrize(("reading", "first"), [("snap", "2026-11-20"), ("next", "2026-11-21")])
def test_a_start_inside_a_day_has_two_readings(ask: Ask, reading: Any, first: str) -> None:
    """The day it lies in, or the next; whoever sends midnights need not care."""
    world = examples.anthropic_reports()
    world.anthropic.dials.starting_inside, world.anthropic.dials.landing = reading, "empty"
    answer = cost(ask, world, starting_at="2026-11-20T05:00:00Z").json()
    assert answer["data"][0]["starting_at"][:10] == first


def test_a_date_without_time_has_two_readings(ask: Ask) -> None:
    """One peer sends it; nobody has seen the answer."""
    world = examples.anthropic_reports()
    query = {"starting_at": "2026-11-20", "ending_at": "2026-11-21"}
    assert cost(ask, world, **query).status_code == 400
    world.anthropic.dials.date_only = True
    assert len(cost(ask, world, **query).json()["data"]) == 1


def test_amounts_may_have_an_exponent(ask: Ask) -> None:
    """The same decimal, written another way."""
    world = examples.anthropic_reports()
    world.anthropic.dials.amounts = "exponent"
    query = {"starting_at": "2026-11-20T00:00:00Z", "ending_at": "2026-11-21T00:00:00Z"}
    [bucket] = cost(ask, world, **query).json()["data"]
    assert [row["amount"] for row in bucket["results"]] == ["5.325E+2"]


def test_speed_may_need_its_beta_header(ask: Ask) -> None:
    """Sending the header is safe either way."""
    world = examples.anthropic_reports()
    query = {"starting_at": "2026-11-20T00:00:00Z", "group_by": ["speed"]}
    assert ask(world).organization("/usage_report/messages", **query).status_code == 200
    world.anthropic.dials.speed_needs_beta = True
    assert ask(world).organization("/usage_report/messages", **query).status_code == 400


def test_a_day_may_appear_vanish_and_come_back() -> None:
    """Nothing is made of a day that is gone; what was told of it before is not taken back."""
    world = examples.anthropic_reports()
    book, day = world.anthropic, date(2026, 11, 20)
    book.withdraw(day, at=datetime.fromisoformat("2026-11-22T09:00:00Z"))
    assert day not in bills(read(world))
    book.dials.landing = "empty"
    assert bills(read(world)).get(day) in (None, 0)
    book.bill(day, examples.example_lines(), lands_at=datetime.fromisoformat("2026-11-22T11:00:00Z"))
    assert bills(read(world))[day] == D("532.5")


def test_prices_change_by_day() -> None:
    """What a token costs depends on the UTC day it was used on."""
    world = World(SettableClock(NOW))
    prices = world.anthropic.prices
    before = prices.on("claude-sonnet-5-5", date(2026, 10, 6)).read
    assert (before, prices.on("claude-sonnet-5-5", date(2026, 10, 7)).read) == (D("0.20"), D("0.10"))
    changed = TODAY.date() - timedelta(days=2)
    prices.change("claude-nova-1", changed, output=D(60))
    begin(world, 1, speed=1, days=5)
    plain = seeded(1, SettableClock(NOW), days=5).anthropic
    for back in (4, 3, 2, 1):
        day = TODAY.date() - timedelta(days=back)
        dearer = (world.anthropic.true_cost(day) or 0) > (plain.true_cost(day) or 0)
        used = any(line.model == "claude-nova-1" for line in world.anthropic.bills[day][-1].lines or ())
        assert dearer == (day >= changed and used)


def test_the_default_workspace_is_listed_when_asked_for(ask: Ask) -> None:
    """Newer lists can name it; it is in none otherwise."""
    world = seeded(1, SettableClock(NOW), days=1)
    listed = ask(world).organization("/workspaces", include_default="true").json()["data"]
    assert world.anthropic.default_workspace in {item["id"] for item in listed}
    assert len(ask(world).organization("/workspaces", ids=["wrkspc_01SimResearch"]).json()["data"]) == 1
