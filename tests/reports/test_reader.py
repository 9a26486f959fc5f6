"""Figures of periods: they agree with the live figures, with each other, and say what is not certain."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect.rebuild import Replay
from exporter.collect.store_thread import StoreThread
from exporter.errors import StoreDamaged, StoreUnavailable
from exporter.ledger import Ledger, SourceState, state
from exporter.money import ZERO
from exporter.periods.dimension import DIMENSIONS
from exporter.periods.period import Period, Unit, split
from exporter.records import Aside, Mark, Record
from exporter.reports.answers import statement_tree
from exporter.reports.reader import PeriodFigures, PeriodReader
from exporter.snapshot import COMPONENTS, Cursor, Grade
from exporter.store import Store
from exporter.times import midnight
from tests.builders import NOW, SOURCES, UTC_ZONE, bill, fill, healthy, mark, sale, usage
from tests.collect.pipeline import Clock
from tests.collect.test_daybook import keeper_of
from tests.examples import examples
from tests.ledger.test_daybook import ZONES, newest, records

KOLKATA = ZoneInfo("Asia/Kolkata")


class World:
    """A store that a clock and records are put into, with snapshots of what is known at the time."""

    def __init__(self, store: Store, zone: ZoneInfo = UTC_ZONE) -> None:
        self.store, self.zone = store, zone
        self.clock = Clock()
        self.marks: list[Mark] = []
        self.states = healthy

    def keep(self, *records: Record) -> None:
        """Book records, each source by itself."""
        for name in dict.fromkeys(record.source for record in records):
            mine = [record for record in records if record.source == name]
            self.store.records.book(name, mine, (), as_of=self.clock(), recorded_at=self.clock())

    def publish(self, **states: SourceState) -> None:
        """State and keep a snapshot of now, and bring the daybook up to it."""
        now = self.clock()
        replay = Replay(self.store, partial(Ledger, self.zone, SOURCES), self.clock)
        ledger = replay.whole().ledger
        ledger.observe([replace(each, at=now) for each in self.marks])
        snapshots = self.store.snapshots
        openings = {
            name: {
                window: found
                for window, start in needed.items()
                if (found := snapshots.opening(name, start)) is not None
            }
            for name, needed in ledger.openings_needed(now).items()
        }
        cursor = Cursor(snapshots.epoch, snapshots.last_sequence() + 1)
        snapshots.append(
            state(ledger, now=now, cursor=cursor, sources=healthy(now, **states), openings=openings)
        )
        self.follow()

    def follow(self) -> None:
        """Bring the daybook up to the records."""

        async def scenario() -> None:
            with StoreThread() as thread:
                keeper = keeper_of(self.store, self.zone, self.clock, thread)
                while await keeper.advance():
                    pass

        asyncio.run(scenario())

    def figures(self, period: Period) -> PeriodFigures:
        """Return the figures of a period."""
        return PeriodReader(self.store).figures(period)

    def day(self, ago: int) -> PeriodFigures:
        """Return the figures of a day, so many days before now."""
        here = self.clock().astimezone(self.zone).date()
        return self.figures(Period.holding("day", here - timedelta(days=ago), self.zone))


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


def reasons(found: PeriodFigures, component: str) -> set[str]:
    """Return the codes of what keeps a line from being final."""
    return {reason.code for reason in found.components[component].because}


def sums(pieces: Sequence[PeriodFigures], component: str) -> Decimal:
    return sum((found.components[component].usd or ZERO for found in pieces), ZERO)


@settings(max_examples=examples(25), deadline=None)
@given(records, st.sampled_from(ZONES), st.lists(st.integers(0, 40), max_size=3))
def test_days_weeks_months_and_years_cannot_disagree(
    empty: Path, given: list[Record], zone: ZoneInfo, looked: list[int]
) -> None:
    """Whatever happened, in whatever zone, wherever somebody looked: all pieces sum to all time, exactly."""
    with Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store:
        world = World(store, zone)
        world.marks = [mark("A-1", bid="0.40", ask="0.41"), mark("B-1", bid="0.50", ask="0.52")]
        world.clock.step(timedelta(days=-41))
        for days in sorted(looked):
            world.clock.now = NOW - timedelta(days=41 - days)
            world.keep(*(each for each in newest(given) if each.at <= world.clock()))
            world.publish()
        world.clock.now = NOW
        world.keep(*newest(given))
        world.publish()
        reader = PeriodReader(store)
        today = Period.holding("day", reader.today, zone)
        everything = Period.between(min(reader.first or reader.today, reader.today), reader.today, zone)
        whole = reader.figures(everything)
        live = reader.snapshot.windows["all"]
        for component in COMPONENTS:
            stated = live.components[component].usd
            assert whole.components[component].usd == (None if stated is None else Decimal(stated)), component
        units: tuple[Unit, ...] = ("day", "week", "month", "quarter", "year")
        for unit in units:
            pieces = [reader.figures(piece) for piece in split(everything, unit)]
            for component in COMPONENTS:
                assert sums(pieces, component) == whole.components[component].usd, (unit, component)
        for dimension in DIMENSIONS:
            for period in (everything, *split(everything, "week"), today):
                tree = statement_tree(reader, period, dimension, 0, 10_000)
                assert tree["exact"], (dimension, period.name, tree)
        now = reader.figures(today)
        for component in COMPONENTS:
            stated = reader.snapshot.windows["today"].components[component]
            assert now.components[component].stated() == stated


def test_a_closed_day_is_final_once_its_bill_is(world: World) -> None:
    """Until then it says that it is estimated, and for how long; trading and sales are what they are."""
    yesterday = NOW - timedelta(days=1)
    hours = [usage(yesterday.replace(hour=hour), "0.10") for hour in range(24)]
    world.keep(sale("5", at=yesterday), usage(NOW, "0.10"), *hours)
    world.publish()
    found = world.day(1)
    assert (found.components["sales_gross"].grade, reasons(found, "sales_gross")) == (Grade.FINAL, set())
    assert found.components["api_cost_estimated"].grade is Grade.ESTIMATED
    assert reasons(found, "api_cost_estimated") == {"not_billed"}
    world.keep(bill(yesterday.date(), "2.40"))
    world.publish()
    assert reasons(world.day(1), "api_cost_billed") == {"bill_open"}
    world.clock.advance(hours=37)
    world.publish()
    settled = world.day(3)
    assert settled.components["api_cost_billed"].grade is Grade.FINAL
    assert (settled.net.usd, settled.net.grade) == (Decimal("2.60"), Grade.FINAL)


def test_a_day_of_cost_of_which_nothing_is_known_is_no_free_day(world: World) -> None:
    """A hole is partial and named, also in a month; a day that is known to have cost nothing is none."""
    for ago in (5, 4, 2, 1):
        world.keep(bill((NOW - timedelta(days=ago)).date(), "0.00" if ago == 4 else "1.00"))
    world.publish()
    assert world.day(4).components["api_cost_billed"].usd == 0
    assert reasons(world.day(4), "api_cost_estimated") == set()
    assert reasons(world.day(3), "api_cost_estimated") == {"unknown_days"}
    month = world.figures(Period.holding("month", NOW.date() - timedelta(days=3), UTC_ZONE))
    assert "unknown_days" in reasons(month, "api_cost_estimated")
    # Before the first bill that is known nobody asked: unknown, and no zero.
    for line in ("api_cost_billed", "api_cost_estimated"):
        assert reasons(world.day(9), line) == {"unknown_days"}
        assert world.day(9).components[line].grade is Grade.PARTIAL


def test_a_midnight_at_which_nobody_looked_makes_the_change_partial(world: World) -> None:
    """The nearest value stands in for it, and realised, fees and sales are as exact as ever."""
    world.marks = [mark(bid="0.60", ask="0.61")]
    world.clock.step(timedelta(days=-4))
    world.keep(fill("buy yes 10 @ 0.40 fee 0.07", at=world.clock()))
    world.publish()
    first = world.day(0)
    assert (first.components["trading_unrealised_change"].usd, first.net.grade) == (2, Grade.ESTIMATED)
    world.clock.step(timedelta(days=4))
    world.marks = [mark(bid="0.70", ask="0.71")]
    world.publish()
    found = [world.day(ago) for ago in (4, 3, 2, 1, 0)]
    changes = [each.components["trading_unrealised_change"] for each in found]
    assert [each.usd for each in changes] == [2, 0, 0, 0, 1]
    assert [reasons(each, "trading_unrealised_change") for each in found[:4]] == [{"old_opening"}] * 4
    assert found[0].components["trading_fees"] == replace(
        changes[0], usd=Decimal("-0.07"), grade=Grade.FINAL, because=()
    )


def test_what_was_stated_at_a_midnight_is_its_value(world: World) -> None:
    """Somebody looked a minute before: each day has its own change, and all are final."""
    world.marks = [mark(bid="0.60", ask="0.61")]
    world.clock.now = datetime(2026, 11, 20, 23, 55, tzinfo=NOW.tzinfo)
    world.keep(fill("buy yes 10 @ 0.40", at=world.clock()))
    world.publish()
    world.clock.now = datetime(2026, 11, 21, 23, 55, tzinfo=NOW.tzinfo)
    world.marks = [mark(bid="0.55", ask="0.61")]
    world.publish()
    world.clock.now = NOW
    world.publish()
    changes = [world.day(ago).components["trading_unrealised_change"] for ago in (2, 1)]
    assert [(each.usd, each.grade) for each in changes] == [(2, Grade.FINAL), (Decimal("-0.5"), Grade.FINAL)]


def test_what_speaks_against_a_day_costs_that_day_its_grade(world: World) -> None:
    """A row that cannot be read makes the days partial on which it may lie, and no others."""
    aside = Aside(
        source="sales",
        listed="sales",
        key="s-9",
        field="gross",
        what="is no amount",
        row=b"{}",
        at=NOW - timedelta(days=3),
        since=NOW - timedelta(days=3),
        components=("sales_gross",),
    )
    world.store.records.book("sales", [], (), as_of=NOW, recorded_at=NOW, aside=[aside])
    world.publish()
    assert [reasons(world.day(ago), "sales_gross") for ago in (4, 3, 2)] == [set(), {"set_aside"}, set()]
    assert reasons(world.day(3), "sales_fees") == set()


def test_a_source_that_has_not_been_heard_since_leaves_a_day_stale(world: World) -> None:
    """Its last hours are not known; one that was never heard has no figure, and zero is none."""
    world.keep(sale("5", at=NOW - timedelta(days=1)))
    old = SourceState(as_of=NOW - timedelta(days=1), last_success=NOW - timedelta(days=1))
    world.publish(sales=old, kalshi=SourceState())
    found = world.day(1)
    assert (found.components["sales_gross"].usd, found.components["sales_gross"].grade) == (5, Grade.STALE)
    assert found.components["trading_fees"].usd is None
    assert found.net.usd is None
    assert world.day(2).components["sales_gross"].grade is Grade.FINAL


def test_a_past_that_is_not_whole_is_said_of_every_period(world: World) -> None:
    """Before the first event there is zero only when nothing can be missing there."""
    state = SourceState(as_of=NOW, last_success=NOW, history=("fills before 2026 are not read yet",))
    world.publish(kalshi=state)
    found = world.day(200)
    assert (found.components["trading_realised"].usd, reasons(found, "trading_realised")) == (0, {"history"})
    assert found.components["sales_gross"].grade is Grade.FINAL


def test_what_is_not_counted_yet_is_said(world: World) -> None:
    """A record that was read a moment ago may change the days from its own on; before, nothing can."""
    world.publish()
    world.keep(sale("5", at=NOW - timedelta(days=3)))
    assert [reasons(world.day(ago), "sales_gross") for ago in (4, 3, 1)] == [
        set(),
        {"counting"},
        {"counting"},
    ]
    world.follow()
    assert reasons(world.day(3), "sales_gross") == set()
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM meta WHERE key = 'daybook'")
    assert reasons(world.day(4), "trading_fees") == {"counting"}


def test_a_period_that_has_not_begun_has_no_figure(world: World) -> None:
    """The future is unknown, and not zero."""
    world.publish()
    found = world.day(-1)
    assert (found.net.usd, {reason.code for reason in found.net.because}) == (None, {"not_begun"})


def test_a_period_off_the_midnight_of_the_bill_says_that_a_bill_was_cut(world: World) -> None:
    """Only at its own edges: a month of New York is cut at two, and so is each of its days."""
    world.zone = ZoneInfo("America/New_York")
    for ago in range(2, 40):
        world.keep(bill((NOW - timedelta(days=ago)).date(), "2.40"))
    world.publish()
    assert reasons(world.day(5), "api_cost_billed") == {"bill_cut"}
    october = world.figures(Period.holding("month", date(2026, 10, 20), world.zone))
    [reason] = [each for each in october.components["api_cost_billed"].because if each.code == "bill_cut"]
    assert reason.text == "the bill of 2026-11-01 is cut by hours"
    world.zone = KOLKATA
    world.publish()
    assert "hour_cut" in reasons(world.day(5), "api_cost_estimated")


def test_without_a_snapshot_nobody_knows_what_takes_part(world: World) -> None:
    with pytest.raises(StoreUnavailable, match="no snapshot"):
        PeriodReader(world.store)


def test_what_was_at_a_midnight_stays_when_roll_ups_become_coarse(world: World) -> None:
    """A month that is closed keeps its figures and its grade, however few of its snapshots are kept."""
    world.zone = KOLKATA
    world.marks = [mark(bid="0.60", ask="0.61")]
    world.clock.now = midnight(date(2026, 10, 20), KOLKATA) - timedelta(minutes=5)
    world.keep(fill("buy yes 10 @ 0.40", at=world.clock()))
    for bid in ("0.60", "0.65", "0.70"):
        world.marks = [mark(bid=bid, ask="0.90")]
        world.publish()
        world.clock.advance(minutes=25)
        world.marks = [mark(bid="0.50", ask="0.90")]
        world.store.snapshots._keyframe_due = True  # roll-ups begin at a whole one
        world.publish()
        world.clock.advance(hours=24, minutes=-25)
    before = [world.day(ago).components["trading_unrealised_change"] for ago in (3, 2, 1)]
    assert [(each.usd, each.grade) for each in before][1:] == [(Decimal("0.5"), Grade.FINAL)] * 2
    world.clock.advance(days=700)
    world.store.snapshots._keyframe_due = True
    world.publish()
    while world.store.snapshots.roll_up(world.clock(), timedelta(days=30)):
        pass
    edge = midnight(date(2026, 10, 21), KOLKATA)
    coarse = world.store.snapshots.opening("kalshi", edge)
    assert coarse is not None
    assert edge - coarse.as_of > timedelta(hours=23)
    found = [world.day(ago + 700).components["trading_unrealised_change"] for ago in (2, 1)]
    assert [(each.usd, each.grade) for each in found] == [(Decimal("0.5"), Grade.FINAL)] * 2
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE midnights SET usd = '9.00'")
    with pytest.raises(StoreDamaged, match="midnight of kalshi"):
        world.day(702)
