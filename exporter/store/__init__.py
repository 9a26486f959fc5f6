"""What is kept: raw answers and the records read from them, and every snapshot ever published."""

from __future__ import annotations

import logging
import sqlite3
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from sqlalchemy import Engine

from exporter.errors import StoreUnavailable
from exporter.snapshot import Cursor, Snapshot
from exporter.store.asides import AsideStore, OpenAside
from exporter.store.breakdowns import Breakdown, BreakdownStore
from exporter.store.custody import Custody, Shown
from exporter.store.database import open_reader, open_writer, outdated
from exporter.store.daybook import DaybookStore
from exporter.store.epochs import go_on_from
from exporter.store.evidence import Evidence, RawSource, Revision
from exporter.store.histories import Found, HistoryStore, ListProgress, Past
from exporter.store.midnights import MidnightStore
from exporter.store.records import Booked, PageEnd, RecordStore
from exporter.store.restatements import RestatementStore
from exporter.store.scrub import Scrubbed, Sealing, scrub
from exporter.store.snapshots import Committed, Point, SnapshotStore
from exporter.store.thinning import Retention, Thinning

__all__ = [
    "AsideStore",
    "Booked",
    "Breakdown",
    "BreakdownStore",
    "Committed",
    "DaybookStore",
    "Evidence",
    "Found",
    "HistoryStore",
    "ListProgress",
    "MidnightStore",
    "OpenAside",
    "PageEnd",
    "Past",
    "Point",
    "RawSource",
    "RecordStore",
    "RestatementStore",
    "Retention",
    "Revision",
    "Scrubbed",
    "SnapshotStore",
    "Store",
    "Thinning",
    "outdated",
    "scrub",
]

log = logging.getLogger("northstar")


class Store:
    """An open database and what it keeps. Close it, or use it as a context."""

    def __init__(self, engine: Engine, lock: TextIO | None, path: Path) -> None:
        self.engine, self.path = engine, path
        self._lock = lock
        self._driver: Any = None
        self.asides = AsideStore(engine)
        self.restatements = RestatementStore(engine)
        self.records = RecordStore(engine, self.asides, self.restatements)
        self.histories = HistoryStore(engine, self.records, self.asides)
        self.snapshots = SnapshotStore(engine)
        self.breakdowns = BreakdownStore(engine)
        self.daybook = DaybookStore(engine)
        self.midnights = MidnightStore(engine, self.snapshots)
        self.thinning = Thinning(engine, self.snapshots)
        self.evidence = Evidence(engine)
        self.sealing = Sealing(engine)
        self._custody: Custody | None = None
        self._shown: Shown | None = None

    @classmethod
    def write(cls, path: Path) -> Self:
        """Open as the one writer, migrated. Raises StoreBusy, SchemaTooNew or StoreUnavailable."""
        engine, lock = open_writer(path)
        shown = Shown(path)
        try:
            go_on_from(engine, shown.last())
            store = cls(engine, lock, path)
        except BaseException:
            engine.dispose()
            lock.close()
            raise
        store._custody, store._shown = Custody(path), shown
        return store

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open for reading. Raises StoreUnavailable or SchemaTooNew."""
        return cls(open_reader(path), None, path)

    @classmethod
    def pinned(cls, path: Path) -> Self:
        """Open for reading as it is now: what is committed meanwhile is not seen. For one answer, whose parts
        must be of one state. Raises as `read` does."""
        return cls(open_reader(path, pinned=True), None, path)

    def commit(self, snapshot: Snapshot, now: datetime) -> None:
        """Keep a snapshot in one durable commit, in the file that lies at the path, before it is shown.

        Raises SequenceGap, StoreUnavailable or StoreDisplaced; then nothing was kept.
        """
        if self._custody is not None and not self._custody.intact():
            self._recover(self._custody, now)
        self.snapshots.append(snapshot)
        if self._shown is not None:
            self._shown.note(Cursor(snapshot.epoch, snapshot.sequence))

    def _recover(self, custody: Custody, now: datetime) -> None:
        connection: Any = self.engine.raw_connection().driver_connection
        try:
            custody.recover(connection, now)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(
                f"The database {custody.path} was taken away while it was in use, and cannot be written back "
                f"({error}): make room, or give its folder back."
            ) from error
        self.engine.dispose()
        self.snapshots.last_sequence()  # opens it
        custody.reopened()
        log.error("the database %s was taken away while it was in use: it was written back", custody.path)

    def data_version(self) -> int:
        """Return a number that changes when another process has committed; costs microseconds."""
        # Asked 200 times a second: past SQLAlchemy it costs 3 us instead of 60.
        try:
            if self._driver is None:
                self._driver = self.engine.raw_connection().driver_connection
            version: int = self._driver.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The database cannot be read ({error}).") from error
        return version

    def let_go(self) -> None:
        """Give the memory back that pages which were read once are still held in."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA shrink_memory")

    def close(self) -> None:
        """Close the connection and give the writer's lock back."""
        self.engine.dispose()
        if self._shown is not None:
            self._shown.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
