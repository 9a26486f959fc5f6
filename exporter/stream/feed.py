"""The change feed: what is new after a cursor? Knows only the store; transports and pages ask it.

One task watches the database. A reader keeps one `Place` and asks for what follows it: no queue
per reader, so a thousand slow ones cost no more than a thousand integers, and a reader that fell
behind is handed the newest state instead of everything it missed.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from exporter.errors import StoreError, StoreUnavailable
from exporter.records import Restatement
from exporter.snapshot import Cursor, JsonObject, apply, decode, encode
from exporter.store import Breakdown, Committed, OpenAside, Point, SnapshotStore, Store
from exporter.stream.events import NOWHERE, Event, Kind, News, Place, Reason, Ring
from exporter.times import stamp

POLL_SECONDS = 0.005
"""How often the database is asked whether anything was committed. A commit must be noticed within
10 ms; half of that leaves room for a busy loop, and costs about 1 % of one core while idle."""

LOOK_SECONDS = 0.25
"""How often the path is looked at: for a database that is not there yet, or was replaced."""

READ_ROWS = 200
"""Deltas taken in at one go, about 10 ms of work, so that a long catch-up lets others run between."""

CATCH_UP_EVENTS = 1_000
"""Deltas replayed from the store to one reader; one that missed more gets a snapshot, which is
smaller than a thousand deltas and quicker to apply."""

CONFLATE_AFTER = 64
"""Deltas a connected reader may lag before it gets the newest state instead. It is reached only by
one whose connection accepted nothing for 64 commits; what is unsent is its socket's buffer."""

UNREADABLE = (StoreError, SQLAlchemyError, OSError, ValueError, KeyError, zlib.error)
"""What a database can answer while it is missing, moved, half copied or damaged."""

Result = TypeVar("Result")


class _Contradiction(StoreError):
    """What the database says does not follow what it said before."""


class Feed:
    """The newest snapshot, the deltas that led to it, and a wake-up for whoever waits for the next.

    Run `run()` as one task. Everything but `resume`, `history` and `wait` answers at once, from memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        poll_seconds: float = POLL_SECONDS,
        conflate_after: int = CONFLATE_AFTER,
        catch_up_events: int = CATCH_UP_EVENTS,
        ring: Ring | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.epoch = ""
        self.sequence = 0
        self.as_of = ""
        self.stepped = timedelta(0)
        """By how much the wall clock was set since the newest snapshot was noticed: that made it no older."""
        self.trouble: str | None = f"The database {path} has not been opened yet."
        """A sentence while the database cannot be read; the last snapshot stays meanwhile."""
        self.looked: float | None = None
        """When the database was last asked and answered, in monotonic seconds."""
        self.closed = False
        self.on_news: Callable[[], None] = lambda: None
        """Called after each commit, and when the feed closes."""
        self._poll_seconds = poll_seconds
        self._conflate_after = conflate_after
        self._catch_up_events = catch_up_events
        self._monotonic = monotonic
        self._ring = ring if ring is not None else Ring()
        self._generation = 0
        self._tree: JsonObject | None = None
        self._noticed: float | None = None
        self._current: Event | None = None
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._store: Store | None = None
        self._archive: Store | None = None
        self._archive_turn = asyncio.Lock()
        self._identity: tuple[int, int] | None = None
        self._version: int | None = None
        self._look_at = 0.0

    # What readers ask.

    def current(self) -> Event | None:
        """Return the newest snapshot, encoded once for everybody; None before the first."""
        if self._current is None and self._tree is not None:
            cursor = Cursor(self.epoch, self.sequence)
            self._current = Event("snapshot", cursor, self.as_of, encode(self._tree), self._noticed)
        return self._current

    @property
    def tree(self) -> JsonObject | None:
        """The newest snapshot as it is stored, not to be changed; None before the first."""
        return self._tree

    @property
    def limits(self) -> Mapping[str, str]:
        """The limits that the exporter goes by, as the newest snapshot states them; none before the first."""
        limits = (self._tree or {}).get("limits")
        stated = limits.items() if isinstance(limits, dict) else ()
        return {name: limit for name, limit in stated if isinstance(limit, str)}

    def after(self, place: Place | None, limit: int | None = None) -> News:
        """Return what follows `place`; the whole snapshot for None, nothing when there is nothing new.

        Another database since, or more than `conflate_after` deltas to go: the reader starts over.
        """
        if self._tree is None:
            return News((), place)
        if place is None:
            return self._start_over(None)
        if place.generation != self._generation:
            return self._start_over("other_epoch")
        missed = self.sequence - place.sequence
        if missed <= 0:
            return News((), place)
        deltas = self._ring.last(missed) if missed <= self._conflate_after else None
        if deltas is None:
            return self._start_over("behind")
        return _reaching(deltas[:limit], place)

    async def resume(self, cursor: str | None, limit: int | None = None) -> News:
        """Return what a reader with this cursor text missed; at most `limit` deltas.

        From the ring, else from the store. A cursor that does not lead here without a hole is
        answered with the whole snapshot and the reason: never with "you are up to date".
        """
        if not cursor or self._tree is None:
            return self.after(None)
        at = Cursor.parse(cursor)
        if at is None:
            return self._start_over("unknown_cursor")
        if at.epoch != self.epoch:
            return self._start_over("other_epoch")
        if at.sequence > self.sequence:
            # Another replica may have noticed a commit some milliseconds before this one.
            self._look()
        if at.epoch != self.epoch:
            return self._start_over("other_epoch")
        missed = self.sequence - at.sequence
        if missed < 0:
            return self._start_over("unknown_cursor")
        generation = self._generation
        deltas = self._ring.last(missed)
        if deltas is None:
            if missed > self._catch_up_events:
                return self._start_over("behind")
            deltas = await self._replay(at.sequence, missed)
            if generation != self._generation:
                return self._start_over("other_epoch")
            if deltas is None:
                return self._start_over("pruned")
        return _reaching(deltas[:limit], Place(generation, at.sequence))

    async def wait(self, place: Place | None, seconds: float | None = None) -> None:
        """Return when something follows `place`, the feed closes, or `seconds` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.closed and not self._is_news(place):
                    await self._news.wait()

    async def history(self, start: datetime, end: datetime, points: int) -> list[Point]:
        """Return the figures of [start, end), one snapshot per step. Raises StoreUnavailable."""
        return await self.ask(lambda store: store.snapshots.history(start, end, points))

    async def breakdown(self) -> Breakdown | None:
        """Return the newest results by group, None before the first. Raises StoreUnavailable."""
        return await self.ask(lambda store: store.breakdowns.latest())

    async def aside(self, limit: int) -> list[OpenAside]:
        """Return the newest rows that are set aside. Raises StoreUnavailable."""
        return await self.ask(lambda store: store.asides.entries(limit))

    async def restatements(self, limit: int, before: int | None, source: str | None) -> list[Restatement]:
        """Return what sources have said otherwise, the newest first. Raises StoreUnavailable."""
        return await self.ask(lambda store: store.restatements.entries(limit, before, source))

    def close(self) -> None:
        """Let every waiter go; streams end, and long polls answer with what there is."""
        self.closed = True
        self._ended.set()
        self._wake()

    # The one task that watches the database.

    async def run(self) -> None:
        """Follow the database until `close`: also one that is not there yet, or is replaced."""
        try:
            while not self.closed:
                await self._open()
                if self._store is not None and not self.closed:
                    await self._followed()
                if not self.closed:
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._drop()
            if self._archive is not None:
                async with self._archive_turn:
                    self._archive.close()
                    self._archive = None

    async def _followed(self) -> None:
        """Look at the database again and again; return when it is lost, or the feed closes."""
        loop = asyncio.get_running_loop()
        ended = self._ended = asyncio.Event()

        def look() -> None:
            if not ended.is_set():
                self._look()
                loop.call_later(self._poll_seconds, look)

        # A timer of the loop, not a task that sleeps: half the cost of a wake-up, 200 times a second.
        look()
        await ended.wait()

    def _look(self) -> None:
        """Take in what was committed since the last look; any trouble becomes `self.trouble`."""
        if self._store is None:
            return
        try:
            # Asked before the rows are read: a commit in between changes it again.
            version = self._store.data_version()
            if version != self._version:
                self._version = version
                self._read(self._store)
            self.looked = self._monotonic()
            if self.looked >= self._look_at:
                self._look_at = self.looked + LOOK_SECONDS
                self._check_path()
        except _Contradiction as error:
            self._identity = None  # what is in memory must not be continued
            self._lose(str(error))
        except UNREADABLE as error:
            self._lose(_sentence(error, self.path))

    def _read(self, store: Store) -> None:
        if SnapshotStore(store.engine).epoch != self.epoch:
            # A backup was copied into the open database, which leaves the file what it was.
            raise _Contradiction(f"The database {self.path} has another epoch now: it is read again.")
        rows = store.snapshots.after(self.sequence, READ_ROWS)
        if not rows:
            if store.snapshots.last_sequence() < self.sequence:
                raise _Contradiction(f"The database {self.path} went back in time: it is read again.")
            return
        if rows[0].sequence != self.sequence + 1:
            # Retention passed us by, which takes a long sleep of this process. Start from the newest.
            self._adopt(store, store.snapshots.latest())
        for row in rows:
            self._take(row)
        if len(rows) == READ_ROWS:
            self._version = None
        self._wake()

    def _take(self, row: Committed) -> None:
        if row.sequence <= self.sequence:
            return
        tree = apply(self._tree or {}, decode(row.patch))
        if tree.get("epoch") != self.epoch or tree.get("sequence") != row.sequence:
            raise _Contradiction(f"The deltas in {self.path} do not fit the snapshot: it is read again.")
        self._tree = tree
        self.sequence = row.sequence
        self.as_of, self.stepped = stamp(row.as_of), timedelta(0)
        self._noticed = self._monotonic()
        self._current = None
        cursor = Cursor(self.epoch, row.sequence)
        self._ring.append(Event("delta", cursor, self.as_of, row.patch, self._noticed))

    async def _open(self) -> None:
        try:
            identity = _identity(self.path)
            store, archive, newest, recent = await asyncio.to_thread(_open_both, self.path, self._ring.most)
        except UNREADABLE as error:
            self.trouble = _sentence(error, self.path)
            return
        async with self._archive_turn:
            if self._archive is not None:
                self._archive.close()
            self._archive = archive
        continues = (
            identity == self._identity
            and store.snapshots.epoch == self.epoch
            and _place(newest)[0] >= self.sequence
        )
        self._store, self._identity, self._version = store, identity, None
        if not continues:
            self._adopt(store, newest)
            self._recall(recent)
        self.trouble = None
        self._look()
        self._wake()

    def _adopt(self, store: Store, newest: JsonObject | None) -> None:
        """Start a new generation at `newest`: every reader is sent the whole of it."""
        self._generation += 1
        self._ring.clear()
        self._current = None
        self._tree = newest
        self.epoch = store.snapshots.epoch
        self.sequence, self.as_of = _place(newest)
        self.stepped = timedelta(0)
        self._noticed = self._monotonic()

    def _recall(self, recent: list[Committed]) -> None:
        """Keep the deltas that led here: after a restart all clients come back with a cursor among them,
        and each would be a question to the store, one after the other."""
        rows = [row for row in recent if row.sequence <= self.sequence]
        if rows and rows[-1].sequence == self.sequence:
            for row in rows:
                cursor = Cursor(self.epoch, row.sequence)
                self._ring.append(Event("delta", cursor, stamp(row.as_of), row.patch))

    def _check_path(self) -> None:
        try:
            found = _identity(self.path)
        except OSError:
            self.trouble = f"The database {self.path} is gone: the last snapshot is shown until it is back."
            return
        if found != self._identity:
            self._lose(f"The database {self.path} was replaced: it is opened again.")
        else:
            self.trouble = None

    def _lose(self, sentence: str) -> None:
        self.trouble = sentence
        self._drop()

    def _drop(self) -> None:
        self._ended.set()
        if self._store is not None:
            with suppress(SQLAlchemyError):
                self._store.close()
            self._store = None

    def _is_news(self, place: Place | None) -> bool:
        if self._tree is None:
            return False
        return place is None or place.generation != self._generation or place.sequence < self.sequence

    def _wake(self) -> None:
        # A fresh Event for those who wait next: nobody can miss a commit between set and clear.
        woken, self._news = self._news, asyncio.Event()
        woken.set()
        self.on_news()

    def _start_over(self, reason: Reason | None) -> News:
        current = self.current()
        if current is None:
            return News((), None)
        place = Place(self._generation, self.sequence)
        return News((current,) if reason is None else (RESYNCS[reason], current), place, reason)

    async def _replay(self, sequence: int, count: int) -> tuple[Event, ...] | None:
        """Return the stored deltas after `sequence` up to the current one; None when there is a hole."""
        epoch = self.epoch
        try:
            rows = await self.ask(lambda store: store.snapshots.after(sequence, count))
        except StoreUnavailable:
            return None
        if [row.sequence for row in rows] != list(range(sequence + 1, sequence + count + 1)):
            return None
        return tuple(Event("delta", Cursor(epoch, row.sequence), stamp(row.as_of), row.patch) for row in rows)

    async def ask(self, question: Callable[[Store], Result]) -> Result:
        """Ask the second connection in a thread, one question at a time: the first one belongs to
        the watching task, and a long answer must not hold up the loop."""
        async with self._archive_turn:
            archive = self._archive
            if archive is None:
                raise StoreUnavailable(self.trouble or f"The database {self.path} is not open.")
            try:
                return await asyncio.to_thread(question, archive)
            except SQLAlchemyError as error:
                raise StoreUnavailable(_sentence(error, self.path)) from error


def _reaching(deltas: tuple[Event, ...], place: Place) -> News:
    reached = deltas[-1].cursor.sequence if deltas else place.sequence
    return News(deltas, Place(place.generation, reached))


def _resync(reason: Reason) -> Event:
    kind: Kind = "resync"
    return Event(kind, NOWHERE, "", json.dumps({"reason": reason}, separators=(",", ":")).encode())


RESYNCS: dict[Reason, Event] = {
    "unknown_cursor": _resync("unknown_cursor"),
    "pruned": _resync("pruned"),
    "other_epoch": _resync("other_epoch"),
    "behind": _resync("behind"),
}
"""Sent before the snapshot when a reader starts over."""


def _open_both(path: Path, most: int) -> tuple[Store, Store, JsonObject | None, list[Committed]]:
    """Open both connections; return them with the newest snapshot and `most` deltas that led to it."""
    store = Store.read(path)
    try:
        archive = Store.read(path)
    except BaseException:
        store.close()
        raise
    newest = store.snapshots.latest()
    recent = store.snapshots.after(max(0, _place(newest)[0] - most), most)
    return store, archive, newest, recent


def _place(stored: JsonObject | None) -> tuple[int, str]:
    """Return number and time of a snapshot; 0 before the first. Raises ValueError for one that has none."""
    if stored is None:
        return 0, ""
    sequence, as_of = stored.get("sequence"), stored.get("as_of")
    if not isinstance(sequence, int) or not isinstance(as_of, str):
        raise ValueError("a snapshot without number and time")
    return sequence, as_of


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _sentence(error: Exception, path: Path) -> str:
    """Return one sentence for the person who runs the stack."""
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return f"There is no database at {path} yet: start the exporter, or check DB_PATH."
    cause = getattr(error, "orig", None) or type(error).__name__
    return f"The database {path} cannot be read ({cause}): it is tried again."
