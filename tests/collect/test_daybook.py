"""The daybook follows the records: in any order, in pieces, killed anywhere, it ends as they stand."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect import daybook as keeping
from exporter.collect.daybook import Daybook
from exporter.collect.outages import Outages
from exporter.collect.store_thread import StoreThread
from exporter.errors import StoreDamaged
from exporter.ledger.daybook import Calendar, reckon
from exporter.periods.day_line import DayLine, DaySums
from exporter.records import Record
from exporter.snapshot import from_json
from exporter.store import Store
from exporter.store import daybook as stored
from tests.builders import NAMES, NOW, UTC_ZONE, bare, bill, fill, sale, settlement, usage
from tests.collect.pipeline import Clock, Pipeline, answering
from tests.examples import examples

LONG_AGO, LATER = date.min, date(2100, 1, 1)

RECORDS: tuple[Record, ...] = (
    *(
        fill(f"{way} {number} @ 0.{40 + number}", fill_id=f"f-{number}", at=NOW - timedelta(hours=9 * number))
        for number, way in enumerate(("buy yes", "buy no", "buy yes", "buy yes", "buy no"), start=1)
    ),
    settlement("3.00 / 1.20", "0 / 0", "yes", "3.00", ticker="OTHER", at=NOW - timedelta(days=2)),
    *(sale(f"{number}.10", sale_id=f"s-{number}", at=NOW - timedelta(days=number)) for number in range(4)),
    sale("7.00", sale_id="ahead", at=NOW + timedelta(hours=30)),
    *(bill(NOW.date() - timedelta(days=number), "1.25", "0.75") for number in range(3, 6)),
    *(usage(NOW.replace(hour=0) - timedelta(days=number), "0.10") for number in range(3)),
)
"""What an account has seen, in no order."""

Lines = dict[tuple[tuple[str, str], date], DayLine]


def keep(store: Store, *records: Record) -> None:
    """Book records as readings bring them, each source by itself."""
    for name in dict.fromkeys(record.source for record in records):
        mine = [record for record in records if record.source == name]
        store.records.book(name, mine, (), as_of=NOW, recorded_at=NOW)


def keeper_of(store: Store, zone: ZoneInfo, clock: Clock, thread: StoreThread) -> Daybook:
    """Return who keeps the daybook of a store."""
    return Daybook(store, zone, "average", ["kalshi"], clock, thread, Outages(clock.monotonic))


def follow(store: Store, clock: Clock, zone: ZoneInfo = UTC_ZONE, pieces: int | None = None) -> Daybook:
    """Let somebody new keep the daybook, for so many pieces or to its end."""

    async def scenario() -> Daybook:
        with StoreThread() as thread:
            keeper = keeper_of(store, zone, clock, thread)
            while pieces is None or pieces > done[0]:
                done[0] += 1
                if not await keeper.advance():
                    break
        return keeper

    done = [0]
    return asyncio.run(scenario())


def lines_of(store: Store) -> Lines:
    """Return all lines, and see that both sums are the sums of them."""
    found = {(scope, day): line for scope, day, line in store.daybook.lines(LONG_AGO, LATER, NAMES)}
    summed: dict[str, dict[date, DayLine]] = {name: defaultdict(DayLine) for name in NAMES}
    for ((source, _), day), line in found.items():
        summed[source][day].put(line)
    hours = store.daybook.hours(LONG_AGO, LATER, NAMES)
    assert hours == {name: {d: line for d, line in of.items() if line} for name, of in summed.items()}
    days = store.daybook.days(None, LATER, NAMES)
    assert days == {
        name: {day: DaySums(line.sums(), line.counts) for day, line in of.items()}
        for name, of in hours.items()
    }
    return found


def expected(store: Store, clock: Clock, zone: ZoneInfo = UTC_ZONE) -> Lines:
    """Return the lines that the records come to as they stand."""
    scopes: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in store.records.replay(NAMES):
        scopes[record.source, record.scope].append(record)
    return {
        (scope, day): line
        for scope, found in scopes.items()
        for day, line in reckon(found, Calendar(zone), "average", clock()).lines.items()
        if line
    }


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has nothing in it yet: making one takes longer than filling it."""
    path = tmp_path_factory.mktemp("empty") / "northstar.sqlite3"
    Store.write(path).close()
    return path


@pytest.fixture
def path(empty: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty, tmp_path / "northstar.sqlite3"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few records be many pieces."""
    monkeypatch.setattr(stored, "SCOPES_AT_ONCE", 2)
    monkeypatch.setattr(stored, "RECORDS_AT_ONCE", 2)


@settings(max_examples=examples(40))
@given(
    st.permutations(range(len(RECORDS))),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(0, 30)), max_size=6),
    st.sets(st.integers(0, 4)),
)
def test_whatever_comes_and_whenever_it_is_killed_it_ends_as_the_records_stand(
    empty: Path, order: list[int], steps: list[tuple[int, int, int]], revised: set[int]
) -> None:
    """Late, revised and dated ahead; kept by one after the other, each for a few pieces, while hours pass."""
    clock = Clock()
    with Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store:
        waiting = [RECORDS[place] for place in order]
        for records, pieces, hours in steps:
            keep(store, *waiting[:records])
            del waiting[:records]
            follow(store, clock, pieces=pieces)
            clock.advance(hours=hours)
        keep(store, *waiting)
        keep(store, *(replace(RECORDS[place], count=Decimal("7.00")) for place in revised))  # type: ignore[call-arg]
        follow(store, clock)
        assert lines_of(store) == expected(store, clock)
        clock.advance(hours=40)
        follow(store, clock)
        assert lines_of(store) == expected(store, clock)
        assert (("sales", "ahead"), (NOW + timedelta(hours=30)).date()) in lines_of(store)


def test_another_zone_or_another_program_makes_it_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are those of the zone; what another program has reckoned is not trusted."""
    clock, zone = Clock(), ZoneInfo("Asia/Kolkata")
    with Store.write(path) as store:
        keep(store, *RECORDS)
        follow(store, clock)
        follow(store, clock, zone)
        assert lines_of(store) == expected(store, clock, zone) != expected(store, clock)
        before = store.daybook.place()
        monkeypatch.setattr(keeping, "code", lambda: "another")
        follow(store, clock, zone, pieces=1)
        begun = store.daybook.place()
        assert before is not None
        assert begun is not None
        assert (before.scope, begun.scope is None) == (None, False), "it was not begun anew"


def test_a_clock_that_was_ahead_leaves_nothing_of_what_has_not_happened(path: Path) -> None:
    """Set back, what it took for past waits again."""
    clock = Clock()
    with Store.write(path) as store:
        keep(store, *RECORDS)
        store.snapshots.append(from_json(bare(store.snapshots.epoch, 1, NOW, "2.00")))
        clock.step(timedelta(days=40))
        follow(store, clock)
        ahead = lines_of(store)
        assert max(store.midnights.of("kalshi", UTC_ZONE)) == clock().date()
        clock.step(timedelta(days=-40))

        async def set_back() -> None:
            with StoreThread() as thread:
                keeper = keeper_of(store, UTC_ZONE, clock, thread)
                keeper.stepped(timedelta(days=-40))
                while await keeper.advance():
                    pass

        asyncio.run(set_back())
        assert lines_of(store) == expected(store, clock) != ahead
        assert store.midnights.of("kalshi", UTC_ZONE) == {}


@pytest.mark.parametrize("table", ["daybook", "days", "hours"])
def test_a_line_that_is_not_what_was_written_is_refused_and_made_anew(
    path: Path, table: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is answered from it; once a scrub finds it, it is made of the records anew."""
    monkeypatch.setattr(keeping, "SOON", 0.0)

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.kalshi.answer = answering("kalshi", fill("buy yes 10 @ 0.40 fee 0.10"))
        await pipeline.collect_all()
        task = asyncio.create_task(pipeline.cycle.daybook.run())
        try:
            await follows(path, pipeline.clock)
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute(f"UPDATE {table} SET body = replace(body, '0.10', '9.10')")
            with Store.read(path) as store, pytest.raises(StoreDamaged):
                lines_of(store)
            await pipeline.cycle.upkeep.scrub()
            await follows(path, pipeline.clock)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await pipeline.cycle.stop()

    caplog.set_level(logging.ERROR, "northstar")
    asyncio.run(scenario())
    assert "the daybook is made anew" in caplog.text


@pytest.mark.parametrize("table", ["daybook", "hours"])
def test_damage_that_is_met_on_the_way_is_mended_at_once(
    path: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for a scrub where the next record touches what is damaged."""
    monkeypatch.setattr(keeping, "SOON", 0.0)

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.kalshi.answer = answering("kalshi", fill("buy yes 10 @ 0.40 fee 0.10"))
        await pipeline.collect_all()
        task = asyncio.create_task(pipeline.cycle.daybook.run())
        try:
            await follows(path, pipeline.clock)
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute(f"UPDATE {table} SET body = replace(body, '0.10', '9.10')")
            pipeline.kalshi.answer = answering("kalshi", fill("buy yes 10 @ 0.40 fee 0.10", fill_id="next"))
            await pipeline.collect_all()
            await follows(path, pipeline.clock)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await pipeline.cycle.stop()

    asyncio.run(scenario())


async def follows(path: Path, clock: Clock) -> None:
    """Wait until the daybook is what the records come to."""
    async with asyncio.timeout(20):
        while True:
            with Store.read(path) as store, suppress(StoreDamaged, AssertionError):
                if lines_of(store) == expected(store, clock) != {}:
                    return
            await asyncio.sleep(0.01)
