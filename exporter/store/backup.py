"""Online backup: one whole, verified copy of a database that goes on being written.

How:      SQLite's backup interface, from within one read transaction. Without it each commit of the
          exporter would make the copying begin again, for ever; with it the copy is of one moment, and
          no commit waits. The log grows meanwhile by what is committed, and shrinks after it.
Pace:     a step, then the disk gets it, then a breath. Copied as fast as it goes, a commit beside it can
          take a quarter of a second; at this pace it takes some milliseconds more than alone. `VACUUM
          INTO` knows no pace.
Verified: in that same transaction every row of every table is compared with the copy; then the copy
          is opened by itself, and SQLite's integrity check, the layout and the newest snapshot hold.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter.errors import BackupFailed
from exporter.store.copies import Copies, Stopped, never, refused, stop
from exporter.store.inspection import Contents, address, inspect, reading

STEP_PAGES = 256
"""A mebibyte: what the disk takes in some milliseconds, so that a commit beside it waits no longer."""

BREATH_SECONDS = 0.005
"""Between two steps; about 40 MB a second where the disk could do 150."""

ROOM_BYTES = 2**26
"""What is left free beside the copy: the database is often on the same disk, and must go on for hours."""


@dataclass(frozen=True, slots=True)
class Made:
    """A verified copy under its name."""

    path: Path
    size: int
    contents: Contents


def back_up(database: Path, copies: Copies, now: datetime, stopped: Stopped = never) -> Made:
    """Make a verified copy and give it its name. Raises BackupFailed; nothing of it is left then."""
    if not database.exists():
        raise BackupFailed("unreadable", f"There is no database at {database}: check DB_PATH.")
    with copies.turn():
        partial = copies.partial(now)
        contents = duplicate(database, partial, stopped)
        try:
            final = copies.named(partial, stopped)
        except BackupFailed:
            partial.unlink(missing_ok=True)
            raise
    return Made(final, final.stat().st_size, contents)


def duplicate(database: Path, target: Path, stopped: Stopped = never) -> Contents:
    """Copy a database as it is at one moment, and prove that the copy is the same and whole.

    Raises BackupFailed, and leaves no file then.
    """
    try:
        handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise refused(target.parent, error) from error
    try:
        return _proved(database, target, handle, stopped)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _proved(database: Path, target: Path, handle: int, stopped: Stopped) -> Contents:
    try:
        with closing(reading(database, stopped)) as source:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # which is when it begins
            _copy(source, target, handle, stopped)
            _compare(source, target, stopped)
    except sqlite3.Error as error:
        if stopped():
            raise stop() from error
        raise BackupFailed("unreadable", f"The database {database} cannot be copied ({error}).") from error
    return inspect(target, stopped)


def _copy(source: sqlite3.Connection, target: Path, handle: int, stopped: Stopped) -> None:
    def stepped(_status: int, _left: int, _all: int) -> None:
        if stopped():
            raise stop()
        os.fdatasync(handle)
        time.sleep(BREATH_SECONDS)

    try:
        _find_room(source, target)
        with closing(sqlite3.connect(target, isolation_level=None)) as written:
            # A copy that breaks off is thrown away, and one that does not is synced below.
            written.execute("PRAGMA journal_mode=OFF")
            written.execute("PRAGMA synchronous=OFF")
            source.backup(written, pages=STEP_PAGES, progress=stepped)
            # One file that can be opened where nothing may be written; who restores it turns WAL on again.
            written.execute("PRAGMA journal_mode=DELETE")
        os.fsync(handle)
        # So that what is verified is what the disk has, and nobody else's pages had to go for it.
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        raise refused(target.parent, error) from error
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise refused(target.parent, OSError(errno.ENOSPC, "")) from error
        raise


def _find_room(source: sqlite3.Connection, target: Path) -> None:
    pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    free = shutil.disk_usage(target.parent).free
    if pages * size + ROOM_BYTES > free:
        raise BackupFailed(
            "no_room",
            f"A copy of {pages * size / 1e6:,.1f} MB does not fit into {target.parent}, where "
            f"{free / 1e6:,.1f} MB are free and {ROOM_BYTES / 1e6:,.0f} MB must stay so: make room, or keep "
            "fewer copies.",
        )


def _compare(source: sqlite3.Connection, target: Path, stopped: Stopped) -> None:
    """Raise BackupFailed unless the copy holds the same tables with the same rows."""
    try:
        source.execute("ATTACH ? AS copied", (address(target),))
        tables = source.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        for table in ("sqlite_master", *(name for (name,) in tables)):
            columns = [row[1] for row in source.execute(f'PRAGMA main.table_info("{table}")')]
            ours, theirs = (", ".join(f'{side}."{name}"' for name in columns) for side in ("a", "b"))
            count, different = source.execute(
                f"SELECT count(*), coalesce(sum(({ours}) IS NOT ({theirs})), 0) "
                f'FROM main."{table}" AS a LEFT JOIN copied."{table}" AS b ON a.rowid = b.rowid'
            ).fetchone()
            (copied,) = source.execute(f'SELECT count(*) FROM copied."{table}"').fetchone()
            if different or copied != count:
                raise BackupFailed(
                    "not_verified",
                    f"The copy is not what it was made from: of {count} rows of {table} {different} differ, "
                    f"and it has {copied}.",
                )
    except sqlite3.Error as error:
        if stopped():
            raise stop() from error
        raise BackupFailed("not_verified", f"The copy cannot be read back ({error}).") from error
