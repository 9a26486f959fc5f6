"""The two clocks of a process: the wall clock dates things, the monotonic clock waits and measures ages.

The wall clock is set, by a person, by NTP, by a host that was moved. The monotonic clock only goes forward,
and on while the machine sleeps where the system has such a clock, so that figures are old when it wakes.
Who dates by the one and waits by the other has to be told when the wall clock is set: that is a step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

STEP = timedelta(milliseconds=500)
"""A change between both clocks, from one look to the next, that counts as a step. NTP slews by half a
thousandth of the time at most, and sets the clock where it is off by more than an eighth of a second."""

LOOK_SECONDS = 0.25
"""Between two looks: a step is noticed within half a second, also on a busy machine."""

TOGETHER_SECONDS = 0.02
"""Both clocks are read within this, or again: a process that is stopped between them has seen no step."""

READ_AGAIN = 5

_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)

Told = Callable[[timedelta], None]
"""Told by how much the wall clock was set: forward is positive."""


def monotonic() -> float:
    """Return seconds that only go forward, also while the machine sleeps where that can be had."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def of(clock: Callable[[], datetime]) -> Callable[[], float]:
    """Return the monotonic clock that belongs to a wall clock which nobody sets."""
    return lambda: (clock() - _ORIGIN).total_seconds()


class StepWatch:
    """Notices each step of the wall clock. `run` is a task; who dates things by it may `look` first."""

    def __init__(self, clock: Callable[[], datetime], monotonic: Callable[[], float] = monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._listeners: list[Told] = []
        self._apart = self._read()

    def listen(self, told: Told) -> None:
        """Tell somebody of each step from now on."""
        self._listeners.append(told)

    def look(self) -> None:
        """Compare both clocks, and tell everybody if the wall clock was set since the last look."""
        apart = self._read()
        change, self._apart = apart - self._apart, apart
        if abs(change) >= STEP:
            for told in self._listeners:
                told(change)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def _read(self) -> timedelta:
        """Return how far the wall clock is from the monotonic one."""
        for _ in range(READ_AGAIN):
            before, now = self._monotonic(), self._clock()
            if self._monotonic() - before <= TOGETHER_SECONDS:
                break
        return now - _ORIGIN - timedelta(seconds=before)


def said(step: timedelta) -> str:
    """Return a step in words."""
    seconds = step.total_seconds()
    way = "forward" if seconds > 0 else "back"
    return f"this machine's clock was set {way} by {abs(seconds):,.1f} s"
