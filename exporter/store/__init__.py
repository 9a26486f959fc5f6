"""What is kept: raw answers and the records read from them, and every snapshot ever published."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from sqlalchemy import Engine

from exporter.errors import StoreUnavailable
from exporter.store.asides import AsideStore, Entry
from exporter.store.breakdowns import Breakdown, BreakdownStore
from exporter.store.database import open_reader, open_writer, outdated
from exporter.store.evidence import Evidence, RawSource, Revision
from exporter.store.histories import Found, HistoryStore, ListProgress, Past
from exporter.store.records import Place, RecordStore
from exporter.store.snapshots import Committed, Point, SnapshotStore
from exporter.store.thinning import Retention, Thinning

__all__ = [
    "AsideStore",
    "Breakdown",
    "BreakdownStore",
    "Committed",
    "Entry",
    "Evidence",
    "Found",
    "HistoryStore",
    "ListProgress",
    "Past",
    "Place",
    "Point",
    "RawSource",
    "RecordStore",
    "Retention",
    "Revision",
    "SnapshotStore",
    "Store",
    "Thinning",
    "outdated",
]


class Store:
    """An open database and what it keeps. Close it, or use it as a context."""

    def __init__(self, engine: Engine, lock: TextIO | None) -> None:
        self.engine = engine
        self._lock = lock
        self._driver: Any = None
        self.asides = AsideStore(engine)
        self.records = RecordStore(engine, self.asides)
        self.histories = HistoryStore(engine, self.records, self.asides)
        self.snapshots = SnapshotStore(engine)
        self.breakdowns = BreakdownStore(engine)
        self.thinning = Thinning(engine, self.snapshots)
        self.evidence = Evidence(engine)

    @classmethod
    def write(cls, path: Path) -> Self:
        """Open as the one writer, migrated. Raises StoreBusy, SchemaTooNew or StoreUnavailable."""
        engine, lock = open_writer(path)
        return cls(engine, lock)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open for reading. Raises StoreUnavailable or SchemaTooNew."""
        return cls(open_reader(path), None)

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

    def close(self) -> None:
        """Close the connection and give the writer's lock back."""
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
