"""The wall clock is set, slewed and wrong; the monotonic clock is not."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.runtime.clock import LOOK_SECONDS, STEP, StepWatch, monotonic, said
from tests.builders import NOW

STEPS = st.timedeltas(timedelta(days=-40), timedelta(days=40))


class Clocks:
    """Both clocks, as a test moves them."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.wall = NOW

    def __call__(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float, slewed: float = 0.0) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds + slewed)


def watched(clocks: Clocks) -> tuple[StepWatch, list[timedelta]]:
    watch, told = StepWatch(clocks, clocks.monotonic), list[timedelta]()
    watch.listen(told.append)
    return watch, told


@given(st.lists(st.tuples(st.floats(0.001, 86_400), st.one_of(st.just(timedelta(0)), STEPS)), max_size=20))
def test_every_step_is_told_once_and_as_long_as_it_was(moves: list[tuple[float, timedelta]]) -> None:
    """However long nobody looked: the machine slept, or the process stood still."""
    clocks = Clocks()
    watch, told = watched(clocks)
    for seconds, step in moves:
        clocks.pass_by(seconds)
        clocks.wall += step
        watch.look()
        watch.look()
    expected = [step for _, step in moves if abs(step) >= STEP + timedelta(milliseconds=1)]
    assert [step for step in told if abs(step) >= STEP + timedelta(milliseconds=1)] == [
        pytest.approx(step, abs=timedelta(milliseconds=1)) for step in expected
    ]


@given(st.lists(st.floats(-0.0005, 0.0005), max_size=50))
def test_a_clock_that_is_slewed_has_made_no_step(slews: list[float]) -> None:
    """NTP moves it by half a thousandth of the time, for hours if need be."""
    clocks = Clocks()
    watch, told = watched(clocks)
    for slew in slews:
        clocks.pass_by(LOOK_SECONDS, LOOK_SECONDS * slew)
        watch.look()
    assert told == []


def test_a_process_that_is_stopped_between_two_looks_at_the_clocks_has_seen_no_step() -> None:
    """Both are read together, or again."""
    clocks = Clocks()
    stops = iter([0.0, 0.0, 7.0, 0.0, 0.0])

    def held_up() -> float:
        clocks.pass_by(next(stops, 0.0))
        return clocks.seconds

    watch, told = StepWatch(clocks, held_up), list[timedelta]()
    watch.listen(told.append)
    watch.look()
    assert told == []


def test_a_step_is_noticed_while_nobody_asks() -> None:
    """Within a second."""

    async def scenario() -> list[timedelta]:
        clocks = Clocks()
        watch, told = watched(clocks)
        noticed = asyncio.Event()
        watch.listen(lambda _: noticed.set())
        running = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        clocks.wall -= timedelta(hours=1)
        await asyncio.wait_for(noticed.wait(), 1)
        running.cancel()
        return told

    assert asyncio.run(scenario()) == [timedelta(hours=-1)]


def test_the_monotonic_clock_goes_forward() -> None:
    """It is the machine's own."""
    assert monotonic() <= monotonic()


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (timedelta(hours=-1), "this machine's clock was set back by 3,600.0 s"),
        (timedelta(seconds=1.25), "this machine's clock was set forward by 1.2 s"),
    ],
)
def test_a_step_is_said_in_words(step: timedelta, words: str) -> None:
    """For the log."""
    assert said(step) == words
