"""The wall clock is set, at any moment and by any amount: work goes on, and no figure is surer than it is."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect.publisher import HELD
from exporter.errors import SourceUnavailable
from exporter.snapshot import Grade
from exporter.sources.contract import Reading, Window
from exporter.times import unstamp
from tests.builders import NOW, bill, fill, mark, sale, usage
from tests.collect.pipeline import Pipeline, answering, failing
from tests.examples import examples

DAY = timedelta(days=1)
STEPS = st.one_of(
    st.sampled_from([timedelta(seconds=s) for s in (-1, 1, -60, 60, -3600, 3600, -7200)]),
    st.sampled_from([-40 * DAY, 40 * DAY, -DAY, DAY]),
    st.timedeltas(-40 * DAY, 40 * DAY).filter(lambda step: abs(step) >= timedelta(seconds=1)),
)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.timedeltas(timedelta(seconds=1), timedelta(minutes=2))),
        st.tuples(st.just("step"), STEPS),
        st.tuples(st.just("read"), st.just(timedelta(0))),
        st.tuples(st.just("fail"), st.just(timedelta(0))),
    ),
    min_size=1,
    max_size=12,
)


class World:
    """Sources whose clock is the true one, which passes with the monotonic clock."""

    def __init__(self, path: Path) -> None:
        self.pipeline = Pipeline(path)
        self.heard: float | None = None

    @property
    def true(self) -> datetime:
        return NOW + self.pipeline.clock.elapsed

    def answer(self, window: Window) -> Reading:
        skew = self.true - self.pipeline.clock.now
        return Reading(source="sales", as_of=window.end, records=(sale("5", at=NOW),), skew=skew)

    async def move(self, what: str, by: timedelta) -> None:
        pipeline = self.pipeline
        if what == "pass":
            pipeline.clock.advance(seconds=by.total_seconds())
            await pipeline.cycle.publisher.publish()
        elif what == "step":
            pipeline.clock.step(by)
            await pipeline.cycle.publisher.publish()
        elif what == "read":
            pipeline.sales.answer = self.answer
            await pipeline.cycle.turns.collect(pipeline.sales)
            self.heard = pipeline.clock.monotonic()
        else:
            pipeline.sales.answer = failing(SourceUnavailable("sales", "timeout", "Late."))
            await pipeline.cycle.turns.collect(pipeline.sales)


def in_a_world(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def run(path: Path) -> None:
        world = World(path)
        await world.pipeline.cycle.start()
        await world.pipeline.cycle.publisher.publish()
        await scenario(world)
        await world.pipeline.cycle.stop()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "northstar.sqlite3"))


@settings(deadline=None, max_examples=examples(25))
@given(MOVES)
def test_whatever_the_clock_does_figures_go_on_and_are_no_surer_than_they_are(
    moves: list[tuple[str, timedelta]],
) -> None:
    """Numbers follow each other, times are the wall clock's, ages are the monotonic clock's, and nothing is
    final while the sources' clock contradicts ours."""

    async def scenario(world: World) -> None:
        pipeline, before = world.pipeline, world.pipeline.latest["sequence"]
        for move in moves:
            await world.move(*move)
            shown = pipeline.latest
            assert shown["sequence"] == before + 1
            before = shown["sequence"]
            now, published = pipeline.clock.now, unstamp(shown["as_of"])
            assert published == now or now < published < now + HELD
            if world.heard is None:
                continue
            source, figure = shown["sources"]["sales"], shown["windows"]["all"]["components"]["sales_gross"]
            age = pipeline.clock.monotonic() - world.heard
            assert (source["grade"] == "stale") == (age > pipeline.sales.freshness.total_seconds())
            assert unstamp(source["as_of"]) <= published
            off = abs(world.true - now) > timedelta(minutes=1)
            codes = {reason["code"] for reason in figure.get("because", ())}
            assert ("clock" in codes) == off
            if off:
                assert Grade[figure["grade"].upper()] <= Grade.PARTIAL

    in_a_world(scenario)


def test_an_answer_that_was_on_its_way_when_the_clock_was_set_is_as_old_as_it_is() -> None:
    """It was dated before, and is booked after."""

    async def scenario(world: World) -> None:
        pipeline = world.pipeline
        for step in (-timedelta(hours=1), timedelta(hours=1), 40 * DAY):

            def answer(window: Window, step: timedelta = step) -> Reading:
                pipeline.clock.step(step)
                pipeline.cycle.steps.look()
                return Reading(source="sales", as_of=window.end, records=())

            pipeline.sales.answer = answer
            await pipeline.cycle.turns.collect(pipeline.sales)
            assert pipeline.latest["sources"]["sales"]["grade"] == "final"
            assert unstamp(pipeline.latest["sources"]["sales"]["as_of"]) == pipeline.clock.now

    in_a_world(scenario)


@pytest.mark.parametrize("kept_up", [False, True])
def test_a_bill_is_as_open_as_the_clock_says_wherever_it_was(tmp_path: Path, kept_up: bool) -> None:
    """Settled by a clock ahead, and let go of: set back, its day is estimated again in the next snapshot."""

    async def scenario() -> None:
        pipeline = Pipeline(tmp_path / "northstar.sqlite3", "anthropic")
        bills = pipeline.cycle.sources[-1]
        day = NOW.replace(hour=0) - timedelta(days=1)
        hours = (usage(day + timedelta(hours=hour), "1.00") for hour in range(24))
        landed = bill(day.date(), "0.50")
        line = replace(landed.lines[0], cost_type="web_search", token_type="", model="")
        bills.answer = answering("anthropic", *hours, replace(landed, lines=(line,)))  # type: ignore[attr-defined]
        await pipeline.cycle.start()
        await pipeline.collect_all()
        before = pipeline.latest["windows"]["7d"]
        assert [said["code"] for said in before["components"]["api_cost_billed"]["because"]] == ["bill_open"]
        for ahead in (2 * DAY, 40 * DAY):
            pipeline.clock.step(ahead)
            await pipeline.cycle.publisher.publish()
            if kept_up:
                await pipeline.cycle.books.forget_settled(pipeline.clock())
            pipeline.clock.step(-ahead)
            await pipeline.cycle.publisher.publish()
            assert pipeline.latest["windows"]["7d"] == before
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_marks_stay_as_old_as_they_are_when_the_clock_is_set() -> None:
    """Neither an hour older nor new for another hour; one that is dated ahead of now says so."""

    async def scenario(world: World) -> None:
        pipeline = world.pipeline
        quoted = mark(bid="0.45", ask="0.55")
        held = (fill("buy yes 10 @ 0.40", at=NOW),)
        pipeline.kalshi.answer = answering("kalshi", *held, observations=(replace(quoted, at=NOW),))
        await pipeline.cycle.turns.collect(pipeline.kalshi)
        for step in (-timedelta(hours=1), timedelta(hours=2), -40 * DAY):
            pipeline.clock.step(step)
            pipeline.clock.advance(seconds=10)
            await pipeline.cycle.publisher.publish()
            [position] = pipeline.latest["positions"].values()
            assert position["grade"] == "final"
            assert unstamp(position["as_of"]) == pipeline.clock.now - pipeline.clock.elapsed
        pipeline.clock.advance(seconds=61)
        await pipeline.cycle.publisher.publish()
        [position] = pipeline.latest["positions"].values()
        assert position["grade"] == "stale"
        ahead = replace(quoted, at=pipeline.clock.now + timedelta(hours=1))
        pipeline.kalshi.answer = answering("kalshi", observations=(ahead,))
        await pipeline.cycle.turns.collect(pipeline.kalshi)
        [position] = pipeline.latest["positions"].values()
        assert position["grade"] == "stale"
        reasons = pipeline.latest["windows"]["all"]["components"]["trading_unrealised_change"]["because"]
        assert "clock" in {reason["code"] for reason in reasons}

    in_a_world(scenario)


def test_a_wait_that_a_source_asked_for_is_as_long_as_it_said() -> None:
    """An hour back does not make it an hour longer, nor forty days forward shorter."""

    async def scenario(world: World) -> None:
        pipeline = world.pipeline
        for step in (-timedelta(hours=1), 40 * DAY):
            wait = SourceUnavailable("sales", "rate_limited", "Wait.", retry_after=60)
            pipeline.sales.answer = failing(wait)
            asked = len(pipeline.sales.windows)
            await pipeline.cycle.turns.collect(pipeline.sales)
            pipeline.clock.step(step)
            pipeline.clock.advance(seconds=59)
            await pipeline.cycle.turns.collect(pipeline.sales)
            assert len(pipeline.sales.windows) == asked + 1
            pipeline.clock.advance(seconds=2)
            await pipeline.cycle.turns.collect(pipeline.sales)
            assert len(pipeline.sales.windows) == asked + 2
            pipeline.clock.advance(seconds=61)

    in_a_world(scenario)


def test_a_step_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """With its size, and the figures of the source's clock follow."""

    async def scenario(world: World) -> None:
        pipeline = world.pipeline
        await world.move("read", timedelta(0))
        with caplog.at_level(logging.WARNING, "northstar"):
            for _ in range(3):
                await pipeline.cycle.publisher.publish()
            pipeline.clock.step(-timedelta(hours=2))
            for _ in range(3):
                await pipeline.cycle.publisher.publish()
        assert [record.message for record in caplog.records] == [
            "this machine's clock was set back by 7,200.0 s: work goes on"
        ]
        assert pipeline.counted("northstar_clock_steps_total") == 1
        assert pipeline.counted("northstar_clock_step_seconds") == -7200
        assert pipeline.counted("northstar_source_clock_skew_seconds", source="sales") == 7200

    in_a_world(scenario)


def test_one_source_whose_clock_is_wrong_costs_its_own_figures_the_grade() -> None:
    """Where another one agrees with us it is not our clock; where all contradict us it is."""

    async def scenario(world: World) -> None:
        pipeline = world.pipeline
        pipeline.sales.answer = answering("sales", sale("5", at=NOW), skew=timedelta(hours=2))
        pipeline.kalshi.answer = answering("kalshi", skew=timedelta(0))
        await pipeline.collect_all()
        parts = pipeline.latest["windows"]["all"]["components"]
        [reason] = parts["sales_gross"]["because"]
        assert reason["code"] == "clock"
        assert "its clock is 2:00:00 ahead of this machine's" in reason["text"]
        assert parts["trading_fees"]["grade"] == "final"
        pipeline.kalshi.answer = answering("kalshi")  # it says no more what the time is, and still agrees
        await pipeline.collect_all()
        assert pipeline.latest["windows"]["all"]["components"]["trading_fees"]["grade"] == "final"
        pipeline.kalshi.answer = answering("kalshi", skew=timedelta(hours=2))
        await pipeline.collect_all()
        parts = pipeline.latest["windows"]["all"]["components"]
        for name in ("sales_gross", "trading_fees"):
            assert "this machine's clock is 2:00:00 behind every source" in parts[name]["because"][0]["text"]

    in_a_world(scenario)


def test_nothing_is_thinned_out_or_deleted_while_our_clock_is_wrong() -> None:
    """Booted forty days ahead, the last month would be rolled up, and gone for good."""

    async def scenario(world: World) -> None:
        pipeline = world.pipeline
        pipeline.clock.step(40 * DAY)
        await world.move("read", timedelta(0))
        asked: list[datetime] = []
        pipeline.cycle.store.snapshots.roll_up = lambda now, keep: bool(asked.append(now))  # type: ignore[method-assign]
        await pipeline.cycle.upkeep.run()
        assert asked == []
        pipeline.clock.step(-40 * DAY)
        await pipeline.cycle.publisher.publish()
        await pipeline.cycle.upkeep.run()
        assert asked == [pipeline.clock.now]

    in_a_world(scenario)


def test_what_a_clock_that_was_ahead_has_dated_is_not_taken_for_what_comes_then() -> None:
    """It stays in its order and as it was; who asks by time is not given it for a time that it was not of."""

    async def scenario(world: World) -> None:
        pipeline, snapshots = world.pipeline, world.pipeline.cycle.store.snapshots
        pipeline.clock.step(timedelta(hours=1))
        await pipeline.cycle.publisher.publish()
        wrong = pipeline.latest
        pipeline.clock.step(-timedelta(hours=1))
        await pipeline.cycle.publisher.publish()
        set_back = pipeline.clock.now
        assert snapshots.at(wrong["sequence"]) == wrong
        later = [point.as_of for point in snapshots.history(set_back, set_back + DAY, 1_000)]
        assert later == [set_back]
        assert snapshots.history(set_back, set_back + DAY, 1_000)[0].sequence == pipeline.latest["sequence"]

    in_a_world(scenario)
