"""How a period came about: every point agrees with the periods that end there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import PeriodError
from exporter.ledger import SourceState
from exporter.periods.period import Period, split
from exporter.records import Record
from exporter.reports.answers import course_tree
from exporter.reports.course import CENT, CoursePoint, course
from exporter.reports.reader import PeriodReader
from exporter.store import Store
from tests.builders import NOW, UTC_ZONE, bill, fill, mark, sale
from tests.examples import examples
from tests.ledger.test_daybook import ZONES, newest, records
from tests.reports.test_reader import World

LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has nothing in it yet."""
    path = tmp_path_factory.mktemp("empty") / "northstar.sqlite3"
    Store.write(path).close()
    return path


@pytest.fixture
def world(empty: Path) -> Iterator[World]:
    with Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store:
        yield World(store)


def days(world: World, ago: int, until: int = 0) -> Period:
    """Return the days from one so long ago to another."""
    first, last = (world.clock() - timedelta(days=each) for each in (ago, until))
    return Period.between(*(each.astimezone(world.zone).date() for each in (first, last)), world.zone)


def at(points: list[CoursePoint], hour: int) -> CoursePoint:
    """Return the point of an hour of yesterday."""
    moment = (NOW - timedelta(days=1)).replace(hour=hour, minute=0)
    return next(point for point in points if point.at == moment)


@settings(max_examples=examples(25), deadline=None)
@given(records, st.sampled_from(ZONES), st.lists(st.integers(0, 40), max_size=3))
def test_each_point_is_the_figure_of_the_period_that_ends_there(
    empty: Path, given: list[Record], zone: ZoneInfo, looked: list[int]
) -> None:
    """By the day all of them, by the hour those at midnights and the last, in any zone, exactly."""
    with Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store:
        world = World(store, zone)
        world.marks = [mark("A-1", bid="0.40", ask="0.41"), mark("B-1", bid="0.50", ask="0.52")]
        for ago in sorted(looked, reverse=True):
            world.clock.now = NOW - timedelta(days=ago)
            world.keep(*(each for each in newest(given) if each.at <= world.clock()))
            world.publish()
        world.clock.now = NOW
        world.keep(*newest(given))
        world.publish()
        reader = PeriodReader(store)
        first = min(reader.first or reader.today, reader.today)
        whole = Period.between(first, reader.today, zone)
        by_day = course(reader, whole, "day")
        assert (by_day[0].net, by_day[0].at) == (0, whole.start)
        for point, day in zip(by_day[1:], whole.days(), strict=True):
            figures = reader.figures(Period.between(first, day, zone))
            assert point.net == figures.net.usd
            assert point.components == {name: each.usd for name, each in figures.components.items()}
        for month in split(whole, "month"):
            by_hour = {point.at: point for point in course(reader, month, "hour")}
            for point in course(reader, month, "day"):
                assert by_hour.pop(point.at) == point
            assert all(point.at < min(month.end, reader.now) for point in by_hour.values())


def test_what_happened_stands_at_the_end_of_its_hour(world: World) -> None:
    """An hour is the hour of the clocks, and what is not there yet is no point."""
    sold = (NOW - timedelta(days=1)).replace(hour=9, minute=30)
    world.keep(sale("5", at=sold), sale("7", sale_id="s2", at=NOW))
    world.publish()
    points = course(PeriodReader(world.store), days(world, 1), "hour")
    assert [at(points, hour).net for hour in (9, 10)] == [0, 5]
    assert (points[-1].at, points[-1].net) == (NOW, 12)
    assert course(PeriodReader(world.store), days(world, -1, -2), "hour") == []


def test_hours_are_those_of_the_clocks_where_these_change_by_half_of_one(world: World) -> None:
    """Lord Howe's night of 24.5 hours has one that is half as long again, and then whole ones."""
    world.zone = LORD_HOWE
    world.publish()
    night = date(2026, 4, 5)
    points = course(PeriodReader(world.store), Period.between(night, night, LORD_HOWE), "hour")
    assert len(points) == 26
    assert [f"{point.at.astimezone(LORD_HOWE):%H:%M}" for point in points[:5]] == [
        "00:00",
        "01:00",
        "01:30",
        "02:00",
        "03:00",
    ]


def test_between_midnights_the_unrealised_part_is_held_for_what_is_still_open(world: World) -> None:
    """Half of it is closed: half of what was unrealised is not there twice, as realised, too."""
    world.marks = [mark(bid="0.60", ask="0.61")]
    yesterday = (NOW - timedelta(days=1)).replace(hour=0, minute=0)
    world.clock.now = yesterday - timedelta(hours=2)
    world.keep(fill("buy yes 10 @ 0.40", at=world.clock()))
    world.clock.now = yesterday - timedelta(minutes=5)
    world.publish()
    world.keep(
        fill("buy no 5 @ 0.40", fill_id="f2", at=yesterday.replace(hour=9, minute=30)),
        fill("buy no 5 @ 0.40", fill_id="f3", at=yesterday.replace(hour=11, minute=30)),
    )
    world.clock.now = NOW
    world.publish()
    points = course(PeriodReader(world.store), days(world, 2), "hour")
    found = [at(points, hour) for hour in (9, 10, 12)]
    moved = [
        (each.components["trading_realised"], each.components["trading_unrealised_change"]) for each in found
    ]
    assert moved == [(0, 2), (1, 1), (2, 0)]
    assert not any(point.partial for point in points)
    assert all(point.net == Decimal(point.net or 0).quantize(CENT) for point in points)


def test_a_stretch_of_which_no_value_is_known_says_so(world: World) -> None:
    """From the first midnight with something open at which nobody looked, until nothing is open."""
    world.marks = [mark(bid="0.60", ask="0.61")]
    world.keep(
        fill("buy yes 10 @ 0.40", at=NOW - timedelta(days=3)),
        fill("buy no 10 @ 0.50", fill_id="f2", at=NOW - timedelta(days=1)),
    )
    world.publish()
    points = course(PeriodReader(world.store), days(world, 5), "day")
    assert [point.partial for point in points] == [False, False, False, True, True, False, False]
    assert points[-1].net == 1
    # Whoever begins where nothing is known cannot say how far it has come.
    assert all(point.partial for point in course(PeriodReader(world.store), days(world, 2), "day")[:-1])


def test_a_source_that_has_never_answered_leaves_no_figure(world: World) -> None:
    """Its lines are absent, and so is the net; those of others are there."""
    world.keep(bill((NOW - timedelta(days=2)).date(), "1.00"))
    world.publish(kalshi=SourceState())
    reader = PeriodReader(world.store)
    tree = course_tree(reader, days(world, 3), "day", True)
    assert tree["step"] == "day"
    assert all("usd" not in point for point in tree["points"])
    assert [point["components"]["api_cost_billed"] for point in tree["points"]] == [
        "0.00",
        "0.00",
        "-1.00",
        "-1.00",
        "-1.00",
    ]
    assert "trading_fees" not in tree["points"][0]["components"]


def test_a_course_is_bounded(world: World) -> None:
    """Whatever is asked, the answer has so many points."""
    world.publish()
    reader = PeriodReader(world.store)
    with pytest.raises(PeriodError, match=r"more than 2,000 hours: ask for fewer, or for days"):
        course(reader, days(world, 90), "hour")
    assert len(course(reader, Period.holding("year", reader.today, UTC_ZONE), "day")) < 366
