"""One odd row of a list, in each of its fields: it is set aside by name, and every other row is booked.

Once it is mended the books are those of a company whose row was never odd.
"""

from __future__ import annotations

import random
import sqlite3
from datetime import timedelta

import pytest

from exporter.simulator import examples
from exporter.simulator.clock import SettableClock
from exporter.simulator.server import Simulator
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, figures, usd
from tests.e2e.test_bad_fields import READ, WAYS, Field, operation

pytestmark = pytest.mark.slow

LISTS = {
    "/portfolio/fills": ("fills", "fills.0", "trading_realised"),
    "/portfolio/settlements": ("settlements", "settlements.0", "trading_realised"),
    "/cost_report": ("cost", "data.-1.results.0", "api_cost_billed"),
    "/usage_report/messages": ("usage", "data.*.results.0", "api_cost_estimated"),
    "/v1/sales": ("sales", "sales.50", "sales_gross"),
}
"""Lists that figures rest on: what they are called, one of their rows, and a line that rests on it."""


@pytest.fixture
def clock() -> SettableClock:
    """The time of everybody."""
    return SettableClock(examples.NOW)


@pytest.fixture
def simulator(simulate: Simulate, clock: SettableClock) -> Simulator:
    """A company with a hundred sales more."""
    world = examples.company(clock)
    for number in range(100):
        world.sales.sale("1.10", fee="0.05", at=examples.NOW.replace(minute=0), id=f"many-{number:03d}")
    world.anthropic.usage(examples.NOW.replace(hour=9), "claude-sonnet-5-5", output=1000)
    return simulate(world)


def records(started: Pipeline) -> set[tuple[str, str, str]]:
    """Return what is booked, bodies included."""
    with sqlite3.connect(f"file:{started.database}?mode=ro", uri=True) as connection:
        found = connection.execute("SELECT kind, key, body FROM records").fetchall()
    connection.close()
    return set(found)


def everything(started: Pipeline) -> dict[str, str | None]:
    """Return the figures of all time: the others begin with what was known at the first look."""
    return {name: usd for name, usd in figures(started.latest).items() if name.startswith("all.")}


@pytest.mark.parametrize("endpoint", LISTS)
def test_one_odd_row_is_one_odd_row(
    simulator: Simulator, clock: SettableClock, pipeline: Build, endpoint: str
) -> None:
    """A field of it in a way at random, in a database that has never seen it right.

    Once it is mended, it is read within the hour: old hours of usage are not asked for each minute.
    """
    source, fields = READ[endpoint]
    listed, row, component = LISTS[endpoint]
    rows = "data.results" if row.startswith("data") else listed
    usual = pipeline(simulator)
    usual.collect(source)
    good, booked = everything(usual), len(records(usual))
    grade = usual.latest["windows"]["all"]["components"][component]["grade"]
    usual.close()
    dice = random.Random(endpoint)
    for field in (Field.parse(text) for text in fields.split()):
        ways = [way for way in WAYS if not field.allows(way)]
        inner = field.path.removeprefix(f"{rows}.")
        if inner == field.path or not ways or inner.startswith("refunds."):  # the sale has none
            continue
        way = dice.choice(ways)
        what = f"{field.path} {way}"
        simulator.faults.set(
            source, "mutate", endpoint=endpoint, field=f"{row}.{inner}", **operation(way, field.path)
        )
        started = pipeline(simulator)
        started.read_everything_again()
        started.collect(source)
        found = started.cycle.store.asides.open(source)
        asides = [each for each in found if each.listed == listed]
        assert asides, what
        assert all(each.source == source and each.field.startswith(rows) for each in asides), what
        assert "error" not in started.latest["sources"][source], what
        assert started.latest["sources"][source]["aside"] == len(found), what
        stated = started.latest["windows"]["all"]["components"][component]
        assert stated["grade"] in ("partial", "missing"), what
        assert "set_aside" in [reason["code"] for reason in stated["because"]], what
        assert booked - len(found) <= len(records(started)) <= booked, what
        simulator.faults.clear()
        clock.advance(timedelta(hours=1))
        started.collect(source)
        assert "aside" not in started.latest["sources"][source], what
        assert everything(started) == good, what
        assert started.latest["windows"]["all"]["components"][component]["grade"] == grade, what
        started.close()
        clock.set(examples.NOW)


def test_a_row_of_long_ago_is_read_once_it_is_mended(
    simulator: Simulator, clock: SettableClock, pipeline: Build
) -> None:
    """However old it was when it was odd: of each list it is asked for again every day."""
    world = simulator.world
    world.sales.sale("7.00", at=examples.NOW - timedelta(days=200), id="old-1")
    simulator.faults.set("sales", "mutate", field="sales.0.fee", operation="remove")
    started = pipeline(simulator)
    started.collect("sales")
    assert [each.key for each in started.cycle.store.asides.open("sales")] == ["old-1"]
    before = usd(started.latest, "all", "sales_gross")
    simulator.faults.clear()
    clock.advance(timedelta(days=1))
    started.collect("sales")
    assert started.cycle.store.asides.open("sales") == ()
    assert usd(started.latest, "all", "sales_gross") == before + 7


def test_usage_that_no_figure_rests_on_any_more_is_over(
    simulator: Simulator, clock: SettableClock, pipeline: Build
) -> None:
    """The first hour that is read is odd; a day later it is asked for no more, and its day is billed."""
    simulator.faults.set(
        "anthropic", "mutate", endpoint="/messages", field="data.0.results", operation="remove"
    )
    started = pipeline(simulator)
    started.collect("anthropic")
    [odd] = [each for each in started.cycle.store.asides.open("anthropic") if each.listed == "usage"][:1]
    assert odd.at == examples.NOW.replace(hour=0) - timedelta(days=31)
    simulator.faults.clear()
    clock.advance(timedelta(days=1))
    started.collect("anthropic")
    assert started.cycle.store.asides.open("anthropic") == ()
