"""Snapshots of the books: stated, committed, and only then seen.

A snapshot that cannot be stated or committed is not shown; the last one stays, and gets older.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from time import perf_counter

from exporter.collect.books import Books
from exporter.collect.listener import Listener
from exporter.collect.outages import STORE, Outages
from exporter.collect.pace import Pace
from exporter.collect.standing import Standings
from exporter.collect.store_thread import StoreThread
from exporter.errors import LedgerError, StoreError
from exporter.ledger import Plan, state
from exporter.ledger.breakdown import breakdown
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.snapshot import Cursor, Opening, Snapshot
from exporter.snapshot.breakdown import ResultsByGroup
from exporter.snapshot.restated import NOTHING_RESTATED
from exporter.store import Store
from exporter.times import unstamp

SNAPSHOT = "snapshot"

HELD = timedelta(seconds=1)
"""For so long time stands still in snapshots, rather than going back a little."""


class Publisher:
    """States what the books hold. `latest` is the newest committed snapshot, None before the first."""

    def __init__(
        self,
        store: Store,
        books: Books,
        standings: Standings,
        metrics: ExporterMetrics,
        clock: Callable[[], datetime],
        thread: StoreThread,
        listeners: Sequence[Listener],
        outages: Outages,
        *,
        snapshots_per_second: float,
        plan: Plan,
        limits: Mapping[str, Decimal],
        demo: bool,
        look: Callable[[], None],
    ) -> None:
        self.latest: Snapshot | None = None
        self.breakdown: ResultsByGroup | None = None
        """The newest statement of results by group, None before the first."""
        self._store, self._books, self._standings, self._metrics = store, books, standings, metrics
        self._clock, self._thread, self._listeners, self._outages = clock, thread, listeners, outages
        self._plan, self._limits, self._demo, self._look = plan, limits, demo, look
        self._openings: dict[str, dict[str, Opening]] = {}
        self._restated = NOTHING_RESTATED
        self._pace = Pace(self.publish, 1 / snapshots_per_second)

    async def start(self) -> None:
        """Show the last snapshot at once."""
        self.latest = await self._thread.run(self._store.snapshots.newest)

    def soon(self) -> None:
        """Publish at once, or, in a burst, as the set rate allows; its last state is never left out."""
        self._pace.ask()

    async def aclose(self) -> None:
        """Let go of what was asked for; a commit under way is finished."""
        await self._pace.aclose()

    async def publish(self) -> None:
        """Commit a snapshot of everything booked and let it be seen; on trouble the old one stays."""
        async with self._books.lock:
            if not self._books.sound:
                self._metrics.refused()
                return
            now = self._now()
            self._books.redate()
            try:
                if self.latest is not None and now < unstamp(self.latest.as_of):
                    await self._thread.run(self._store.snapshots.redate, now)
                    self._openings.clear()
                await self._books.reopen(now)
                await self._thread.run(self._load, now)
                snapshot = self._state(now)
                began = perf_counter()
                await self._thread.run(self._store.commit, snapshot, now)
            except LedgerError as error:
                self._metrics.refused()
                self._books.refused = True
                self._outages.failed(SNAPSHOT, "refused", f"snapshot refused: {error}")
            except StoreError as error:
                self._metrics.store_failed()
                self._outages.failed(STORE, "store", f"snapshot not stored: {error}")
            else:
                self._metrics.committed(perf_counter() - began)
                self.latest = snapshot
                for what in (SNAPSHOT, STORE):
                    self._outages.over(what)
                for listener in self._listeners:
                    listener.published(snapshot)

    async def break_down(self) -> None:
        """State the results by group and keep them, unless nothing of them has changed."""
        async with self._books.lock:
            latest, ledger = self.latest, self._books.ledger
            heard = [name for name in ledger.venues if self._standings.as_of(name) is not None]
            if not self._books.sound or latest is None or not heard:
                return
            try:
                stated = await self._thread.run(breakdown, ledger, self._now(), latest)
                if stated != self.breakdown:
                    await self._thread.run(self._store.breakdowns.keep, stated, latest)
            except StoreError as error:
                self._metrics.store_failed()
                self._outages.failed(STORE, "store", f"results by group not stored: {error}")
            else:
                self.breakdown = stated

    def _load(self, now: datetime) -> None:
        """Ask the store for what is stated beside the ledger."""
        self._restated = self._store.restatements.known()
        known, self._openings = self._openings, {}
        for source, needed in self._books.ledger.openings_needed(now).items():
            found = self._openings[source] = {}
            for window, start in needed.items():
                opening = known.get(source, {}).get(window)
                if opening is None or not opening.holds(start):
                    opening = self._store.snapshots.opening(source, start)
                if opening is not None:
                    found[window] = opening

    def _state(self, now: datetime) -> Snapshot:
        sequence = 0 if self.latest is None else self.latest.sequence
        return state(
            self._books.ledger,
            now=now,
            cursor=Cursor(self._store.snapshots.epoch, sequence + 1),
            sources=self._standings.stated(),
            openings=self._openings,
            live=self._standings.feeds,
            plan=self._plan,
            limits=self._limits,
            restated=self._restated,
            demo=self._demo,
        )

    def _now(self) -> datetime:
        """Return the time that a snapshot is dated by: the wall clock's, wherever that was set to.

        Where it was slewed back, or set by less than anybody notices, time stands still for that long.
        """
        self._look()  # no snapshot is dated by a clock that was set, and graded by ages of before
        now = self._clock()
        last = now if self.latest is None else unstamp(self.latest.as_of)
        return last if now < last < now + HELD else now
