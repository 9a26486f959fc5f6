"""A restored database is the copy, under a numbering of its own; what was there before is not lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine

from exporter.errors import BackupFailed, SchemaTooNew, StoreBusy, StoreUnavailable
from exporter.store import Store, schema
from exporter.store.backup import back_up
from exporter.store.copies import Copies
from exporter.store.database import migrate, restoring
from exporter.store.restore import restore
from tests.builders import NOW, fill
from tests.store.publisher import Publisher

LATER = NOW + timedelta(hours=1)
ASIDE = "northstar.sqlite3.replaced-20261122T130000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "northstar.sqlite3"


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy up to snapshot 5; the database itself has gone on to 8, and is closed."""
    with Store.write(path) as store:
        store.records.book("kalshi", [fill("buy yes 1 @ 0.5")], [], as_of=NOW, recorded_at=NOW)
        made = Publisher(store)
        for _ in range(5):
            made.add()
        copied = back_up(path, Copies(tmp_path / "backups", path), NOW).path
        for _ in range(3):
            made.add()
    return copied


def here(path: Path) -> list[str]:
    """Return what is beside the database, the lock apart."""
    return sorted(each.name for each in path.parent.iterdir() if not each.name.endswith(".lock"))


def test_restored_database_goes_on_in_an_epoch_of_its_own(copy: Path, path: Path) -> None:
    """Its newest snapshot is published again under the new epoch; the next one follows it."""
    with Store.read(path) as store:
        old = store.snapshots.epoch
    done = restore(copy, path, LATER)
    assert (str(done.copied), done.cursor.sequence) == (f"{old}-5", 6)
    assert done.cursor.epoch != old
    with Store.write(path) as store:
        assert store.snapshots.epoch == done.cursor.epoch
        published, again = store.snapshots.at(5), store.snapshots.latest()
        assert published is not None
        assert again == {**published, "epoch": done.cursor.epoch, "sequence": 6}
        assert published["epoch"] == old
        assert Publisher(store).add()["sequence"] == 7
        assert [record.key for record in store.records.replay(["kalshi"])] == [fill("buy yes 1 @ 0.5").key]


def test_restoring_twice_gives_two_epochs(copy: Path, path: Path) -> None:
    """The second time is another database again."""
    first = restore(copy, path, LATER)
    second = restore(copy, path, LATER + timedelta(hours=1))
    assert first.cursor.epoch != second.cursor.epoch
    assert first.cursor.sequence == second.cursor.sequence


def test_database_that_was_there_is_set_aside_with_its_log(copy: Path, path: Path) -> None:
    """Its last commits may be in the log alone; the file that takes its place has none."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO meta VALUES ('only in', 'the log')")
        wal = Path(f"{path}-wal")
        assert wal.stat().st_size > 0
        done = restore(copy, path, LATER)
        assert done.aside == path.with_name(ASIDE)
        assert here(path) == ["northstar.sqlite3", ASIDE, f"{ASIDE}-wal"]
        # Who had it open goes on reading what it was.
        assert connection.execute("SELECT max(sequence) FROM snapshots").fetchone() == (8,)
    with closing(sqlite3.connect(done.aside)) as connection:
        assert connection.execute("SELECT max(sequence) FROM snapshots").fetchone() == (8,)
        assert connection.execute("SELECT count(*) FROM meta WHERE key = 'only in'").fetchone() == (1,)


def test_what_was_set_aside_can_be_restored_again(copy: Path, path: Path) -> None:
    """Whoever took the wrong copy goes back, though that file's name has no checksum."""
    done = restore(copy, path, LATER)
    assert done.aside is not None
    back = restore(done.aside, path, LATER + timedelta(minutes=1))
    assert (back.copied.sequence, back.cursor.sequence) == (8, 9)


def test_file_keeps_its_mode_and_its_owner(copy: Path, path: Path) -> None:
    """Whoever ran the exporter can run it again."""
    path.chmod(0o640)
    before = path.stat()
    restore(copy, path, LATER)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_on_a_new_machine_there_is_nothing_to_set_aside(copy: Path, tmp_path: Path) -> None:
    """The folder is made, and the file is its owner's alone."""
    path = tmp_path / "new" / "northstar.sqlite3"
    assert restore(copy, path, LATER).aside is None
    assert here(path) == ["northstar.sqlite3"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_while_an_exporter_runs_it_refuses(copy: Path, path: Path) -> None:
    """In a sentence, and everything is as it was."""
    with Store.write(path), pytest.raises(StoreBusy, match="Another exporter writes"):
        restore(copy, path, LATER)
    untouched(path)


def untouched(path: Path) -> None:
    """The database is the one that was there."""
    assert here(path) == ["northstar.sqlite3"]
    with Store.write(path) as store:
        assert store.snapshots.last_sequence() == 8


def test_truncated_copy_is_refused(copy: Path, path: Path, tmp_path: Path) -> None:
    """By its checksum under its own name, by its pages under another."""
    whole = copy.read_bytes()
    for end in (0, 100, 4096, len(whole) // 2, len(whole) - 4096):
        for cut in (copy, tmp_path / "renamed.sqlite3"):
            cut.write_bytes(whole[:end])
            with pytest.raises(BackupFailed, match="cannot be used"):
                restore(cut, path, LATER)
    untouched(path)


def test_copy_of_a_newer_layout_is_refused(copy: Path, path: Path, tmp_path: Path) -> None:
    """It says which layout, and what to do."""
    newer = tmp_path / "newer.sqlite3"
    shutil.copy(copy, newer)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaTooNew, match=f"has layout 9999.*this version's {schema.HEAD}: upgrade"):
        restore(newer, path, LATER)
    untouched(path)


def test_copy_of_an_older_layout_is_brought_to_this_one(path: Path, tmp_path: Path) -> None:
    """An upgrade does not make older backups worthless."""
    old = tmp_path / "old.sqlite3"
    engine = create_engine(URL.create("sqlite", database=str(old)))
    migrate(engine, "0001")
    engine.dispose()
    assert restore(old, path, LATER).cursor.sequence == 0
    Store.read(path).close()


@pytest.mark.parametrize("what", ["another program's", "text", "nothing", "the database"])
def test_file_that_is_no_copy_is_refused(copy: Path, path: Path, tmp_path: Path, what: str) -> None:
    """One sentence each, and the database stays."""
    file = tmp_path / "file"
    if what == "another program's":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE meta (key, value)")
    elif what == "text":
        file.write_text("no database\n" * 1_000)
    elif what == "the database":
        file = path
    with pytest.raises(
        BackupFailed, match=r"no database|not a database|There is no file|the database itself"
    ):
        restore(file, path, LATER)
    untouched(path)


def test_newest_snapshot_that_cannot_be_read_is_refused(copy: Path, path: Path, tmp_path: Path) -> None:
    """SQLite finds nothing wrong with a row that is not what was written."""
    spoilt = tmp_path / "spoilt.sqlite3"
    for harm in (
        "UPDATE snapshots SET patch = zeroblob(9) WHERE sequence = 5",
        "UPDATE snapshots SET whole = NULL",
        "DELETE FROM snapshots WHERE sequence = 4",
        "UPDATE meta SET value = 'another' WHERE key = 'epoch'",
    ):
        shutil.copy(copy, spoilt)
        with closing(sqlite3.connect(spoilt)) as connection:
            connection.execute(harm)
            connection.commit()
        with pytest.raises(BackupFailed, match="newest snapshot"):
            restore(spoilt, path, LATER)
    untouched(path)


def test_broken_off_between_two_renames_no_exporter_starts_on_an_empty_database(
    copy: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the one moment in which there is none: the next restore ends it."""
    real, wanted = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        if self == restoring(path):
            wanted.append(target)
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            restore(copy, path, LATER)
    assert wanted == [path]
    with pytest.raises(StoreUnavailable, match="a restore was broken off: run `northstar restore` again"):
        Store.write(path)
    assert not path.exists()
    restore(copy, path, LATER)
    assert here(path) == ["northstar.sqlite3", ASIDE]
    Store.write(path).close()
