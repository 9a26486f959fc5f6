"""Temporary folders end with the last of those that use them, however these end."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from exporter.runtime import scratch as scratches
from exporter.runtime.scratch import scratch

PREFIX = "northstar-tried-"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_there_meanwhile_and_gone_afterwards(temporary: Path) -> None:
    """With what was put into it."""
    with scratch(PREFIX) as (folder, _):
        (folder / "counter.db").write_bytes(b"1")
        assert list(temporary.iterdir()) == [folder]
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path) -> None:
    """Nobody has it locked any more."""
    left = temporary / f"{PREFIX}left"
    left.mkdir()
    (left / "counter.db").write_bytes(b"1")
    with scratch(PREFIX) as (folder, _):
        assert list(temporary.iterdir()) == [folder]


def test_a_folder_in_use_is_left_alone(temporary: Path) -> None:
    """Also one that only a child still uses: it has inherited the lock."""
    with scratch(PREFIX) as (first, lock):
        inherited = os.dup(lock)
    first.mkdir()
    again = os.open(first, os.O_RDONLY)
    fcntl.flock(again, fcntl.LOCK_EX)
    with scratch(PREFIX) as (second, _), scratch(PREFIX) as (third, _):
        assert set(temporary.iterdir()) == {first, second, third}
    os.close(inherited)
    os.close(again)
    with scratch(PREFIX) as (last, _):
        assert list(temporary.iterdir()) == [last]


@pytest.mark.parametrize("what", ["a file", "a link", "another name", "another user's"])
def test_what_is_not_ours_to_remove_stays(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Anybody can write there."""
    other = temporary / f"{PREFIX}{what}"
    if what == "a file":
        other.write_text("")
    elif what == "a link":
        other.symlink_to(tmp_path_factory.mktemp("elsewhere"))
    elif what == "another name":
        other = temporary / "northstar-other"
        other.mkdir()
    else:
        other.mkdir()
        monkeypatch.setattr(os, "getuid", lambda: os.stat(other).st_uid + 1)
    with scratch(PREFIX) as (folder, _):
        assert set(temporary.iterdir()) == {other, folder}


def test_a_folder_that_is_taken_for_left_over_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """By another process that starts in the same moment, before or after it was opened."""
    opened, taken = scratches._opened, []

    def late(folder: Path) -> int:
        if len(taken) == 0:
            shutil.rmtree(folder)
        lock = opened(folder)
        if len(taken) == 1:
            shutil.rmtree(folder)
        return lock

    def noting(folder: Path) -> int:
        try:
            return late(folder)
        finally:
            taken.append(folder)

    monkeypatch.setattr(scratches, "_opened", noting)
    with scratch(PREFIX) as (folder, _):
        assert len(taken) == 3
        assert folder == taken[-1]
        assert folder.exists()
