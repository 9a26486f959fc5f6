"""The files of a database that is in use: taken away, replaced, or put back from before."""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.errors import StoreDisplaced
from exporter.snapshot import from_json
from exporter.store import Store
from tests.builders import NOW, bare, fill

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


def commit(store: Store, times: int = 1) -> int:
    """Publish as the exporter does; return the last sequence."""
    for _ in range(times):
        number = store.snapshots.last_sequence() + 1
        at = NOW + timedelta(seconds=number)
        store.commit(from_json(bare(store.snapshots.epoch, number, at, usd=f"{number}.00")), LATER)
    return store.snapshots.last_sequence()


def book(store: Store, name: str) -> None:
    store.records.book("kalshi", [fill("buy yes 1 @ 0.5", fill_id=name)], [], as_of=NOW, recorded_at=NOW)


@pytest.mark.parametrize("ends", [("",), ("-wal",), ("-shm",), ("-wal", "-shm"), ("", "-wal", "-shm")])
def test_what_is_deleted_while_it_is_used_is_written_back(
    path: Path, ends: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite says that all is well, and after a restart everything was gone."""
    with Store.write(path) as store:
        book(store, "before")
        commit(store, 3)
        for end in ends:
            Path(f"{path}{end}").unlink()
        book(store, "between")
        with caplog.at_level(logging.ERROR):
            commit(store)
        assert [record.message for record in caplog.records if "written back" in record.message]
        caplog.clear()
        book(store, "after")
        commit(store, 2)
        assert not caplog.records
    with Store.read(path) as again:
        assert again.snapshots.last_sequence() == 6
        assert [record.key for record in again.records.replay(["kalshi"])] == ["after", "before", "between"]


def test_a_database_that_is_untouched_is_never_written_back(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Readers come and go, logs are made and emptied: none of it is trouble."""
    with Store.write(path) as store:
        for _ in range(3):
            with Store.read(path) as reader:
                commit(store)
                assert reader.snapshots.last_sequence()
            with store.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            commit(store)
    assert not caplog.records


def test_another_file_in_its_place_is_not_touched_and_ours_is_kept_beside_it(
    path: Path, tmp_path: Path
) -> None:
    """Nobody but the owner knows which of the two is meant."""
    other = tmp_path / "other.sqlite3"
    with Store.write(other) as store:
        commit(store)
    with Store.write(path) as store:
        commit(store, 3)
        shutil.copy(other, tmp_path / "moving")
        (tmp_path / "moving").rename(path)
        content = path.read_bytes()
        for _ in range(3):
            with pytest.raises(StoreDisplaced, match=r"Another file was put in the place.*put it back"):
                commit(store)
        assert path.read_bytes() == content
    [kept] = tmp_path.glob("northstar.sqlite3.displaced-*")
    with Store.read(kept) as store:
        assert store.snapshots.last_sequence() == 3


@pytest.mark.parametrize("shown", [5, 6])
def test_a_store_that_comes_back_shorter_goes_on_under_another_epoch(
    path: Path, shown: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A number that was shown once is never given to other figures, so no client mixes two branches."""
    copy = path.with_name("copy")
    with Store.write(path) as store:
        epoch = store.snapshots.epoch
        commit(store, 5)
    shutil.copy(path, copy)
    with Store.write(path) as store:
        commit(store, shown - 5)
    copy.rename(path)
    with Store.write(path) as store:
        if shown == 5:
            assert (store.snapshots.epoch, store.snapshots.last_sequence()) == (epoch, 5)
            return
        assert store.snapshots.epoch != epoch
        assert commit(store) == 7
        said = f"behind what was shown: 5 is its last snapshot, and {epoch}-6 was seen"
        assert said in caplog.text
    with Store.write(path) as store:
        assert commit(store) == 8


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no cursor at all", b"-5", b"a-99999999999999999999"])
def test_a_note_that_says_nothing_is_no_reason_to_do_anything(path: Path, content: bytes) -> None:
    """It is a witness, not the truth."""
    with Store.write(path) as store:
        epoch = store.snapshots.epoch
        commit(store, 2)
    Path(f"{path}.shown").write_bytes(content)
    with Store.write(path) as store:
        assert store.snapshots.epoch == epoch
        assert commit(store) == 3


def test_the_log_shrinks_again_when_a_reader_has_gone(path: Path) -> None:
    """A transaction that stays open for an hour makes it grow; it stayed so until a restart."""
    with Store.write(path) as store, Store.read(path) as reader:
        commit(store)
        with reader.engine.connect() as held:
            held.exec_driver_sql("SELECT count(*) FROM snapshots").scalar_one()
            with store.engine.begin() as connection:
                connection.exec_driver_sql("CREATE TABLE big (body BLOB)")
                connection.exec_driver_sql("INSERT INTO big VALUES (zeroblob(40000000))")
            assert Path(f"{path}-wal").stat().st_size > 40_000_000
        commit(store, 3)
        assert Path(f"{path}-wal").stat().st_size <= 16 * 1024 * 1024
