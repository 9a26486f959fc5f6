"""One collection cycle: read a source, book it, publish the snapshot. Sources fail alone.

Order:  raw answers and records are committed, the ledger takes the changes, the snapshot is
        committed, and only then `latest` changes. Killed anywhere in between, the next start
        books what is in the store and publishes a newer snapshot; nothing shown is lost.
Past:   a source that has more of it than one reading holds is read in slices before each reading,
        for a few seconds at a time. Until it is whole the figures say so; then a new ledger is made
        of the store, piece by piece, and takes the old one's place.
Threads: all database work runs on one thread, so a slow disk never holds up the event loop.
         One lock covers booking and publishing: the ledger is never read half-changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, TypeVar

from exporter.collect.backlog import Reader
from exporter.collect.pace import Pace
from exporter.collect.rebuild import Replay
from exporter.errors import LedgerError, SourceError, SourceMalformed, SourceUnavailable, StoreError
from exporter.ledger import Ledger, Plan, SourceState, state
from exporter.ledger.cost.plan import NO_PLAN
from exporter.ledger.trading.breakdown import breakdown
from exporter.metrics.health import Health
from exporter.records import Change, Mark, Record
from exporter.runtime import gc_pauses
from exporter.snapshot import Cursor, Opening, Tree
from exporter.sources.contract import HasHistory, Reading, Source, Window
from exporter.store import Retention, Store
from exporter.times import unstamp

T = TypeVar("T")

log = logging.getLogger("northstar")

PAST_SECONDS = 5.0
"""How long a turn reads the past before it looks at the present: a small account's is whole with the
first figures, a large one's takes turns without letting the figures grow stale."""


class Cycle:
    """Owns the ledger and the store. `latest` is the newest committed snapshot, None before the first."""

    def __init__(
        self,
        store: Store,
        new_ledger: Callable[[], Ledger],
        sources: Sequence[Source],
        health: Health,
        clock: Callable[[], datetime],
        *,
        snapshots_per_second: float = 10,
        retention: Retention | None = None,
        plan: Plan = NO_PLAN,
        demo: bool = False,
    ) -> None:
        self.store = store
        self.sources = tuple(sources)
        self.latest: Tree | None = None
        self.breakdown: Tree | None = None
        """The newest statement of results by group, None before the first."""
        self._replay = Replay(store, new_ledger, clock)
        self._ledger = new_ledger()
        self._sound = True
        self._health = health
        self._clock = clock
        self._plan = plan
        self._demo = demo
        self._states: dict[str, SourceState] = {
            source.name: SourceState(freshness=source.freshness) for source in sources
        }
        self._not_before: dict[str, datetime] = {}
        self._booked_until: dict[str, datetime] = {}
        self._openings: dict[str, dict[str, Opening]] = {}
        self.live: dict[str, str] = {}
        """How the live feed of each source that has one stands: live, connecting or off."""
        self._live_since: dict[str, datetime] = {}
        self.booked: Callable[[Reading], None] = _ignore
        """Told of each reading when the ledger has taken it; must return at once."""
        self._turns = {source.name: asyncio.Lock() for source in sources}
        self._overtaking: dict[str, dict[str, Mark]] = {}
        self._retention = retention or Retention()
        self._soon = Pace(self.publish, 1 / snapshots_per_second)
        self._books = asyncio.Lock()
        self._meanwhile: list[Change] | None = None
        self._past = {
            source.name: Reader(store, source, clock, self._in_database)
            for source in sources
            if isinstance(source, HasHistory)
        }
        self._database = ThreadPoolExecutor(1, thread_name_prefix="database")

    async def start(self) -> None:
        """Show the last snapshot at once, then rebuild the ledger from the records behind it."""
        self.latest = await self._in_database(self.store.snapshots.latest)
        for name, known in self._states.items():
            mark = await self._in_database(self.store.records.watermark, name)
            if mark is not None:
                self._states[name] = replace(known, as_of=mark.as_of, last_success=mark.last_success)
        for name, past in self._past.items():
            await past.load()
            self._health.gap(name, past.gap)
        try:
            await self._rebuild()
        except LedgerError as error:
            self._sound = False
            log.error("the books cannot be rebuilt, the last figures stay: %s", error)

    async def collect(self, source: Source) -> None:
        """Read one source and publish what came of it. Never raises for what a source does.

        Does nothing before the time that the source asked us to wait for. Readings of one source follow
        each other: a reading that began earlier must not be booked later.
        """
        async with self._turns[source.name]:
            await self._collect(source)

    async def quoted(self, source: str, marks: Sequence[Mark]) -> None:
        """Take quotes of a live feed; what they move is published soon."""
        async with self._books:
            if source in self._overtaking:
                self._overtaking[source].update((mark.ticker, mark) for mark in marks)
            moved = self._sound and self._ledger.quote(source, marks)
        if moved:
            self.publish_soon()

    def feeding(self, source: str, status: str) -> None:
        """Show how the live feed of a source stands."""
        if self.live.get(source) != status:
            self.live[source], self._live_since[source] = status, self._clock()
            if self.latest is not None:  # else there is nothing to show it beside yet
                self.publish_soon()

    def publish_soon(self) -> None:
        """Publish at once, or, in a burst, as the set rate allows; its last state is never left out."""
        self._soon.ask()

    def open_tickers(self, source: str) -> set[str]:
        """Return the markets of a venue in which contracts are held."""
        return self._ledger.venues[source].portfolio.tickers

    async def _collect(self, source: Source) -> None:
        began, now = perf_counter(), self._clock()
        if now < self._not_before.get(source.name, now):
            return
        self._overtaking[source.name] = {}
        try:
            window = await self._window(source, now)
            reading = await source.fetch(window)
        except SourceError as error:
            await self._failed(source, error, now)
        except StoreError as error:
            self._health.store_failed()
            self._note_error(source.name, "store", str(error), now)
            log.error("source=%s past not stored: %s", source.name, error)
        else:
            self._health.fetched(source.name, perf_counter() - began, reading.skew)
            async with self._books:
                await self._book(source, reading, window)
            for trouble in reading.troubles:
                await self._failed(source, trouble, now)
        finally:
            self._overtaking.pop(source.name, None)
        await self.publish()
        self._health.cycle(perf_counter() - began)

    async def _window(self, source: Source, now: datetime) -> Window:
        """Return what to read now. What lies before it is in the store, or is read here in slices."""
        before = self._states[source.name].as_of
        past = self._past.get(source.name)
        if past is None:
            start = None if before is None else before - source.overlap
            return Window(start, now, self._booked_until.get(source.name))
        start = await past.look(before, now)
        if not past.settled:
            try:
                await self._read_past(past)
            except SourceError as error:
                # The present is still worth reading; the past goes on where it was, with the next turn.
                await self._failed(source, error, now)
            except LedgerError as error:
                self._sound = False
                log.error("source=%s past not booked: %s", source.name, error)
        self._health.gap(source.name, past.gap)
        return Window(start, self._clock())

    async def _read_past(self, past: Reader) -> None:
        end = perf_counter() + PAST_SECONDS
        if await past.advance(enough=lambda: perf_counter() > end):
            # First the figures, then the word that they are whole.
            await self._renew()
            await past.finish()

    async def publish(self) -> None:
        """Commit a snapshot of everything booked and let it be seen; on trouble the old one stays."""
        async with self._books:
            if not self._sound:
                self._health.refused()
                return
            now = self._now()
            try:
                await self._in_database(self._load_openings, now)
                tree = self._state(now)
                began = perf_counter()
                await self._in_database(self.store.snapshots.append, tree)
            except LedgerError as error:
                self._health.refused()
                log.error("snapshot refused: %s", error)
            except StoreError as error:
                self._health.store_failed()
                log.error("snapshot not stored: %s", error)
            else:
                self._health.committed(perf_counter() - began)
                self.latest = tree

    async def break_down(self) -> None:
        """State the results by group and keep them, unless nothing of them has changed."""
        async with self._books:
            latest = self.latest
            heard = [name for name in self._ledger.venues if self._states[name].as_of is not None]
            if not self._sound or latest is None or not heard:
                return
            try:
                stated = await self._in_database(breakdown, self._ledger, self._now(), latest)
                if stated != self.breakdown:
                    await self._in_database(self.store.breakdowns.keep, stated, latest)
            except StoreError as error:
                self._health.store_failed()
                log.error("results by group not stored: %s", error)
            else:
                self.breakdown = stated

    async def maintain(self) -> None:
        """Roll up, delete and thin out what is past its time."""
        now = self._clock()
        async with self._books:
            self._ledger.forget_settled(now)
        try:
            while await self._in_database(self.store.snapshots.roll_up, now, self._retention.raw):
                pass
            await self._in_database(self.store.records.prune, now)
            # Last, for it is the one that needs every row to be whole.
            while await self._in_database(self.store.thinning.advance, now, self._retention):
                pass
        except StoreError as error:
            self._health.store_failed()
            log.error("retention failed: %s", error)
        gc_pauses.keep()  # what was booked since the last time, or a new ledger

    async def stop(self) -> None:
        """Finish the commit under way, then close the sources and the store."""
        await self._soon.aclose()
        async with self._books:
            for source in self.sources:
                await source.aclose()
            await self._in_database(self.store.close)
        self._database.shutdown()

    async def _book(self, source: Source, reading: Reading, window: Window) -> None:
        now = self._clock()
        try:
            changes = await self._in_database(self._keep, reading, now)
        except StoreError as error:
            self._health.store_failed()
            self._note_error(source.name, "store", str(error), now)
            log.error("source=%s not stored: %s", source.name, error)
            return
        if self._meanwhile is not None:
            self._meanwhile += changes
        try:
            if not self._sound:
                await self._rebuild()
            else:
                await self._apply(changes)
            self._ledger.observe(reading.observations)
            # Quotes that a live feed brought since the reading began are newer than its own.
            if marks := self._overtaking.get(source.name):
                self._ledger.quote(source.name, marks.values())
        except LedgerError as error:
            # The records are kept, but the ledger may have taken half of them: nothing is published
            # from it until it was rebuilt, with the next reading.
            self._sound = False
            self._health.failed(source.name, "ledger", None)
            self._note_error(source.name, "ledger", str(error), now)
            log.error("source=%s not booked: %s", source.name, error)
            return
        self._health.booked(source.name, changes)
        self._booked_until[source.name] = window.end
        self._states[source.name] = SourceState(
            as_of=reading.as_of, last_success=now, freshness=source.freshness
        )
        if changes:
            log.info("source=%s records=%d", source.name, len(changes))
        self.booked(reading)

    async def _failed(self, source: Source, error: SourceError, now: datetime) -> None:
        field = error.field if isinstance(error, SourceMalformed) else None
        self._health.failed(source.name, error.reason, field)
        self._note_error(source.name, error.reason, str(error), now)
        if isinstance(error, SourceUnavailable) and error.retry_after is not None:
            self._not_before[source.name] = now + timedelta(seconds=error.retry_after)
        log.warning("source=%s reason=%s %s", source.name, error.reason, error)
        try:
            await self._in_database(self._keep_refused, error, now)
        except StoreError as trouble:
            self._health.store_failed()
            log.error("source=%s refused answer not stored: %s", source.name, trouble)

    def _note_error(self, name: str, reason: str, sentence: str, now: datetime) -> None:
        known = self._states[name]
        since = known.since if known.error and known.since is not None else now
        self._states[name] = replace(known, error=reason, sentence=sentence, since=since)

    async def _apply(self, changes: Sequence[Change]) -> None:
        for name, scope in self._ledger.apply(changes):
            events: list[Record] = await self._in_database(self.store.records.of_scope, name, scope)
            self._ledger.restate(name, scope, events)

    async def _rebuild(self) -> None:
        self._ledger = await self._in_database(self._replay.whole, self.latest)
        self._sound = True

    async def _renew(self) -> None:
        """Make a new ledger of everything in the store, while the old one goes on being published."""
        async with self._books:
            upto = await self._in_database(self.store.records.newest_id)
            self._meanwhile = []
        try:
            ledger, place = self._replay.new_ledger(), None
            while True:
                place = await self._in_database(self._replay.some, ledger, place, upto)
                if place is None:
                    break
            async with self._books:
                await self._in_database(self._replay.catch_up, ledger, self._meanwhile, self.latest)
                self._ledger, self._sound = ledger, True
        finally:
            self._meanwhile = None

    def _keep(self, reading: Reading, now: datetime) -> list[Change]:
        return self.store.records.book(
            reading.source, reading.records, reading.answers, as_of=reading.as_of, recorded_at=now
        )

    def _keep_refused(self, error: SourceError, now: datetime) -> None:
        self.store.records.keep_refused(error.source, error.answers, recorded_at=now, sentence=str(error))

    def _load_openings(self, now: datetime) -> None:
        known, self._openings = self._openings, {}
        for source, needed in self._ledger.openings_needed(now).items():
            found = self._openings[source] = {}
            for window, start in needed.items():
                opening = known.get(source, {}).get(window)
                if opening is None or not opening.holds(start):
                    opening = self.store.snapshots.opening(start)
                if opening is not None:
                    found[window] = opening

    def _state(self, now: datetime) -> Tree:
        sequence = 0 if self.latest is None else int(self.latest["sequence"])
        return state(
            self._ledger,
            now=now,
            cursor=Cursor(self.store.snapshots.epoch, sequence + 1),
            sources={name: self._stated(name) for name in self._states},
            openings=self._openings,
            live={name: (status, self._live_since[name]) for name, status in self.live.items()},
            plan=self._plan,
            demo=self._demo,
        )

    def _stated(self, name: str) -> SourceState:
        past = self._past.get(name)
        return self._states[name] if past is None else replace(self._states[name], history=past.doubts)

    def _now(self) -> datetime:
        # The machine's clock may be set back; what is published never goes back in time.
        now = self._clock()
        return now if self.latest is None else max(now, unstamp(self.latest["as_of"]))

    async def _in_database(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, work, *arguments)


def _ignore(reading: Reading) -> None:
    """Nobody asked to be told."""
