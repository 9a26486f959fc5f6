"""Custody of the files: whether the database is still the one we write, and what to do when it is not.

SQLite goes on writing to a file that was deleted or renamed, and says that all is well: what it commits then
is gone with the process. So before each commit the writer compares what lies at the path with what it opened.
What was taken away is written back from the open connection, which still has all of it; where something else
lies there now, ours is set beside it, because nobody but the owner knows which of the two is meant.

A second file beside the database says which snapshot was shown last. A database that is behind it, because a
copy was put in its place or its log was damaged, goes on under another epoch: numbers that were shown once
are never given to other figures.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from exporter.errors import StoreDisplaced
from exporter.snapshot import Cursor
from exporter.store.copies import TIME, sync

Identity = tuple[int, int]

LOGS = ("-wal", "-shm")
"""What SQLite keeps beside a database while somebody has it open."""


class Custody:
    """Watches the files of one open database. `connection` is the driver's own, which still has it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = self._found()
        self._displaced: StoreDisplaced | None = None

    def intact(self) -> bool:
        """Tell whether the files that lie there are those that were opened."""
        found = self._found()
        if found == self._files:
            return True
        # A log is made when the first of all readers and writers opens the file.
        born = {end for end, identity in found.items() if identity and self._files[end] is None}
        if all(found[end] == self._files[end] or end in born for end in found) and "" not in born:
            self._files = found
            return True
        return False

    def recover(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Write the database back from its open connection, and close that; the caller opens it anew.

        Raises StoreDisplaced when another file lies in its place: ours is then beside it, once.
        """
        if self._displaced is not None:
            raise self._displaced
        ready = self.path.with_name(f"{self.path.name}.rescued")
        _written(connection, ready)
        if (found := self._found()[""]) is not None and found != self._files[""]:
            kept = self.path.with_name(f"{self.path.name}.displaced-{now.astimezone(UTC):{TIME}}")
            ready.rename(kept)
            self._displaced = StoreDisplaced(
                f"Another file was put in the place of the database {self.path} while it was in use. What "
                f"had been published is in {kept}: put it back and start again, or start again as it is, to "
                "go on with the other file."
            )
            raise self._displaced
        connection.close()
        for end in LOGS:
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        ready.replace(self.path)
        sync(self.path.parent)

    def reopened(self) -> None:
        """Take the files that lie there now for ours."""
        self._files = self._found()

    def _found(self) -> dict[str, Identity | None]:
        return {end: _identity(Path(f"{self.path}{end}")) for end in ("", *LOGS)}


class Shown:
    """The newest snapshot that anybody may have seen, in a file of its own.

    It is not synchronised with each commit: it outlives the process, and whatever takes the machine's power
    away takes both or is found by SQLite.
    """

    def __init__(self, database: Path) -> None:
        self._path = Path(f"{database}.shown")
        self._file: int | None = None

    def last(self) -> Cursor | None:
        """Return the snapshot that was shown last, None where nothing says so."""
        with suppress(OSError, UnicodeDecodeError):
            return Cursor.parse(self._path.read_text().strip())
        return None

    def note(self, cursor: Cursor) -> None:
        """Note that a snapshot is about to be seen. What cannot be noted is no reason not to show it."""
        with suppress(OSError):
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            # As wide as any before it, so that nothing of an older one is left behind.
            os.pwrite(self._file, f"{cursor!s:<48}\n".encode(), 0)

    def close(self) -> None:
        """Close the file; it stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _written(connection: sqlite3.Connection, ready: Path) -> None:
    """Write all that a connection sees into a file of its own."""
    for end in ("", *LOGS):
        Path(f"{ready}{end}").unlink(missing_ok=True)
    with closing(sqlite3.connect(ready, isolation_level=None)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    with ready.open("rb") as file:
        os.fsync(file.fileno())


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
