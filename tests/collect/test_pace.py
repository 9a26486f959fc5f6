"""How often something asked for is done: at once, then at a pace, and never without the last wish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from exporter.collect.pace import Pace


class Time:
    """Time that passes when told; whoever sleeps wakes when it has."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def pass_by(self, seconds: float) -> None:
        self.now += seconds
        for until, woken in self._sleepers:
            if until <= self.now and not woken.done():
                woken.set_result(None)
        await settled()


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def scenario(story: Callable[[Time, list[float]], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(told(story), 20))


async def told(story: Callable[[Time, list[float]], Awaitable[None]]) -> None:
    await story(Time(), [])


def paced(time: Time, runs: list[float], seconds: float = 1.0) -> Pace:
    async def work() -> None:
        runs.append(time.now)

    return Pace(work, seconds, monotonic=time, sleep=time.sleep)


def test_the_first_wish_is_granted_at_once() -> None:
    """Nobody waits while nothing else was asked."""

    async def story(time: Time, runs: list[float]) -> None:
        pace = paced(time, runs)
        pace.ask()
        await settled()
        assert runs == [0.0]
        await time.pass_by(5)
        assert runs == [0.0], "nothing runs that was not asked for"
        pace.ask()
        await settled()
        assert runs == [0.0, 5.0]

    scenario(story)


def test_a_burst_is_its_first_and_one_more_at_the_pace() -> None:
    """The last run begins after the last wish, so the end of a burst is never lost."""

    async def story(time: Time, runs: list[float]) -> None:
        pace = paced(time, runs)
        for _ in range(100):
            pace.ask()
            await settled()
        await time.pass_by(0.5)
        pace.ask()
        await time.pass_by(0.5)
        assert runs == [0.0, 1.0]
        await time.pass_by(10)
        assert runs == [0.0, 1.0]

    scenario(story)


def test_a_steady_stream_runs_at_the_pace() -> None:
    """Ten wishes a second, one run a second."""

    async def story(time: Time, runs: list[float]) -> None:
        pace = paced(time, runs)
        for _ in range(40):
            pace.ask()
            await settled()
            await time.pass_by(0.125)
        assert runs == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]

    scenario(story)


def test_what_is_asked_during_a_run_runs_after_it_and_never_beside_it() -> None:
    """The run under way may have looked before the change."""

    async def story(time: Time, runs: list[float]) -> None:
        under_way = 0
        hold = asyncio.Event()

        async def work() -> None:
            nonlocal under_way
            under_way += 1
            assert under_way == 1
            runs.append(time.now)
            await hold.wait()
            under_way -= 1

        pace = Pace(work, 0.0, monotonic=time, sleep=time.sleep)
        pace.ask()
        await settled()
        pace.ask()
        pace.ask()
        await settled()
        assert len(runs) == 1
        hold.set()
        await settled()
        assert len(runs) == 2

    scenario(story)


def test_a_run_that_fails_is_said_and_the_next_wish_is_granted(caplog: pytest.LogCaptureFixture) -> None:
    """A line when it failed and one when it works, no traceback; a wish made meanwhile is not lost."""
    caplog.set_level(logging.INFO)

    async def story(time: Time, runs: list[float]) -> None:
        async def work() -> None:
            runs.append(time.now)
            await asyncio.sleep(0)
            if len(runs) == 1:
                raise RuntimeError("no luck")

        pace = Pace(work, 1.0, monotonic=time, sleep=time.sleep)
        pace.ask()
        await asyncio.sleep(0)
        pace.ask()
        await settled()
        await time.pass_by(1)
        assert runs == [0.0, 1.0]

    scenario(story)
    assert [record.exc_info for record in caplog.records] == [None, None]
    failed, over = (record.getMessage() for record in caplog.records)
    assert "no luck" in failed
    assert "works again" in over


def test_closing_lets_go_of_what_waits() -> None:
    """Nothing runs afterwards."""

    async def story(time: Time, runs: list[float]) -> None:
        pace = paced(time, runs)
        await pace.aclose()
        pace.ask()
        await settled()
        pace.ask()
        await pace.aclose()
        await time.pass_by(5)
        assert runs == [0.0]

    scenario(story)
