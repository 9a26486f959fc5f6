"""The live feed at work: what quotes and fills do to the figures, and what remains without them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporter.collect.cycle import Cycle
from exporter.collect.following import PATIENT_READINGS, Follower
from exporter.errors import SourceUnavailable
from exporter.ledger import Ledger
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.records import Fill, Mark, Observation, VenuePosition
from exporter.simulator import keys
from exporter.simulator.clock import SettableClock
from exporter.snapshot import plain_json
from exporter.sources.contract import Reading, Window
from exporter.sources.kalshi.feed import KalshiLive
from exporter.sources.live import Changed, LiveNews
from exporter.sources.registry import read_settings
from exporter.store import Store
from exporter.times import unstamp
from exporter.wiring import build_cycle, build_followers
from tests.builders import NOW, UTC_ZONE, balance, fill, infos, mark, settlement

PATIENCE = 60.0
"""Seconds after which a test is hanging; nothing is measured against it."""

OPEN = fill("buy yes 10 @ 0.40 in M", at=NOW - timedelta(hours=2), fill_id="f-1")
MORE = fill("buy yes 5 @ 0.50 in M", at=NOW - timedelta(hours=1), fill_id="f-2")
ELSEWHERE = fill("buy yes 1 @ 0.50 in OTHER", at=NOW - timedelta(hours=1), fill_id="f-3")


class Venue:
    """A source whose readings a test decides; it remembers how many there were at a time."""

    name = "kalshi"
    interval = timedelta(seconds=10)
    overlap = timedelta(hours=1)
    freshness = timedelta(minutes=1)

    def __init__(self) -> None:
        self.records: list[Any] = [OPEN]
        self.observations: list[Observation] = [mark(bid="0.50", ask="0.52"), balance("96", "5"), _position()]
        self.readings = 0
        self.at_once = 0
        self.gate: asyncio.Event | None = None
        self.trouble: Exception | None = None

    async def fetch(self, window: Window) -> Reading:
        self.at_once += 1
        assert self.at_once == 1, "two readings of one source overlap"
        self.readings += 1
        answer = Reading(
            source=self.name,
            as_of=window.end,
            records=tuple(self.records),
            observations=tuple(self.observations),
        )
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.trouble is not None:
            raise self.trouble
        return answer

    async def aclose(self) -> None:
        """Nothing is open."""


def _position() -> VenuePosition:
    return VenuePosition(
        source="kalshi",
        ticker="M",
        subaccount=0,
        position=Decimal(10),
        exposure=Decimal(4),
        realised=Decimal(0),
        fees=Decimal(0),
        at=NOW,
    )


class LiveFeed(KalshiLive):
    """A feed without a socket: what it brings is what a test puts in."""

    def __init__(self) -> None:
        self.status = "connecting"
        self.queue: asyncio.Queue[LiveNews] = asyncio.Queue()
        self.followed = 0
        self.compared: list[Mark] = []
        self.error: Exception | None = None

    def bring(self, *marks: Mark, changes: tuple[Changed, ...] = ()) -> None:
        self.queue.put_nowait(LiveNews(self.status, marks, changes))

    async def run(self) -> None:
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()

    async def news(self) -> LiveNews:
        return await self.queue.get()

    def follow(self) -> None:
        self.followed += 1

    def compare(self, marks: Any) -> None:
        self.compared += marks


class Stage:
    """A real cycle over a real store, a source and a feed that obey the test."""

    def __init__(self, path: Path, rate: float) -> None:
        self.registry = CollectorRegistry()
        self.metrics = ExporterMetrics(self.registry)
        self.venue, self.feed = Venue(), LiveFeed()
        self.clock = SettableClock(NOW)
        self.cycle = Cycle(
            Store.write(path),
            partial(Ledger, UTC_ZONE, infos("kalshi")),
            [self.venue],
            self.metrics,
            self.clock,
            snapshots_per_second=rate,
        )
        self.live = Follower(self.feed, self.cycle, self.venue, self.metrics, reading_seconds=0)

    @property
    def tree(self) -> Any:
        assert self.cycle.publisher.latest is not None
        return plain_json(self.cycle.publisher.latest)

    def marked(self) -> str | None:
        value: str | None = self.tree["positions"]["M"].get("mark")
        return value

    def shown(self) -> str | None:
        status: str | None = self.tree["sources"]["kalshi"].get("live")
        return status

    def snapshots(self) -> list[Any]:
        return self.cycle.store.snapshots.after(0)


@asynccontextmanager
async def staged(path: Path, rate: float = 1e9) -> AsyncIterator[Stage]:
    """Run a stage with one reading behind it."""
    stage = Stage(path / "northstar.sqlite3", rate)
    await stage.cycle.start()
    await stage.cycle.turns.collect(stage.venue)
    task = asyncio.create_task(stage.live.run())
    await until(lambda: stage.cycle.standings.feeds.get("kalshi", ("",))[0] == "connecting")
    try:
        yield stage
    finally:
        task.cancel()
        await asyncio.wait({task})
        await stage.cycle.stop()


async def until(true: Callable[[], Any]) -> None:
    """Wait until something holds; fail after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - commits happen on a thread
            await asyncio.sleep(0.001)


def played(story: Callable[[Path], Awaitable[None]], path: Path) -> None:
    """Run one story to its end."""

    async def told() -> None:
        await story(path)

    asyncio.run(told())


# Quotes.


def test_a_quote_moves_the_figures_without_a_reading(tmp_path: Path) -> None:
    """Only the mark changes: what the venue stated with its last reading stays, and so do its checks."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            before = stage.tree
            stage.feed.bring(mark(bid="0.60", ask="0.62"))
            await until(lambda: stage.marked() == "0.60")
            assert stage.tree["unrealised"]["usd"] == "2.00"
            assert stage.tree["accounts"] == before["accounts"]
            assert stage.tree["checks"] == before["checks"]
            assert stage.venue.readings == 1
            assert stage.cycle.store.records.watermark("kalshi") is not None

    played(story, tmp_path)


def test_a_quote_that_moves_nothing_makes_no_snapshot(tmp_path: Path) -> None:
    """The same bid, an ask we could not close at, a market we do not hold: nothing to tell."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.feed.status = "live"
            stage.feed.bring()
            await until(lambda: stage.shown() == "live")
            await until(lambda: stage.cycle.publisher._pace._task is None)
            count = len(stage.snapshots())
            await stage.live.quoted([mark(bid="0.50", ask="0.52"), mark("OTHER", bid="0.10")])
            await stage.live.quoted([mark(bid="0.50", ask="0.90")])
            assert stage.cycle.publisher._pace._task is None, "nothing is asked for"
            await stage.live.quoted([mark(bid="0.51")])
            await until(lambda: stage.marked() == "0.51")
            assert len(stage.snapshots()) == count + 1

    played(story, tmp_path)


def test_a_burst_is_published_at_the_set_rate_and_ends_with_its_last_state(tmp_path: Path) -> None:
    """A thousand quotes become a few snapshots, the first at once, the last the newest."""

    async def story(path: Path) -> None:
        async with staged(path, rate=20) as stage:
            await until(lambda: stage.shown() == "connecting")
            count = len(stage.snapshots())
            for number in range(1_000):
                stage.feed.bring(mark(bid=f"0.{1000 + number}"))
            await until(lambda: stage.marked() == "0.1999")
            assert len(stage.snapshots()) - count < 500

    played(story, tmp_path)


def test_a_quote_that_comes_during_a_reading_is_newer_than_it(tmp_path: Path) -> None:
    """The reading's own quote was taken before; booking it must not put the old price back."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.venue.gate = asyncio.Event()
            reading = asyncio.create_task(stage.cycle.turns.collect(stage.venue))
            await until(lambda: stage.venue.readings == 2)
            stage.feed.bring(mark(bid="0.60"))
            await until(lambda: stage.marked() == "0.60")
            stage.venue.gate.set()
            await reading
            assert stage.marked() == "0.60"
            await stage.cycle.turns.collect(stage.venue)
            assert stage.marked() == "0.50", "the next reading is the truth again"

    played(story, tmp_path)


def test_a_quote_does_not_undo_what_a_market_has_resolved_to(tmp_path: Path) -> None:
    """A resolved market is worth what it pays, whatever is still quoted."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.venue.observations[0] = replace(mark(bid="0.50"), settled_value=Decimal(1))
            await stage.cycle.turns.collect(stage.venue)
            stage.feed.bring(mark(bid="0.10"), mark("OTHER", bid="0.20"))
            stage.feed.bring(changes=(Changed("connected"),))
            await until(lambda: stage.venue.readings == 3)
            assert stage.marked() == "1.00"

    played(story, tmp_path)


def test_quotes_wait_while_the_books_are_not_sound(tmp_path: Path) -> None:
    """Nothing is published from a ledger that waits to be rebuilt, and nothing is refused for each quote."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.venue.records.append(fill("buy yes 99999999999999.99 @ 0.123457", fill_id="huge", at=NOW))
            await stage.cycle.turns.collect(stage.venue)
            refused = stage.registry.get_sample_value("northstar_snapshots_refused_total")
            for number in range(10):
                stage.feed.bring(mark(bid=f"0.6{number}"))
            await until(stage.feed.queue.empty)
            assert stage.registry.get_sample_value("northstar_snapshots_refused_total") == refused

    played(story, tmp_path)


# Changes.


def test_a_fill_is_read_at_once_and_is_not_booked_from_the_socket(tmp_path: Path) -> None:
    """What the figures show of it comes from the reading."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.venue.records.append(MORE)
            stage.feed.bring(changes=(Changed("fill", "f-2"),))
            await until(lambda: stage.tree["positions"]["M"]["count"] == "15.00")
            assert stage.venue.readings == 2
            assert stage.feed.followed == 2 - 1, "the markets that are open now are followed"

    played(story, tmp_path)


def test_a_burst_of_fills_is_a_reading_or_two(tmp_path: Path) -> None:
    """The last begins after the last fill, so nothing is lost at the end."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.venue.gate = asyncio.Event()
            stage.feed.bring(changes=(Changed("fill"),))
            await until(lambda: stage.venue.readings == 2)
            stage.venue.records.append(MORE)
            for _ in range(100):
                stage.feed.bring(changes=(Changed("fill"), Changed("market_position")))
            await until(stage.feed.queue.empty)
            stage.venue.gate.set()
            await until(lambda: stage.tree["positions"]["M"]["count"] == "15.00")
            assert stage.venue.readings == 3

    played(story, tmp_path)


def test_a_fill_that_rest_does_not_list_yet_is_asked_for_again(tmp_path: Path) -> None:
    """Lists trail what happened; the reading that has it ends the asking."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.feed.bring(changes=(Changed("fill", "f-2"),))
            await until(lambda: stage.venue.readings >= 4)
            stage.venue.records.append(MORE)
            await until(lambda: stage.tree["positions"]["M"]["count"] == "15.00")
            seen = stage.venue.readings
            await stage.cycle.turns.collect(stage.venue)
            assert stage.venue.readings <= seen + 2
            assert stage.registry.get_sample_value("northstar_live_dropped_total") is None

    played(story, tmp_path)


def test_a_fill_that_never_comes_is_given_up_and_counted(tmp_path: Path) -> None:
    """The schedule goes on looking; the asking has a bound."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.feed.bring(changes=(Changed("fill", "of another account"),))
            labels = {"source": "kalshi", "reason": "fill.unlisted"}
            await until(lambda: stage.registry.get_sample_value("northstar_live_dropped_total", labels) == 1)
            assert stage.venue.readings == 1 + PATIENT_READINGS

    played(story, tmp_path)


def test_a_reading_that_fails_is_left_to_the_schedule(tmp_path: Path) -> None:
    """An upstream in trouble is not asked in a circle."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.venue.trouble = SourceUnavailable("kalshi", "timeout", "Kalshi did not answer.")
            stage.feed.bring(changes=(Changed("fill", "f-2"),))
            await until(lambda: "error" in stage.tree["sources"]["kalshi"])
            assert stage.venue.readings == 2
            stage.venue.trouble = None
            stage.venue.records.append(MORE)
            await stage.cycle.turns.collect(stage.venue)
            assert stage.tree["positions"]["M"]["count"] == "15.00"

    played(story, tmp_path)


def test_what_is_followed_is_what_is_held(tmp_path: Path) -> None:
    """Markets that open and close change the list with the reading that shows them."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            assert stage.cycle.books.open_tickers("kalshi") == {"M"}
            stage.venue.records += [ELSEWHERE, settlement("10 / 4.00", "0 / 0", "yes", "10", ticker="M")]
            await stage.cycle.turns.collect(stage.venue)
            assert stage.cycle.books.open_tickers("kalshi") == {"OTHER"}
            assert stage.feed.followed == 1
            assert [each.ticker for each in stage.feed.compared] == ["M"]

    played(story, tmp_path)


# Without it.


def test_how_the_feed_stands_is_in_the_snapshot(tmp_path: Path) -> None:
    """Connecting, live, connecting again; and off when it is no longer followed."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            began = stage.clock()
            for status in ("live", "connecting"):
                stage.feed.status = status  # type: ignore[assignment]
                stage.feed.bring()
                await until(lambda: stage.shown() == status)  # noqa: B023
                since = stage.tree["sources"]["kalshi"]["live_since"]
                assert unstamp(since) >= began
                stage.clock.advance(timedelta(seconds=5))
                stage.feed.bring()
                await stage.cycle.publisher.publish()
                assert stage.tree["sources"]["kalshi"]["live_since"] == since
                began = stage.clock()
        assert stage.cycle.standings.feeds["kalshi"][0] == "off"
        assert stage.registry.get_sample_value("northstar_live_connected", {"source": "kalshi"}) == 0

    played(story, tmp_path)


def test_a_feed_that_breaks_leaves_the_readings_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so in one line and in the snapshot; the schedule goes on."""

    async def story(path: Path) -> None:
        stage = Stage(path / "northstar.sqlite3", 1e9)
        stage.feed.error = RuntimeError("a fault of ours")
        await stage.cycle.start()
        await stage.cycle.turns.collect(stage.venue)
        await stage.live.run()
        await until(lambda: stage.shown() == "off")
        stage.venue.records.append(MORE)
        await stage.cycle.turns.collect(stage.venue)
        assert stage.tree["positions"]["M"]["count"] == "15.00"
        await stage.cycle.stop()

    played(story, tmp_path)
    assert "live feed ended: RuntimeError in collect/test_following.py, line" in caplog.text
    assert "a fault of ours" not in caplog.text, "what other people's code says may be a secret"
    assert [record.exc_info for record in caplog.records] == [None]


@pytest.mark.parametrize(
    ("settings", "followed"),
    [
        ({}, True),
        ({"NORTHSTAR_KALSHI_LIVE": "false"}, False),
        ({"NORTHSTAR_SOURCES": "anthropic,sales"}, False),
    ],
)
def test_a_feed_is_followed_unless_it_is_switched_off(
    tmp_path: Path, settings: dict[str, str], followed: bool
) -> None:
    """Off is shown where Kalshi takes part, and no key at all where it does not."""

    async def story(path: Path) -> None:
        keys.make_keys(path)
        environ = {**keys.environment("http://127.0.0.1:9", path), "DB_PATH": str(path / "d.sqlite3")}
        configured = read_settings(environ | settings)
        registry = CollectorRegistry()
        cycle, metrics = build_cycle(configured, registry)
        await cycle.start()
        await cycle.publisher.publish()
        assert cycle.publisher.latest is not None
        shown = plain_json(cycle.publisher.latest)["sources"].get("kalshi", {}).get("live")
        assert shown == (None if "NORTHSTAR_SOURCES" in settings else "off")
        assert len(build_followers(configured, cycle, metrics)) == followed
        await cycle.stop()

    played(story, tmp_path)


def test_two_readings_of_one_source_follow_each_other(tmp_path: Path) -> None:
    """The schedule and the feed may ask at the same time; an older reading is never booked last."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            await asyncio.gather(*(stage.cycle.turns.collect(stage.venue) for _ in range(5)))
            assert stage.venue.readings == 6

    played(story, tmp_path)


def test_the_fill_a_test_awaits_is_one_the_ledger_books() -> None:
    """The guard of the stories above: ids of fills are the keys of their records."""
    assert isinstance(MORE, Fill)
    assert MORE.key == "f-2"


def test_a_feed_that_brings_anothers_quotes_is_no_longer_listened_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody's price moves, the sentence says what came, and the readings go on."""

    async def story(path: Path) -> None:
        async with staged(path) as stage:
            stage.feed.bring(mark(bid="0.60", source="hedge"))
            await until(lambda: stage.shown() == "off")
            assert stage.marked() == "0.50"
            await stage.cycle.turns.collect(stage.venue)
            assert stage.marked() == "0.50"

    played(story, tmp_path)
    assert "live feed ended: Kalshi brought a Mark of hedge; nothing of it was booked." in caplog.text
