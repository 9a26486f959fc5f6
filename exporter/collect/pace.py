"""Throttling: do something soon, but not too often. A burst of wishes becomes its first and its last run.

Nothing polls. The first `ask` runs the work at once; what is asked while it runs, or before its
time has come again, is one more run, which begins after the last of them. So the state at the end
of a burst is never left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from exporter.collect.outages import Outages

WORK = "work that was asked for"


class Pace:
    """Runs `work` after each `ask`, never two at a time, their beginnings at least `seconds` apart."""

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._work = work
        self._seconds = seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._outages = Outages(monotonic)
        self._asked = False
        self._not_before = monotonic()
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Wish for a run that begins after now."""
        self._asked = True
        if self._task is None:
            self._begin()

    async def aclose(self) -> None:
        """Let go of what was asked and of the run under way."""
        self._asked = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    async def _run(self) -> None:
        while self._asked:
            wait = self._not_before - self._monotonic()
            if wait > 0:
                await self._sleep(wait)
            self._asked = False
            self._not_before = self._monotonic() + self._seconds
            await self._work()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        if error := task.exception():
            kind = type(error).__name__
            self._outages.failed(WORK, kind, f"{WORK} failed: {kind}: {error}")
        else:
            self._outages.over(WORK)
        if self._asked:
            self._begin()
