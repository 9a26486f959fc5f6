"""A backup is whole and proved, or it is not there."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter.errors import BackupFailed
from exporter.store import Store, backup, inspection
from exporter.store.backup import back_up
from exporter.store.copies import Copies
from exporter.store.inspection import inspect
from tests.builders import NOW, fill
from tests.store.publisher import Publisher

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


@pytest.fixture
def published(path: Path) -> Iterator[Publisher]:
    """A database with a few records and snapshots, open for writing."""
    with Store.write(path) as store:
        store.records.book("kalshi", [fill("buy yes 1 @ 0.5")], [], as_of=NOW, recorded_at=NOW)
        made = Publisher(store)
        for _ in range(5):
            made.add()
        yield made


@pytest.fixture
def copies(tmp_path: Path, path: Path) -> Copies:
    return Copies(tmp_path / "backups", path)


def files(copies: Copies) -> list[str]:
    """Return what is in the folder, the lock apart."""
    return sorted(each.name for each in copies.folder.iterdir() if not each.name.endswith(".lock"))


def flip(file: Path, place: int) -> None:
    """Change one byte of a file."""
    with file.open("r+b") as opened:
        opened.seek(place)
        (byte,) = opened.read(1)
        opened.seek(place)
        opened.write(bytes([byte ^ 0x55]))


def test_copy_has_everything_and_only_its_owner_may_read_it(
    published: Publisher, path: Path, copies: Copies
) -> None:
    """Named by its time and its checksum, one file, with the newest snapshot in it."""
    made = back_up(path, copies, NOW)
    assert files(copies) == [made.path.name]
    assert made.path.name.startswith("northstar-20261122T120000Z-")
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert copies.folder.stat().st_mode & 0o777 == 0o700
    found = made.contents
    assert (found.cursor.epoch, found.cursor.sequence) == (published.store.snapshots.epoch, 5)
    assert (found.records, found.snapshots) == (1, 5)
    (copy,) = copies.all(NOW)
    assert (copy.path, copy.made, copy.size) == (made.path, NOW, made.size)
    with Store.read(made.path) as store:
        assert store.snapshots.latest() == published.trees[5]


def test_commits_go_on_while_the_copying_does_and_never_make_it_begin_again(
    published: Publisher, path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit between any two steps; the copy is of the moment in which it began."""
    with sqlite3.connect(path) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()

    def commit(_seconds: float) -> None:
        published.add()
        assert len(published.trees) <= 5 + 2 * pages, "it began again"

    monkeypatch.setattr(backup, "STEP_PAGES", 1)
    monkeypatch.setattr(backup, "time", SimpleNamespace(sleep=commit))
    made = back_up(path, copies, NOW)
    assert made.contents.cursor.sequence == 5
    assert len(published.trees) > 15
    assert published.store.snapshots.latest() == published.trees[len(published.trees)]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE records SET body = replace(body, '0.5', '0.6')",
        "UPDATE snapshots SET patch = zeroblob(length(patch)) WHERE sequence = 2",
        "DELETE FROM snapshots WHERE sequence = 3",
        "INSERT INTO meta VALUES ('more', 'x')",
        "DROP INDEX snapshots_by_time",
    ],
)
def test_copy_that_differs_in_one_row_is_never_named(
    published: Publisher, path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """A good database, and not the one that was copied. The older copy stays."""
    older = back_up(path, copies, NOW)

    def spoil(target: Path) -> None:
        with sqlite3.connect(target) as connection:
            connection.execute(harm)
        connection.close()

    after_copying(monkeypatch, spoil)
    with pytest.raises(BackupFailed, match="not what it was made from") as caught:
        back_up(path, copies, NOW + timedelta(hours=1))
    assert caught.value.reason == "not_verified"
    assert files(copies) == [older.path.name]


def dump(file: Path) -> list[str]:
    """Return everything in a database as SQL."""
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_flipped_byte_is_noticed_wherever_it_is(
    published: Publisher, path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the copy has a name by its rows and SQLite's check; afterwards by the checksum in its name."""
    whole = back_up(path, copies, NOW)
    good, rows = whole.path.read_bytes(), dump(path)
    refused: list[str] = []
    for page in range(0, whole.size, 4096):
        for place in (page + 3, page + 4091):  # in the head of a page, and in what was first put into it
            flip(whole.path, place)
            with pytest.raises(BackupFailed, match="checksum"):
                inspect(whole.path)
            whole.path.write_bytes(good)
            after_copying(monkeypatch, lambda target, place=place: flip(target, place))
            try:
                again = back_up(path, copies, NOW + timedelta(seconds=place))
            except BackupFailed as error:
                refused.append(error.reason)
            else:  # nothing is kept there, so everything is what it was
                assert dump(again.path) == rows
            monkeypatch.undo()
    assert set(refused) == {"not_verified"}
    assert len(refused) > whole.size / 4096 / 2


def after_copying(monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]) -> None:
    """Let something happen to a copy between its making and its proof."""
    real = backup._copy

    def copied(source: sqlite3.Connection, target: Path, *more: object) -> None:
        real(source, target, *more)  # type: ignore[arg-type]
        harm(target)

    monkeypatch.setattr(backup, "_copy", copied)


def test_damaged_database_makes_no_backup(published: Publisher, path: Path, copies: Copies) -> None:
    """A true copy of something broken is not what anybody wants to find one day."""
    published.store.close()
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'records_by_moment'"
        ).fetchone()
    flip(path, root * 4096 - 3)
    with pytest.raises(BackupFailed, match="records_by_moment") as caught:
        back_up(path, copies, NOW)
    assert caught.value.reason == "not_verified"
    assert files(copies) == []


@pytest.mark.slow
def test_killed_in_the_middle_it_leaves_no_name_and_the_next_one_clears_up(
    published: Publisher, path: Path, copies: Copies
) -> None:
    """SIGKILL between two steps."""
    slow = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from exporter.store import backup, copies\n"
        "backup.STEP_PAGES, backup.BREATH_SECONDS = 1, 1\n"
        "database, folder = map(Path, sys.argv[1:])\n"
        "backup.back_up(database, copies.Copies(folder, database), datetime(2026, 11, 22, tzinfo=UTC))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", slow, path, copies.folder], cwd=ROOT)
    try:
        limit = time.monotonic() + 30
        while not (copies.folder.is_dir() and files(copies)):
            assert child.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.01)
        with pytest.raises(BackupFailed, match="Another backup is being made"):
            back_up(path, copies, NOW)
    finally:
        child.kill()
        child.wait()
    assert files(copies) == ["northstar-20261122T000000Z.partial"]
    assert copies.all(NOW) == []
    made = back_up(path, copies, NOW)
    assert files(copies) == [made.path.name]


def test_stopped_in_the_middle_it_leaves_nothing(
    published: Publisher, path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is copied, compared, checked or hashed."""
    monkeypatch.setattr(inspection, "LOOK_EVERY", 1)
    for looks in (0, 1, 20, 300, 2_000):
        answers = iter([False] * looks)
        with pytest.raises(BackupFailed) as caught:
            back_up(path, copies, NOW, lambda answers=answers: next(answers, True))
        assert caught.value.reason == "stopped"
        assert files(copies) == []


def test_folder_that_cannot_be_made_is_one_sentence(published: Publisher, path: Path, tmp_path: Path) -> None:
    """It names the folder and what is wrong."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        BackupFailed, match=r"No copy can be kept in .*file \(File exists\): check the folder"
    ) as caught:
        back_up(path, Copies(tmp_path / "file", path), NOW)
    assert caught.value.reason == "folder"


def test_copy_that_would_fill_the_disk_is_not_begun(
    published: Publisher, path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may be on the same disk, and needs room to go on."""
    monkeypatch.setattr(backup, "ROOM_BYTES", 2**62)
    with pytest.raises(BackupFailed, match="does not fit into") as caught:
        back_up(path, copies, NOW)
    assert caught.value.reason == "no_room"
    assert files(copies) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few pages, where this process may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("mount") is None or mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder):
        pytest.skip("a small file system can be mounted by root only, and not in every container")
    yield folder
    subprocess.run(["umount", folder], check=True)


def mount(*arguments: str | Path) -> int:
    """Return the exit code of `mount`."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode


@pytest.mark.slow
def test_disk_that_fills_up_meanwhile_leaves_nothing(
    published: Publisher, path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room was there when it began, and somebody else took it."""
    monkeypatch.setattr(backup, "_find_room", lambda *_: None)
    copies = Copies(small_disk, path)
    with pytest.raises(BackupFailed, match="no room for a copy") as caught:
        back_up(path, copies, NOW)
    assert caught.value.reason == "no_room"
    assert files(copies) == []


@pytest.mark.slow
def test_folder_that_may_not_be_written_is_one_sentence(
    published: Publisher, path: Path, small_disk: Path
) -> None:
    """A disk that was mounted to be read only, as one with an error is."""
    mount("-o", "remount,ro", small_disk)
    with pytest.raises(BackupFailed, match="Read-only file system") as caught:
        back_up(path, Copies(small_disk, path), NOW)
    assert caught.value.reason == "folder"


def test_only_files_that_it_named_are_counted_or_deleted(
    published: Publisher, path: Path, copies: Copies
) -> None:
    """Another database's copies, a copy of the user's own, a name that is almost one: they stay."""
    copies.folder.mkdir()
    strangers = [
        "other-20261122T100000Z-0123456789abcdef.sqlite3",
        "northstar-20261122T100000Z-0123456789abcdef.sqlite3.gz",
        "northstar-20261322T100000Z-0123456789abcdef.sqlite3",
        "northstar-2026-11-22.sqlite3",
        "other-20261122T100000Z.partial",
        "notes.txt",
    ]
    for name in strangers:
        (copies.folder / name).write_text("")
    made = [back_up(path, copies, NOW + timedelta(hours=hours)).path.name for hours in range(4)]
    now = NOW + timedelta(hours=3)
    copies.prune(2, now)
    assert files(copies) == sorted([*strangers, *made[2:]])
    assert [copy.path.name for copy in copies.all(now)] == [made[3], made[2]]


def test_copy_from_the_future_neither_counts_nor_goes(
    published: Publisher, path: Path, copies: Copies
) -> None:
    """A clock that was wrong once must not make every later copy the oldest."""
    ahead = back_up(path, copies, NOW + timedelta(days=3_650))
    old, new = (back_up(path, copies, NOW + timedelta(hours=hours)) for hours in (1, 2))
    now = NOW + timedelta(hours=2)
    copies.prune(1, now)
    assert files(copies) == sorted([new.path.name, ahead.path.name])
    assert old.path not in [copy.path for copy in copies.all(now)]
    assert [copy.path for copy in copies.all(now)] == [new.path]


def test_database_without_a_snapshot_can_be_copied(path: Path, copies: Copies) -> None:
    """Its records may be all there is yet."""
    Store.write(path).close()
    assert back_up(path, copies, NOW).contents.cursor.sequence == 0


def test_database_that_is_not_there_is_one_sentence(path: Path, copies: Copies) -> None:
    """And no folder is made for it."""
    with pytest.raises(BackupFailed, match="There is no database at"):
        back_up(path, copies, NOW)
    assert not copies.folder.exists()
