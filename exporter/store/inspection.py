"""Is a file a database of ours, and is it whole? Nothing in it is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from exporter.errors import BackupFailed, SchemaTooNew, StoreDamaged
from exporter.snapshot import Cursor
from exporter.store import schema
from exporter.store.copies import Stopped, digest, never, stated_digest, stop
from exporter.store.database import open_reader
from exporter.store.snapshots import SnapshotStore

LOOK_EVERY = 1_000_000
"""Instructions of SQLite between two looks at whether to stop: some tens of milliseconds."""

FINDINGS = 3
"""Of what the integrity check finds so much is said; a damaged file can have a finding per page."""


UNREADABLE = (SQLAlchemyError, StoreDamaged, ValueError, KeyError, TypeError)
"""What rows that are not what was written can answer."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds: its layout, the cursor of its newest snapshot (0: none yet), and how much."""

    layout: str
    cursor: Cursor
    records: int
    snapshots: int


def inspect(path: Path, stopped: Stopped = never) -> Contents:
    """Return what a database holds after proving it whole.

    Raises SchemaTooNew, or BackupFailed with what is wrong: another checksum than its name states, a
    finding of SQLite's own check, no layout of ours, or a newest snapshot that cannot be read.
    """
    try:
        if (stated := stated_digest(path)) is not None and digest(path, stopped) != stated:
            raise _damaged(path, "its checksum is not the one in its name")
        with closing(reading(path, stopped)) as connection:
            found = connection.execute(f"PRAGMA integrity_check({FINDINGS})").fetchall()
            if found != [("ok",)]:
                raise _damaged(path, " ".join("; ".join(line for (line,) in found).split()))
            contents = _contents(connection, path)
    except OSError as error:
        raise BackupFailed("unreadable", f"{path} cannot be read ({error.strerror}).") from error
    except sqlite3.Error as error:
        if stopped():
            raise stop() from error
        raise _damaged(path, str(error)) from error
    if contents.layout == schema.HEAD:  # an older one is read when it has been brought to this one
        _read_newest(path, contents.cursor)
    return contents


def reading(path: Path, stopped: Stopped = never) -> sqlite3.Connection:
    """Return a connection that cannot write, and whose statements end soon after `stopped` says so."""
    connection = sqlite3.connect(address(path), uri=True, isolation_level=None)
    connection.set_progress_handler(stopped, LOOK_EVERY)
    return connection


def address(path: Path) -> str:
    """Return how SQLite is told to open a file for reading only."""
    return f"{path.resolve().as_uri()}?mode=ro"


def _contents(connection: sqlite3.Connection, path: Path) -> Contents:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"alembic_version", "meta", "records", "snapshots"} <= tables:
        raise _damaged(path, "it is no database of NorthStar P&L")

    def one(query: str) -> Any:
        (found,) = connection.execute(query).fetchone()
        return found

    layout = one("SELECT max(version_num) FROM alembic_version")
    if layout > schema.HEAD:
        raise SchemaTooNew(
            f"{path} has layout {layout}, which is newer than this version's {schema.HEAD}: "
            "upgrade northstar-pnl, or take an older copy."
        )
    return Contents(
        layout,
        Cursor(
            one("SELECT value FROM meta WHERE key = 'epoch'"),
            one("SELECT coalesce(max(sequence), 0) FROM snapshots"),
        ),
        records=one("SELECT count(*) FROM records"),
        snapshots=one("SELECT count(*) FROM snapshots"),
    )


def _read_newest(path: Path, cursor: Cursor) -> None:
    engine = open_reader(path)
    try:
        newest = SnapshotStore(engine).latest()
    except UNREADABLE as error:
        raise _damaged(path, f"its newest snapshot cannot be read: {error}") from error
    finally:
        engine.dispose()
    stated = None if newest is None else (newest.get("epoch"), newest.get("sequence"))
    if stated != ((cursor.epoch, cursor.sequence) if cursor.sequence else None):
        raise _damaged(path, f"its newest snapshot, {cursor}, cannot be read whole")


def _damaged(path: Path, what: str) -> BackupFailed:
    return BackupFailed("not_verified", f"{path} cannot be used: {what}.")
