"""What a reader is told: everything after its place, once, or that it starts over."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from exporter.snapshot import apply, decode
from exporter.store import Store
from exporter.stream.events import Event, News, Ring
from exporter.stream.feed import Feed, _open_both
from tests.stream.builders import Writer

pytestmark = pytest.mark.slow


@asynccontextmanager
async def following(path: Path, **bounds: Any) -> AsyncIterator[Feed]:
    feed = Feed(path, poll_seconds=0.001, **bounds)
    watching = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        feed.close()
        await watching


async def when(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - the feed tells of snapshots, not of everything asked here
            await asyncio.sleep(0.001)


async def reached(feed: Feed, sequence: int) -> None:
    await when(lambda: feed.sequence == sequence)


class Reader:
    """A client: holds a tree and a cursor, and fails on a gap or a repeat."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {}
        self.cursor: str | None = None
        self.reasons: list[str] = []

    def take(self, news: News) -> None:
        for event in news.events:
            told = decode(event.body)
            if event.kind == "resync":
                self.reasons.append(told["reason"])
                continue
            if event.kind == "snapshot":
                self.tree = told
            else:
                assert event.cursor.sequence == self.tree["sequence"] + 1
                self.tree = apply(self.tree, told)
            self.cursor = str(event.cursor)
            assert (self.tree["epoch"], self.tree["sequence"]) == (event.cursor.epoch, event.cursor.sequence)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(bounded())


@pytest.mark.parametrize("seed", range(6))
def test_no_gap_and_no_repeat_under_random_commits_and_reconnects(
    writer: Writer, path: Path, seed: int
) -> None:
    """However commits, reads, pauses and reconnects fall, what was applied is what was stored."""

    async def test() -> None:
        dice = random.Random(seed)
        bounds = {"ring": Ring(most=8), "conflate_after": 5, "catch_up_events": 30}
        async with following(path, **bounds) as feed:
            await reached(feed, 5)
            readers = [Reader() for _ in range(4)]
            places = [None] * len(readers)
            for _ in range(150):
                turn = dice.randrange(len(readers))
                match dice.choice(["commit", "read", "read", "reconnect", "let go"]):
                    case "commit":
                        writer.commit(dice.choice([1, 1, 2, 7, 40]))
                    case "read":
                        news = feed.after(places[turn])
                        readers[turn].take(news)
                        places[turn] = news.place
                    case "reconnect":
                        news = await feed.resume(readers[turn].cursor)
                        readers[turn].take(news)
                        places[turn] = news.place
                    case "let go":
                        await asyncio.sleep(dice.choice([0, 0.002, 0.01]))
            await reached(feed, writer.sequence)
            for reader, place in zip(readers, places, strict=True):
                reader.take(feed.after(place))
                assert reader.tree == writer.store.snapshots.at(writer.sequence)
                assert set(reader.reasons) <= {"behind"}

    run(test)


def test_resume_within_the_ring_sends_only_the_deltas(writer: Writer, path: Path) -> None:
    """A reconnect after a short break costs deltas, not a snapshot."""

    async def test() -> None:
        async with following(path) as feed:
            await reached(feed, 5)
            writer.commit(3)
            await reached(feed, 8)
            news = await feed.resume(f"{writer.epoch}-6")
            assert [event.cursor.sequence for event in news.events] == [7, 8]
            assert news.reason is None

    run(test)


def test_resume_before_the_ring_is_read_from_the_store(writer: Writer, path: Path) -> None:
    """What is no longer at hand is still known."""

    async def test() -> None:
        async with following(path, ring=Ring(most=2)) as feed:
            await reached(feed, 5)
            news = await feed.resume(f"{writer.epoch}-2")
            assert [(event.kind, event.cursor.sequence) for event in news.events] == [
                ("delta", 3),
                ("delta", 4),
                ("delta", 5),
            ]

    run(test)


def test_a_feed_that_is_closed_while_it_opens_ends(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is told to stop in its first moment does stop."""

    async def test() -> None:
        opening, closed = threading.Event(), threading.Event()

        def slowly(*arguments: Any) -> Any:
            opening.set()
            closed.wait()
            return _open_both(*arguments)

        monkeypatch.setattr("exporter.stream.feed._open_both", slowly)
        feed = Feed(path)
        watching = asyncio.create_task(feed.run())
        await when(opening.is_set)
        feed.close()
        closed.set()
        await watching
        assert feed.closed

    run(test)


def test_a_process_that_has_just_started_has_the_latest_deltas_at_hand(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All clients of the one before it come back at once: none of them is a question to the store."""

    async def asked(feed: Feed, sequence: int, count: int) -> None:
        raise AssertionError("the store was asked")

    async def test() -> None:
        monkeypatch.setattr(Feed, "_replay", asked)
        async with following(path) as feed:
            await reached(feed, 5)
            for known in range(1, 5):
                news = await feed.resume(f"{writer.epoch}-{known}")
                assert [event.cursor.sequence for event in news.events] == list(range(known + 1, 6))
            writer.commit()
            await reached(feed, 6)
            news = await feed.resume(f"{writer.epoch}-4")
            assert [event.cursor.sequence for event in news.events] == [5, 6]

    run(test)


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        ("nonsense", "unknown_cursor"),
        ("{epoch}-", "unknown_cursor"),
        ("{epoch}--1", "other_epoch"),
        ("{epoch}-99", "unknown_cursor"),
        ("{epoch}-" + "9" * 40, "unknown_cursor"),
        ("another-3", "other_epoch"),
        ("{epoch}-٣", "unknown_cursor"),
    ],
)
def test_a_cursor_that_leads_nowhere_is_told_why(
    writer: Writer, path: Path, cursor: str, reason: str
) -> None:
    """Never "you are up to date": the whole snapshot, and the reason before it."""

    async def test() -> None:
        async with following(path) as feed:
            await reached(feed, 5)
            news = await feed.resume(cursor.format(epoch=writer.epoch))
            assert news.reason == reason
            assert [event.kind for event in news.events] == ["resync", "snapshot"]
            assert news.events[1].cursor.sequence == 5

    run(test)


def test_resume_from_pruned_sequence_sends_full_snapshot(writer: Writer, path: Path) -> None:
    """A hole in the stored deltas is not skipped over."""

    async def test() -> None:
        with writer.store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM snapshots WHERE sequence IN (2, 3)")
        async with following(path) as feed:
            await reached(feed, 105)
            assert (await feed.resume(f"{writer.epoch}-1")).reason == "pruned"

    writer.commit(100)  # past the next whole snapshot, so that the newest does not need the deleted ones
    run(test)


def test_resume_from_too_far_back_sends_full_snapshot(writer: Writer, path: Path) -> None:
    """Beyond the bound a snapshot is the smaller answer."""

    async def test() -> None:
        async with following(path, catch_up_events=3, ring=Ring(most=2)) as feed:
            await reached(feed, 5)
            assert (await feed.resume(f"{writer.epoch}-1")).reason == "behind"
            assert (await feed.resume(f"{writer.epoch}-2")).reason is None

    run(test)


def test_a_cursor_of_a_quicker_replica_is_not_refused(writer: Writer, path: Path) -> None:
    """A commit that another process noticed first is looked for before the cursor is called unknown."""

    async def test() -> None:
        feed = Feed(path, poll_seconds=3600)
        watching = asyncio.create_task(feed.run())
        await reached(feed, 5)
        writer.commit()
        news = await feed.resume(f"{writer.epoch}-6")
        assert news.reason is None
        assert news.events == ()
        feed.close()
        await watching

    run(test)


def test_a_slow_reader_is_conflated_to_the_newest_state(writer: Writer, path: Path) -> None:
    """It is told that it starts over, and gets one snapshot instead of everything it missed."""

    async def test() -> None:
        async with following(path, conflate_after=4) as feed:
            await reached(feed, 5)
            place = feed.after(None).place
            writer.commit(4)
            await reached(feed, 9)
            assert [event.kind for event in feed.after(place).events] == ["delta"] * 4
            writer.commit(1)
            await reached(feed, 10)
            news = feed.after(place)
            assert [event.kind for event in news.events] == ["resync", "snapshot"]
            assert news.reason == "behind"

    run(test)


def test_a_database_that_is_not_there_yet_is_waited_for(path: Path) -> None:
    """The sidecar may start first; it says why it has nothing."""

    async def test() -> None:
        async with following(path) as feed:
            await asyncio.sleep(0.02)
            assert feed.current() is None
            assert "no database" in (feed.trouble or "")
            writer = Writer(path)
            writer.commit(2)
            await feed.wait(None)
            assert feed.sequence == 2
            assert feed.trouble is None
            writer.close()

    run(test)


def test_an_empty_database_is_waited_for(path: Path) -> None:
    """No snapshot is not an empty snapshot."""

    async def test() -> None:
        writer = Writer(path)
        async with following(path) as feed:
            await when(lambda: not feed.trouble)
            assert feed.after(None).events == ()
            writer.commit()
            await feed.wait(None)
            assert [event.kind for event in feed.after(None).events] == ["snapshot"]
        writer.close()

    run(test)


def move_over(source: Path, path: Path) -> None:
    for leftover in ("-wal", "-shm"):
        Path(f"{path}{leftover}").unlink()
    source.rename(path)


def copy_into(source: Path, path: Path) -> None:
    with closing(sqlite3.connect(source)) as backup, closing(sqlite3.connect(path)) as database:
        backup.backup(database)


@pytest.mark.parametrize("replace", [move_over, copy_into])
def test_a_replaced_database_starts_everybody_over(
    writer: Writer, path: Path, tmp_path: Path, replace: Callable[[Path, Path], None]
) -> None:
    """A recreated database cannot be mistaken for the old one, not even at the same sequence."""

    async def test() -> None:
        other = Writer(tmp_path / "other.sqlite3")
        other.commit(5)
        other.close()
        async with following(path) as feed:
            await reached(feed, 5)
            reader = Reader()
            news = feed.after(None)
            reader.take(news)
            replace(tmp_path / "other.sqlite3", path)
            await feed.wait(news.place)
            reader.take(feed.after(news.place))
            assert reader.reasons == ["other_epoch"]
            assert feed.epoch == other.epoch
            with Store.read(path) as store:
                assert reader.tree == store.snapshots.at(5)
            assert (await feed.resume(f"{writer.epoch}-4")).reason == "other_epoch"

    run(test)


def test_a_removed_database_keeps_the_last_snapshot(writer: Writer, path: Path) -> None:
    """The figures stay, and their trouble is said."""

    async def test() -> None:
        async with following(path) as feed:
            await reached(feed, 5)
            shutil.move(path, path.with_suffix(".away"))
            await when(lambda: feed.trouble)
            assert "gone" in (feed.trouble or "")
            assert feed.current() is not None
            shutil.move(path.with_suffix(".away"), path)
            await when(lambda: not feed.trouble)

    run(test)


def test_a_burst_is_taken_in_whole(writer: Writer, path: Path) -> None:
    """More commits than one read returns are read in several."""

    async def test() -> None:
        async with following(path) as feed:
            await reached(feed, 5)
            await asyncio.to_thread(writer.commit, 450)
            await reached(feed, 455)
            current = feed.current()
            assert isinstance(current, Event)
            assert decode(current.body) == writer.store.snapshots.at(455)

    run(test)
