"""Retention and scrub: what is past its time is thinned out or deleted; what stays is proved, row by row."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import datetime

from exporter.collect.books import Books
from exporter.collect.daybook import Daybook
from exporter.collect.outages import STORE, Outages
from exporter.collect.standing import Standings
from exporter.collect.store_thread import StoreThread
from exporter.errors import StoreDamaged, StoreError
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.runtime import gc_pauses
from exporter.store import Retention, Store, scrub
from exporter.store.daybook import TABLES

log = logging.getLogger("northstar")


class Upkeep:
    """Keeps the store within its retention, and proves that it is what was written."""

    def __init__(
        self,
        store: Store,
        books: Books,
        standings: Standings,
        metrics: ExporterMetrics,
        clock: Callable[[], datetime],
        thread: StoreThread,
        retention: Retention,
        outages: Outages,
        daybook: Daybook,
    ) -> None:
        self._store, self._books, self._metrics, self._daybook = store, books, metrics, daybook
        self._clock, self._thread, self._retention = clock, thread, retention
        self._standings, self._outages = standings, outages

    async def run(self) -> None:
        """Do all that is due now. Nothing is, while nobody knows when that is: what a clock that is ahead
        takes for old would be gone for good."""
        if self._standings.our_clock():
            return
        now = self._clock()
        await self._books.forget_settled(now)
        try:
            while await self._thread.run(self._store.snapshots.roll_up, now, self._retention.raw):
                pass
            await self._thread.run(self._store.records.prune, now)
            # Last, for it is the one that needs every row to be whole.
            while await self._thread.run(self._store.thinning.advance, now, self._retention):
                pass
            while await self._thread.run(self._store.sealing.advance):
                pass
        except StoreError as error:
            self._metrics.store_failed()
            self._outages.failed(STORE, "store", f"retention failed: {error}")
        async with self._books.lock:
            await self._books.save()
        gc_pauses.keep()  # what was booked since the last time, or a new ledger

    async def scrub(self) -> None:
        """Read every row that is stored and compare it with its checksum."""
        stopping = threading.Event()
        try:
            found = await asyncio.to_thread(scrub, self._store.path, stopping.is_set)
        except StoreDamaged as error:
            self._metrics.scrubbed({"pages": 1}, self._clock())
            log.error("scrub: %s", error)
            return
        except StoreError as error:
            log.error("scrub not done: %s", error)  # what the last one found, and when, stays as it is
            return
        finally:
            stopping.set()
        self._metrics.scrubbed({"pages": 0, **found.damaged}, self._clock())
        if any(found.damaged[table.name] for table in TABLES):
            self._daybook.distrust()
        if found.named:
            log.error(
                "scrub: %s of %s rows are not what was written: %s; restore a backup",
                f"{sum(found.damaged.values()):,}",
                f"{found.rows:,}",
                ", ".join(found.named),
            )
        else:
            log.info("scrub: all %s rows are what was written", f"{found.rows:,}")
