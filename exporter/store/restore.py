"""Put a copy in the place of the database, so that nobody mistakes it for the one that was there.

Epoch:  what was published after the copy was made has been numbered, and these numbers will come again
        with other figures. So the restored database begins another numbering: its newest snapshot is
        published once more, the same but for the new epoch, and every cursor of before starts over.
Place:  the database that was there is set aside under a dated name, its log with it. In the moment
        between there is none, and a reader says so; a log must never lie beside a file that it is not
        of. Broken off there, no exporter starts before the restore was run again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.errors import BackupFailed, StoreDamaged, StoreUnavailable
from exporter.snapshot import Cursor
from exporter.store.backup import duplicate
from exporter.store.copies import TIME, sync
from exporter.store.database import restoring, take_lock, writable
from exporter.store.epochs import begin_epoch
from exporter.store.inspection import inspect

MODE = 0o600
"""Of a database where none was before; else the file keeps the mode and the owner of the last one."""

BESIDE = ("", "-wal")
"""What is set aside. A `-shm` is made anew by whoever opens the file, and must not meet another one."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: the copy's own cursor, the new one, and where the database that was there is now."""

    copied: Cursor
    cursor: Cursor
    aside: Path | None


def restore(file: Path, database: Path, now: datetime) -> Restored:
    """Put a verified copy in the place of the database.

    Raises BackupFailed, SchemaTooNew, StoreBusy (an exporter runs) or StoreUnavailable; the database is
    what it was then.
    """
    if not file.exists():
        raise BackupFailed("unreadable", f"There is no file {file}.")
    if database.exists() and file.samefile(database):
        raise BackupFailed("unreadable", f"{file} is the database itself: name a copy.")
    inspect(file)
    ready = restoring(database)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(take_lock(database)):
            _clear(ready)
            contents = duplicate(file, ready)
            cursor = _renumber(ready)
            _adopt_owner(ready, database)
            aside = _set_aside(database, now)
            ready.rename(database)
            sync(database.parent)
    except OSError as error:
        raise StoreUnavailable(
            f"The database {database} cannot be replaced ({error.strerror}): check who owns its folder."
        ) from error
    return Restored(contents.cursor, cursor, aside)


def _clear(ready: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{ready}{end}").unlink(missing_ok=True)


def _renumber(path: Path) -> Cursor:
    """Bring a copy to the newest layout, and begin another numbering in it."""
    with ExitStack() as opened:
        engine = writable(path)
        opened.callback(engine.dispose)
        try:
            cursor = begin_epoch(engine)
        except StoreDamaged as error:
            raise BackupFailed("not_verified", str(error)) from error
    try:
        # All of it in the one file that is renamed: a log left behind would hold the new epoch.
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"The copy {path} cannot be made ready ({error}).") from error
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return cursor


def _adopt_owner(ready: Path, database: Path) -> None:
    """Let whoever ran the exporter run it again, also when somebody else restores."""
    with suppress(FileNotFoundError):
        before = database.stat()
        ready.chmod(before.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(ready, before.st_uid, before.st_gid)


def _set_aside(database: Path, now: datetime) -> Path | None:
    aside = database.with_name(f"{database.name}.replaced-{now.astimezone(UTC):{TIME}}")
    was_there = database.exists()
    # The file first: a database without its log would open, and lack its last commits.
    for end in BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{database}{end}").rename(f"{aside}{end}")
    Path(f"{database}-shm").unlink(missing_ok=True)
    return aside if was_there else None
