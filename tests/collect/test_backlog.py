"""The whole past: the same records however often it was stopped, settlements that the venue dropped, gaps."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from exporter import cli
from exporter.collect import backlog as history
from exporter.collect import rebuild as replay
from exporter.collect import turns
from exporter.collect.backlog import READING, Reader, Step, settle
from exporter.collect.cycle import Cycle
from exporter.collect.store_thread import StoreThread
from exporter.commands import backfill
from exporter.errors import StoreBusy
from exporter.ledger import Ledger
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.records import Change, Fill, Settlement
from exporter.simulator.clock import SettableClock
from exporter.simulator.kalshi import gate
from exporter.simulator.kalshi.archive import Archive
from exporter.simulator.kalshi.crowd import Crowd
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.world import World
from exporter.snapshot import plain_json
from exporter.sources.contract import Resolution
from exporter.sources.kalshi import history as kalshi_history
from exporter.sources.kalshi.account import Kalshi
from exporter.sources.kalshi.limits import TokenBucket
from exporter.sources.registry import read_settings
from exporter.store import ListProgress, Store
from exporter.store.database import migrate, revision
from tests.builders import SOURCES, UTC_ZONE, fill, infos

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
D = Decimal
FILLS, DAYS, KEPT = 3_000, timedelta(days=120), timedelta(days=30)
VOID, ODD, FLAT, TWICE = "KXOLD-A-T1", "KXOLD-B-T1", "KXOLD-C-T1", "KXOLD-D-T1"


async def _at_once(_: TokenBucket, _method: str, _path: str) -> None:
    """Let a request pass."""


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a hundred rows, nobody's budget in the way, and turns that no busy machine cuts short."""
    monkeypatch.setattr(turns, "PAST_SECONDS", 600)
    monkeypatch.setattr(gate, "REFILL", 1e9)
    monkeypatch.setattr(TokenBucket, "spend", _at_once)
    monkeypatch.setattr(kalshi_history, "PAGE_ROWS", 100)
    monkeypatch.setattr(kalshi_history.KalshiHistory, "markets_at_once", 20)


def world(retention: timedelta | None = KEPT, clock: SettableClock | None = None) -> World:
    """Return an account of many fills in two subaccounts, and one odd market of each kind."""
    made = World(clock or SettableClock(NOW))
    account = made.kalshi
    account.add_crowd(Crowd(FILLS, NOW - DAYS, DAYS, 7, subaccounts=2))
    old = NOW - timedelta(days=100)

    def trade(ticker: str, side: str, price: str, count: str, **more: Any) -> None:
        account.fill(ticker, side, count, price, at=old, **more)

    for ticker in (VOID, ODD, TWICE):
        trade(ticker, "yes", "0.40", "10.00")
        trade(ticker, "no", "0.55", "4.55")
    trade(FLAT, "yes", "0.40", "5.00")
    trade(FLAT, "no", "0.70", "5.00")
    trade(TWICE, "no", "0.35", "2.00", subaccount=1)
    for ticker, result, value in ((VOID, "void", None), (ODD, "scalar", "0.3337"), (FLAT, "yes", None),
                                  (TWICE, "no", None)):  # fmt: skip
        account.settle(ticker, result, value, at=old + timedelta(hours=1))
    account.archive = Archive(retention)
    return made


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with serve_in_thread(world(), folder=tmp_path) as running:
        yield running


ALL_OF_IT = argparse.Namespace(source="kalshi", since=None)
"""What the command is told."""


class Stop(Exception):
    """Ends a run in the middle of it."""


class Run:
    """A store with a reader over a simulator's account, on its clock."""

    def __init__(self, simulator: Simulator, path: Path) -> None:
        environment = simulator.environment(ed25519=True)
        self.clock = simulator.world.clock
        self.source = Kalshi(
            environment["KALSHI_API_KEY"], Path(environment["KALSHI_PRIVATE_KEY_PATH"]).read_text(),
            base_url=environment["KALSHI_BASE_URL"], clock=self.clock,
        )  # fmt: skip
        self.store = Store.write(path)
        self.thread = StoreThread()
        self.reader = Reader(self.store, self.source, infos("kalshi")[0], self.clock, self.thread)
        self.steps: list[Step] = []

    async def read(self, stop_after: int | None = None, since: datetime | None = None) -> None:
        """Begin or go on; raise Stop after so many commits."""
        await self.reader.load()
        if self.reader.past is None or self.reader.settled:
            await self.reader.begin(since)

        def tell(step: Step) -> None:
            self.steps.append(step)
            if len(self.steps) == stop_after:
                raise Stop

        try:
            assert await self.reader.advance(tell=tell)
            await self.reader.finish()
        finally:
            await self.source.aclose()
            self.thread.close()
            self.store.close()


def whole(simulator: Simulator, path: Path, **how: Any) -> Run:
    run = Run(simulator, path)
    asyncio.run(run.read(**how))
    return run


def records(path: Path) -> list[tuple[Any, ...]]:
    """Return every revision in a database."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT kind, key, revision, scope, at, body FROM records ORDER BY kind, key, revision"
        ).fetchall()


def settlements(path: Path) -> dict[str, Settlement]:
    with Store.read(path) as store:
        return {each.key: each for each in store.records.replay(["kalshi"]) if isinstance(each, Settlement)}


def test_a_past_is_read_whole_and_says_what_is_missing(simulator: Simulator, tmp_path: Path) -> None:
    """Every fill of both lists once, every ended market settled."""
    path = tmp_path / "a.sqlite3"
    past = whole(simulator, path).reader.past
    assert past is not None
    with Store.read(path) as store:
        found = store.histories.found("kalshi")
    lanes = simulator.world.kalshi.crowd.lanes  # type: ignore[union-attr]
    assert found.fills == FILLS + 10 - 1 + 0
    assert found.markets - found.settlements == lanes
    assert found.rebuilt > found.settlements / 2
    assert past.missing == ("1 market ended without a value and is taken back at cost",)
    assert past.gap == timedelta(0)


def test_the_ledger_of_an_archived_past_earns_what_the_venue_says(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Realised P&L and fees of markets that have left every live list are right on a first run."""
    path = tmp_path / "a.sqlite3"
    whole(simulator, path)
    ledger = Ledger(UTC_ZONE, SOURCES)
    with Store.read(path) as store:
        for source, scope in ledger.apply(
            Change(None, record) for record in store.records.replay(["kalshi"])
        ):
            ledger.restate(source, scope, store.records.of_scope(source, scope))
    account = simulator.world.kalshi
    sums = account.crowd.between(NOW - 2 * DAYS, NOW)  # type: ignore[union-attr]
    own = [entry for entry in account.journal if entry.ticker.startswith("KXOLD")]
    realised = sums.average + sum(entry.amount for entry in own if entry.kind == "realised")
    fees = sums.fees + sum(entry.amount for entry in own if entry.kind == "fee")
    # Two orders of one microsecond have no order, which moves an open market's gain into its cost.
    cost = sum(position.cost for position in account.unsettled.values())
    venue = ledger.venues["kalshi"]
    ours = venue.journal.contribution("trading_realised", "all", None) - venue.portfolio.exposure
    # A void market pays back in cents here, as its row would; the books of the venue keep the rest.
    assert abs(ours - (realised - cost)) < D("0.01")
    assert venue.journal.contribution("trading_fees", "all", None) == -fees
    assert not venue.portfolio.disagreeing


def test_a_rebuilt_settlement_is_what_the_row_would_have_said(tmp_path: Path) -> None:
    """Yes, no, scalar with part of a cent, void, flat, two subaccounts: only the origin differs."""
    with serve_in_thread(world(), folder=tmp_path / "keys") as archived:
        whole(archived, tmp_path / "archived.sqlite3")
    with serve_in_thread(world(None), folder=tmp_path / "keys") as listed:
        whole(listed, tmp_path / "listed.sqlite3")
    rebuilt, rows = settlements(tmp_path / "archived.sqlite3"), settlements(tmp_path / "listed.sqlite3")
    assert set(rebuilt) == set(rows)
    assert {VOID, ODD, FLAT, TWICE, f"{TWICE}#1"} <= set(rebuilt)
    assert {row.origin for row in rows.values()} == {"row"}
    differ = []
    for key, row in rows.items():
        ours = rebuilt[key]
        stated = (row.yes_count, row.yes_cost, row.no_count, row.no_cost, row.payout, row.fee, row.result)
        made = (
            ours.yes_count,
            ours.yes_cost,
            ours.no_count,
            ours.no_cost,
            ours.payout,
            ours.fee,
            ours.result,
        )
        if stated != made:
            differ.append((stated, made))
    assert differ == []


@pytest.mark.parametrize("seed", range(8))
def test_stopped_anywhere_it_ends_at_the_same_records(
    simulator: Simulator, tmp_path: Path, seed: int
) -> None:
    """And does not read again what is done."""
    once = whole(simulator, tmp_path / "once.sqlite3")
    dice, path, steps, stops = random.Random(seed), tmp_path / "often.sqlite3", 0, 0
    while True:
        run = Run(simulator, path)
        try:
            asyncio.run(run.read(stop_after=dice.randint(1, 12)))
        except Stop:
            steps += len(run.steps)
            stops += 1
        else:
            steps += len(run.steps)
            break
    assert records(path) == records(tmp_path / "once.sqlite3")
    # A second that was cut is asked for again, which makes pages shift: never a part anew.
    assert len(once.steps) <= steps <= len(once.steps) + 2 * stops, (len(once.steps), steps, stops)


def test_a_second_run_changes_nothing(simulator: Simulator, tmp_path: Path) -> None:
    """All keys are known, and all records are the same."""
    path = tmp_path / "a.sqlite3"
    whole(simulator, path)
    before = records(path)
    run = whole(simulator, path)
    assert records(path) == before
    assert not any(step.booked for step in run.steps)


CHILD = """
import sys
from exporter.simulator.kalshi import gate
from exporter.sources.kalshi import history as kalshi_history
from exporter.sources.kalshi.limits import TokenBucket
from exporter.store import HistoryStore
from exporter import cli
async def at_once(self, method, path): pass
TokenBucket.spend = at_once
kalshi_history.PAGE_ROWS = 100
kalshi_history.KalshiHistory.markets_at_once = 20
keep = HistoryStore.keep
def told(*arguments, **more):
    print("before", flush=True)
    try: return keep(*arguments, **more)
    finally: print("after", flush=True)
HistoryStore.keep = told
raise SystemExit(cli.main(["backfill", "kalshi"]))
"""


def test_killed_ten_times_it_ends_at_the_same_records(simulator: Simulator, tmp_path: Path) -> None:
    """SIGKILL in the middle of anything: no slice is lost, half kept or kept twice."""
    whole(simulator, tmp_path / "once.sqlite3")
    path, dice = tmp_path / "killed.sqlite3", random.Random(3)
    environment = {**os.environ, **simulator.environment(ed25519=True), "DB_PATH": str(path)}

    def child() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", CHILD], env=environment, cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    killed = 0
    for _ in range(10):
        running = child()
        assert running.stdout is not None
        for _ in range(dice.randint(1, 14)):
            if not running.stdout.readline():
                break
        running.send_signal(signal.SIGKILL)
        running.communicate()
        killed += running.returncode == -signal.SIGKILL
    assert killed >= 8
    last = child()
    out, err = last.communicate(timeout=60)
    assert last.returncode == 0, err
    assert "fills        3,00" in out
    assert records(path) == records(tmp_path / "once.sqlite3")


def test_a_real_row_replaces_a_rebuilt_one_and_never_the_other_way(tmp_path: Path) -> None:
    """The venue knows better, whenever it says so."""
    bought = fill("buy yes 10 @ 0.40", at=NOW - timedelta(days=2))
    ours = settle([bought], Resolution(ticker="M", result="yes", value=D(1), at=NOW - timedelta(days=1)))
    assert ours is not None
    assert (ours.payout, ours.origin) == (D("10.00"), "market")
    row = Settlement(
        **{**{name: getattr(ours, name) for name in ours.__slots__}, "origin": "row", "payout": D(9)},
    )
    with Store.write(tmp_path / "a.sqlite3") as store:
        book = partial(store.records.book, "kalshi", answers=(), as_of=NOW, recorded_at=NOW)
        book([bought, ours])
        assert [change.new for change in book([row]).changes] == [row]
        assert not book([ours]).changes
        assert store.records.of_scope("kalshi", "M")[-1] == row


def test_a_scalar_without_a_value_is_not_made_up() -> None:
    """Nobody says what it paid, so the position stays as it is."""
    bought = [fill("buy yes 10 @ 0.40")]
    assert settle(bought, Resolution(ticker="M", result="scalar", value=None, at=NOW)) is None
    void = settle(bought, Resolution(ticker="M", result="", value=None, at=NOW))
    assert void is not None
    assert (void.payout, void.result, void.value) == (D("4.00"), "void", None)


def test_a_fill_that_comes_after_its_rebuilt_settlement_has_it_rebuilt(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Counts and costs of the settlement are those of all fills."""
    path = tmp_path / "a.sqlite3"
    whole(simulator, path)
    late = fill("buy yes 1 @ 0.40", at=NOW - timedelta(days=101), fill_id="late")
    late = Fill(**{**{name: getattr(late, name) for name in late.__slots__}, "ticker": ODD})
    with Store.write(path) as store:
        store.records.book("kalshi", [late], (), as_of=NOW, recorded_at=NOW)
        assert store.histories.unsettled("kalshi", "KXOLD", 100)[0] == [ODD]
    whole(simulator, path)
    assert settlements(path)[ODD].yes_count == D("11.00")


def test_what_is_before_the_asked_day_is_said_to_be_missing(simulator: Simulator, tmp_path: Path) -> None:
    """A past that was cut on purpose is still cut."""
    path = tmp_path / "a.sqlite3"
    bottom = NOW - timedelta(days=50)
    past = whole(simulator, path, since=bottom).reader.past
    assert past is not None
    assert "history is read from 2026-10-03 on only" in past.missing
    with Store.read(path) as store:
        fills = [each for each in store.records.replay(["kalshi"]) if isinstance(each, Fill)]
    assert min(each.at for each in fills) >= bottom - timedelta(seconds=1)


def test_a_closed_archive_is_a_gap_and_not_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be recovered has a length and a reason."""
    monkeypatch.setattr(kalshi_history, "ARCHIVE", "/historical/nothing")
    with serve_in_thread(world(), folder=tmp_path / "keys") as simulator:
        run = whole(simulator, tmp_path / "a.sqlite3")
    past = run.reader.past
    assert past is not None
    assert timedelta(days=80) < past.gap < timedelta(days=100)
    assert any(what.startswith("fills before 2026-10-23 cannot be read") for what in past.missing)


# The exporter.


class Exporter:
    """A cycle over a simulator's account, on the simulator's clock."""

    def __init__(self, simulator: Simulator, path: Path) -> None:
        environment = simulator.environment(ed25519=True)
        self.clock = simulator.world.clock
        self.registry = CollectorRegistry()
        self.source = Kalshi(
            environment["KALSHI_API_KEY"], Path(environment["KALSHI_PRIVATE_KEY_PATH"]).read_text(),
            base_url=environment["KALSHI_BASE_URL"], clock=self.clock,
        )  # fmt: skip
        metrics = ExporterMetrics(self.registry)
        self.cycle = Cycle(
            Store.write(path), partial(Ledger, UTC_ZONE, infos("kalshi")), [self.source], metrics, self.clock
        )

    async def turn(self) -> dict[str, Any]:
        await self.cycle.turns.collect(self.source)
        assert self.cycle.publisher.latest is not None
        return plain_json(self.cycle.publisher.latest)

    @property
    def gap(self) -> float | None:
        return self.registry.get_sample_value("northstar_history_gap_seconds", {"source": "kalshi"})


def realised(tree: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = tree["windows"]["all"]["components"]["trading_realised"]
    return part


def test_figures_are_partial_until_the_past_is_whole(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are published meanwhile, and right at the end, as if nothing had happened before."""
    monkeypatch.setattr(turns, "PAST_SECONDS", 0)
    monkeypatch.setattr(replay, "REPLAYED_AT_ONCE", 170)

    async def scenario() -> None:
        exporter = Exporter(simulator, tmp_path / "a.sqlite3")
        await exporter.cycle.start()
        tree = await exporter.turn()
        turns = 1
        while READING in tree["sources"]["kalshi"].get("history", ()):
            assert realised(tree)["grade"] == "partial"
            assert READING in [reason["text"] for reason in realised(tree)["because"]]
            assert exporter.gap is None
            tree = await exporter.turn()
            turns += 1
        assert turns > 20
        assert exporter.gap == 0
        assert tree["sources"]["kalshi"]["history"] == [
            "1 market ended without a value and is taken back at cost"
        ]
        assert tree["checks"]["position"]["ok"]
        await exporter.cycle.stop()
        shown = realised(tree)["usd"]
        again = Exporter(simulator, tmp_path / "a.sqlite3")
        await again.cycle.start()
        assert realised(await again.turn())["usd"] == shown
        await again.cycle.stop()

    asyncio.run(scenario())


def test_what_comes_in_while_the_ledger_is_made_anew_is_in_it(simulator: Simulator, tmp_path: Path) -> None:
    """Booked once: not lost because it came too late, nor twice because it was in time."""

    async def scenario() -> None:
        exporter = Exporter(simulator, tmp_path / "a.sqlite3")
        await exporter.cycle.start()
        await exporter.turn()
        before = exporter.cycle.books.ledger.venues["kalshi"].journal.balances.copy()
        some, done = exporter.cycle.books._replay.some, []

        def interrupted(*arguments: Any) -> Any:
            place = some(*arguments)
            if not done:
                done.append(True)
                records = [fill("buy yes 2 @ 0.50 in NEW", at=NOW), fill("buy no 1 @ 0.60 in NEW", at=NOW)]
                booked = exporter.cycle.store.records.book("kalshi", records, (), as_of=NOW, recorded_at=NOW)
                assert exporter.cycle.books._meanwhile is not None
                exporter.cycle.books._meanwhile += booked.changes
            return place

        exporter.cycle.books._replay.some = interrupted  # type: ignore[method-assign]
        await exporter.cycle.books.renew()
        venue = exporter.cycle.books.ledger.venues["kalshi"]
        assert venue.portfolio.books["NEW"].position == 1
        assert venue.journal.balances["venue_cash"] == before["venue_cash"] - 1 - D("0.60") + 1
        await exporter.cycle.stop()

    asyncio.run(scenario())


def test_a_long_pause_is_read_from_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing traded meanwhile is lost, though the live lists no longer have it."""
    clock = SettableClock(NOW)
    made = world(clock=clock)

    def trade(ticker: str, when: datetime) -> None:
        clock.set(when)
        made.kalshi.fill(ticker, "yes", "10.00", "0.40", at=when)
        made.kalshi.settle(ticker, "yes", at=when + timedelta(minutes=1))

    async def scenario(simulator: Simulator) -> None:
        exporter = Exporter(simulator, tmp_path / "a.sqlite3")
        await exporter.cycle.start()
        before = D(realised(await exporter.turn())["usd"])
        assert exporter.gap == 0
        for week in range(1, 20):
            trade(f"KXPAUSE-W{week:02}-T1", NOW + timedelta(weeks=week))
        clock.set(NOW + timedelta(weeks=20))
        monkeypatch.setattr(turns, "PAST_SECONDS", 0)
        tree = await exporter.turn()
        assert READING in tree["sources"]["kalshi"]["history"]
        assert exporter.gap == pytest.approx(timedelta(weeks=20, hours=1).total_seconds())
        monkeypatch.setattr(turns, "PAST_SECONDS", 60)
        tree = await exporter.turn()
        assert exporter.gap == 0
        assert D(realised(tree)["usd"]) == before + 19 * 6
        await exporter.cycle.stop()

    with serve_in_thread(made, folder=tmp_path / "keys") as simulator:
        asyncio.run(scenario(simulator))


def test_a_short_pause_asks_for_no_cutoff(simulator: Simulator, tmp_path: Path) -> None:
    """The live lists have never been seen to reach back less than that."""

    async def scenario() -> None:
        run = Run(simulator, tmp_path / "a.sqlite3")
        await run.read()
        until = run.reader.past.until  # type: ignore[union-attr]

        async def cutoff() -> datetime:
            raise AssertionError("nobody needs it")

        run.source.history.cutoff = cutoff  # type: ignore[method-assign]
        run.clock.set(NOW + timedelta(days=10))
        assert await run.reader.look(None) == until - run.source.overlap
        seen = NOW + timedelta(days=9)
        assert await run.reader.look(seen) == seen - run.source.overlap

    asyncio.run(scenario())


# The command.


def test_the_command_says_what_it_found(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts, days and what is missing, in lines that a person reads."""
    settings = read_settings({**simulator.environment(ed25519=True), "DB_PATH": str(tmp_path / "a.sqlite3")})
    monkeypatch.setattr(backfill, "utc_now", lambda: NOW)
    assert backfill.run(settings, ALL_OF_IT) == 0
    out, err = capsys.readouterr()
    assert "fills        3,00" in out
    assert "rebuilt from the market's result" in out
    assert "missing      1 market ended without a value" in out
    assert "archived fills: " in err
    assert "rows/s" in err


def test_the_command_asks_for_the_exporter_to_be_stopped(simulator: Simulator, tmp_path: Path) -> None:
    """One database has one writer."""
    settings = read_settings({**simulator.environment(ed25519=True), "DB_PATH": str(tmp_path / "a.sqlite3")})
    with Store.write(settings.db_path), pytest.raises(StoreBusy, match="stop it first"):
        backfill.run(settings, ALL_OF_IT)


def test_a_day_is_a_day() -> None:
    """The option takes a date and nothing else."""
    options = cli.parser().parse_args(["backfill", "kalshi", "--from", "2026-01-31"])
    assert options.since == date(2026, 1, 31)
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["backfill", "kalshi", "--from", "yesterday"])


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_rows_rate_and_time(terminal: bool) -> None:
    """A bar on a terminal, plain lines elsewhere."""

    class Out(StringIO):
        def isatty(self) -> bool:
            return terminal

    past = history.Past(
        until=NOW, since=None, bottom=None, completed=None, gap=timedelta(0), missing=(), parts=()
    )
    out = Out()
    with backfill.progress(past, out) as shown:
        shown.step(Step(ListProgress("deposits", rows=1, done=True), 1, NOW - timedelta(days=100), 1))
        shown.step(Step(ListProgress("fills", rows=1_000), 1_000, NOW - timedelta(days=25), 1_000))
        shown.step(Step(ListProgress("fills", rows=1_500, done=True), 500, NOW - timedelta(days=30), 500))
    text = out.getvalue()
    assert "1,500 rows" in text
    assert "rows/s" in text
    assert ("%|" in text) == terminal


# The layout.


def test_an_old_database_gets_the_new_tables_and_reads_its_past(tmp_path: Path) -> None:
    """A database of the first layout is migrated; whether its past is whole nobody knows, so it is read."""
    path = tmp_path / "a.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, "0001")
    assert revision(engine) == "0001"
    engine.dispose()
    Store.write(path).close()
    with Store.read(path) as store:
        assert store.histories.load("kalshi") is None
