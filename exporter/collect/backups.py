"""The backups that the exporter makes by itself.

When:   one is due when the newest verified copy is older than the interval, whoever made it; so neither
        a restart nor a machine that slept makes one too many or one too few. One that failed is tried
        again within the hour.
Where:  in a thread of its own, which waits for everybody else: neither the event loop nor a commit
        waits for it. A folder that hangs (a network disk) hangs that thread, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

from exporter.errors import BackupFailed, BackupReason, StoreError
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.runtime import clock as clocks
from exporter.store.backup import back_up
from exporter.store.copies import Copies, Copy

log = logging.getLogger("northstar")

LOOK_SECONDS = 60.0
"""How often the folder is looked at: what somebody made or deleted there is known within a minute."""

AGAIN = timedelta(hours=1)
"""After one that failed: not at once, for half a copy may have been written; a quarter of the interval
where that is less."""

FIRST = timedelta(minutes=2)
"""Not while a start has better things to do, nor once for every start of one that ends again and again."""

NICENESS = 10
"""The thread gets what others leave of a processor: proving a gigabyte takes one for half a minute."""


class Backups:
    """Makes verified copies while it runs. `newest` and `seconds` are what is known of them."""

    def __init__(
        self,
        database: Path,
        folder: Path,
        metrics: ExporterMetrics,
        clock: Callable[[], datetime],
        *,
        every: timedelta,
        kept: int,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self.newest: Copy | None = None
        """The newest verified copy in the folder, None while there is none."""
        self.seconds: float | None = None
        """How long the last one took to make and verify, None before the first of this run."""
        self._database, self._metrics, self._clock = database, metrics, clock
        self._every, self._kept = every, kept
        self._copies = Copies(folder, database)
        self._monotonic = clocks.of(clock) if monotonic is None else monotonic
        self._not_before = self._monotonic() + FIRST.total_seconds()
        self._ended = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backup", initializer=_step_back)

    async def run(self) -> None:
        """Look, and make one when it is due, until cancelled; one under way is broken off within a step."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await loop.run_in_executor(self._thread, self.turn)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._ended.set()

    def turn(self) -> None:
        """Look at the folder, and make a copy when one is due. What fails is one line and a counter."""
        now = self._clock()
        try:
            self._look(now)
            if self._due(now):
                self._make(now)
        except StoreError as error:
            self._failed(error.reason if isinstance(error, BackupFailed) else "not_verified", error)
        except Exception as error:  # noqa: BLE001 - a surprise must not be the last that is heard of backups
            self._failed("unexpected", error)

    def _look(self, now: datetime) -> None:
        found = self._copies.all(now)
        self.newest = found[0] if found else None

    def _due(self, now: datetime) -> bool:
        if self._monotonic() < self._not_before:
            return False
        return self.newest is None or now - self.newest.made >= self._every

    def _make(self, now: datetime) -> None:
        began = perf_counter()
        made = back_up(self._database, self._copies, now, self._ended.is_set)
        self.seconds = perf_counter() - began
        log.info(
            "backup verified file=%s bytes=%d snapshot=%s seconds=%.1f",
            made.path,
            made.size,
            made.contents.cursor,
            self.seconds,
        )
        self._look(now)
        self._copies.prune(self._kept, now)

    def _failed(self, reason: BackupReason, error: Exception) -> None:
        if reason == "stopped" or self._monotonic() < self._not_before:
            return  # nothing failed; or it was told, and stays so
        self._not_before = self._monotonic() + min(AGAIN, self._every / 4).total_seconds()
        self._metrics.backup_failed(reason)
        log.error(
            "backup failed reason=%s %s", reason, error, exc_info=error if reason == "unexpected" else None
        )


def _step_back() -> None:
    with suppress(AttributeError, OSError):  # where a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
