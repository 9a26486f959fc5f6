"""The folder of verified copies: what they are called, which there are, and how many stay.

A copy is called by the database, the time and the beginning of its SHA-256:
`northstar-20261122T120000Z-9f522097de1c03fb.sqlite3`. The name is given last, when the copy has been
verified, so a file that is called so was once good; the checksum tells whether it still is. Any other
file in the folder is somebody else's: it is not counted, and never deleted.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.errors import BackupFailed

TIME = "%Y%m%dT%H%M%SZ"
DIGEST_LENGTH = 16
"""64 bits of SHA-256: against a disk that forgets, not against somebody who wants to deceive."""

CHUNK = 2**20
"""Bytes hashed between two looks at whether to stop: some milliseconds."""

PARTIAL = ".partial"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

_LEFT = re.compile(r"(.+)-\d{8}T\d{6}Z\.partial")
_NAMED = re.compile(rf"(.+)-(\d{{8}}T\d{{6}}Z)-([0-9a-f]{{{DIGEST_LENGTH}}})\.sqlite3")

Stopped = Callable[[], bool]


def never() -> bool:
    """Go on to the end."""
    return False


@dataclass(frozen=True, slots=True)
class Copy:
    """One verified copy, as its name and the folder state it."""

    path: Path
    made: datetime
    size: int


class Copies:
    """The copies of one database in one folder. Raises BackupFailed for what the folder does."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder
        self._stem = database.stem

    def all(self, now: datetime) -> list[Copy]:
        """Return the copies, the newest first. One from the future, which a clock that was wrong made,
        does not count: it would be the newest for years."""
        try:
            with os.scandir(self.folder) as entries:
                found = [self._copy(entry) for entry in entries]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise refused(self.folder, error) from error
        counted = [copy for copy in found if copy is not None and copy.made <= now]
        return sorted(counted, key=lambda copy: copy.made, reverse=True)

    def prune(self, kept: int, now: datetime) -> None:
        """Delete all but the newest `kept`."""
        for copy in self.all(now)[kept:]:
            try:
                copy.path.unlink(missing_ok=True)
            except OSError as error:
                raise refused(self.folder, error) from error

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the folder, made where there is none, to oneself; what a killed run left is removed."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / f".{self._stem}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise refused(self.folder, error) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupFailed(
                    "busy", f"Another backup is being made in {self.folder}: wait until it is done."
                ) from error
            for left in self.folder.iterdir():
                if (shape := _LEFT.fullmatch(left.name)) is not None and shape[1] == self._stem:
                    left.unlink(missing_ok=True)
            yield
        finally:
            os.close(lock)

    def partial(self, now: datetime) -> Path:
        """Return where a copy is made, before it has its name."""
        return self.folder / f"{self._stem}-{now.astimezone(UTC):{TIME}}{PARTIAL}"

    def named(self, partial: Path, stopped: Stopped) -> Path:
        """Give a verified copy its name, for good."""
        try:
            begun = partial.name.removesuffix(PARTIAL)
            final = partial.with_name(f"{begun}-{digest(partial, stopped)}.sqlite3")
            partial.rename(final)
            sync(self.folder)
        except OSError as error:
            raise refused(self.folder, error) from error
        return final

    def _copy(self, entry: os.DirEntry[str]) -> Copy | None:
        shape = _NAMED.fullmatch(entry.name)
        if shape is None or shape[1] != self._stem:
            return None
        try:
            made = datetime.strptime(shape[2], TIME).replace(tzinfo=UTC)
            size = entry.stat().st_size
        except (ValueError, FileNotFoundError):  # no such day; or deleted a moment ago
            return None
        return Copy(Path(entry.path), made, size)


def digest(path: Path, stopped: Stopped = never) -> str:
    """Return the beginning of a file's SHA-256."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if stopped():
                raise stop()
            hashed.update(chunk)
    return hashed.hexdigest()[:DIGEST_LENGTH]


def stated_digest(path: Path) -> str | None:
    """Return the checksum that a copy's name states, None for a file of another name."""
    shape = _NAMED.fullmatch(path.name)
    return shape[3] if shape is not None else None


def refused(folder: Path, error: OSError) -> BackupFailed:
    """Return what a folder's refusal means."""
    if error.errno in NO_ROOM:
        return BackupFailed("no_room", f"There is no room for a copy in {folder}: nothing of it was kept.")
    return BackupFailed(
        "folder", f"No copy can be kept in {folder} ({error.strerror}): check the folder and who owns it."
    )


def sync(folder: Path) -> None:
    """Let a rename outlive a lost power supply."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def stop() -> BackupFailed:
    """Return what ends a copy that is not wanted any more."""
    return BackupFailed("stopped", "The copy was stopped before it was whole.")
