"""Moves a table of a million rows to a new shape, in place, and can be stopped anywhere.

How:    a new table is filled beside the old one, in batches that commit; then each index is one commit; the
        caller's last transaction puts it in the place of the old one. Until then the database is what it
        was, for readers and for the program of before. Killed at any moment, the next run goes on behind
        the last row that is there: rows are only ever added, under rising ids.
Room:   both tables are there for a while, and the pages of the old one are free afterwards, not the disk's.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection
from tqdm import tqdm

from exporter.errors import StoreUnavailable

BATCH = 20_000
"""Rows in one commit: some ten megabytes of log, a fraction of a second that a kill can cost."""

OVERHEAD = 1.5
"""What a table and its indexes take on the disk for each byte in their columns: pages that are not full, and
the log, which holds an index whole until it is there."""

LINE_SECONDS = 5.0
"""Between two lines of a log, where there is no terminal for a bar."""

log = logging.getLogger("northstar")


@dataclass(frozen=True, slots=True)
class Move:
    """From which table to which; `select` yields the new rows of the old table, by `id`.

    `bytes_each` is SQL for the bytes that an old row takes in the new table and its indexes.
    """

    source: str
    target: str
    select: str
    bytes_each: str
    indexes: Sequence[str]

    def left(self, connection: Connection) -> tuple[int, int, int]:
        """Return the last id that was moved, and the rows and bytes that are left."""
        done = 0
        if connection.exec_driver_sql(
            "SELECT count(*) FROM sqlite_master WHERE name = ?", (self.target,)
        ).scalar_one():
            done = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {self.target}").scalar_one()
        rows, size = connection.exec_driver_sql(
            f"SELECT count(*), coalesce(sum({self.bytes_each}), 0) FROM {self.source} WHERE id > ?", (done,)
        ).one()
        return done, rows, size

    def find_room(self, connection: Connection) -> None:
        """Raise StoreUnavailable unless the disk has room for what is left to move."""
        path = connection.engine.url.database
        if not path:  # a database in memory
            return
        _, rows, size = self.left(connection)
        pages, page = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("freelist_count", "page_size")
        )
        needed = int(size * OVERHEAD) - pages * page
        free = shutil.disk_usage(Path(path).resolve().parent).free
        if needed > free:
            raise StoreUnavailable(
                f"Migrating {rows:,} records of the database {path} takes {needed / 1e6:,.1f} MB, and the "
                f"disk has {free / 1e6:,.1f} MB free: make room and start again; nothing was changed."
            )

    def run(self, connection: Connection) -> None:
        """Fill the new table, which is there, and index it. Commits as it goes, where there is anything."""
        done, rows, _ = self.left(connection)
        moved = connection.exec_driver_sql(f"SELECT count(*) FROM {self.target}").scalar_one()
        if not moved + rows:  # a new database appears whole, or not at all
            for index in self.indexes:
                connection.exec_driver_sql(index)
            return
        progress = _Progress(moved, moved + rows)
        commit(connection)
        while True:
            upto = connection.exec_driver_sql(
                f"SELECT max(id) FROM (SELECT id FROM {self.source} WHERE id > ? ORDER BY id LIMIT ?)",
                (done, BATCH),
            ).scalar_one()
            if upto is None:
                break
            count = connection.exec_driver_sql(
                f"INSERT INTO {self.target} {self.select} WHERE old.id > ? AND old.id <= ? ORDER BY old.id",
                (done, upto),
            ).rowcount
            commit(connection)
            done = upto
            progress.step(count)
        progress.index()
        for index in self.indexes:
            connection.exec_driver_sql(index)
            commit(connection)

    def replace(self, connection: Connection) -> None:
        """Put the new table in the place of the old one, in the caller's transaction."""
        counts = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in (self.source, self.target)
        ]
        if counts[0] != counts[1]:
            raise StoreUnavailable(
                f"Only {counts[1]:,} of {counts[0]:,} records could be migrated: nothing was changed."
            )
        connection.exec_driver_sql(f"DROP TABLE {self.source}")
        connection.exec_driver_sql(f"ALTER TABLE {self.target} RENAME TO {self.source}")


def commit(connection: Connection) -> None:
    """Make durable what was done so far, and go on in another transaction of the same connection."""
    connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class _Progress:
    """A bar on a terminal, else a line every few seconds."""

    def __init__(self, done: int, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._done, self._total, self._clock = done, total, clock
        self._said = clock()
        self._bar = (
            tqdm(desc="Migrating the database", total=total, initial=done, unit=" records", file=sys.stderr)
            if sys.stderr.isatty() and total
            else None
        )

    def step(self, count: int) -> None:
        """Count rows that are durable."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
        elif self._clock() - self._said >= LINE_SECONDS:
            self._said = self._clock()
            log.info("migrating the database: %s of %s records", f"{self._done:,}", f"{self._total:,}")

    def index(self) -> None:
        """Leave the bar full, and say what is being done now: as much again as the rows took."""
        if self._bar is not None:
            self._bar.close()
            print("Indexing ...", file=sys.stderr, flush=True)
        else:
            log.info("migrating the database: indexing")
