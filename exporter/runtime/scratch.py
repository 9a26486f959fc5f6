"""Folders among the temporary files, for as long as a process and its children live, however they end.

A process that is killed removes nothing. So each folder is locked by who uses it, and the kernel lets go of
the lock with the last of them: the next one that needs such a folder removes those that nobody has locked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch(prefix: str) -> Iterator[tuple[Path, int]]:
    """Give an empty folder, and the number of its lock, which children that use it too inherit."""
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _remove(left)
    folder, lock = _locked(prefix)
    try:
        yield folder, lock
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked(prefix: str) -> tuple[Path, int]:
    """Make a folder and lock it, or another one where somebody took it for left over in between."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        with suppress(FileNotFoundError):
            lock = _opened(folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove(folder: Path) -> None:
    """Remove a folder of ours that nobody uses any more."""
    with suppress(OSError):  # it is a file, another user's, in use, or gone meanwhile
        lock = _opened(folder)
        try:
            if os.fstat(lock).st_uid == os.getuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
