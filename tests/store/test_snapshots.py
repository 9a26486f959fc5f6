"""The snapshot store: nothing published is lost, and a month of it stays quick to read."""

from __future__ import annotations

import json
import sqlite3
import zlib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from exporter.errors import SchemaTooNew, SequenceGap, StoreBusy, StoreUnavailable
from exporter.snapshot import Grade, apply, decode, from_json
from exporter.store import Store, schema
from exporter.store.snapshots import KEYFRAME_EVERY
from tests.builders import NOW, bare, held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


@pytest.fixture
def store(path: Path) -> Store:
    with Store.write(path) as opened:
        yield opened


def snapshot(
    store: Store, sequence: int, *, net: str = "1.00", minutes: float = 0.0, **more: object
) -> dict[str, Any]:
    """Return the JSON of a small whole snapshot of this store's epoch."""
    return {**bare(store.snapshots.epoch, sequence, NOW + timedelta(minutes=minutes), net), **more}


def test_append_assigns_consecutive_sequences(store: Store) -> None:
    """Each commit is the one after the last; anything else is refused and stores nothing."""
    store.snapshots.append(from_json(snapshot(store, 1)))
    store.snapshots.append(from_json(snapshot(store, 2)))
    for wrong in (2, 4, 0):
        with pytest.raises(SequenceGap):
            store.snapshots.append(from_json(snapshot(store, wrong)))
    with pytest.raises(SequenceGap):
        store.snapshots.append(from_json({**snapshot(store, 3), "epoch": "another"}))
    assert store.snapshots.last_sequence() == 2


@pytest.mark.slow
def test_every_snapshot_comes_back_whole(store: Store) -> None:
    """Across keyframes, patches and a change of the tree's shape."""
    trees = [
        snapshot(store, n, net=f"{n}.00", minutes=n, positions={f"M{n % 7}": held(n)})
        for n in range(1, 2 * KEYFRAME_EVERY + 20)
    ]
    for tree in trees:
        store.snapshots.append(from_json(tree))
    for tree in trees:
        assert store.snapshots.at(tree["sequence"]) == tree
    assert store.snapshots.latest() == trees[-1]
    assert store.snapshots.at(0) is None
    assert store.snapshots.at(len(trees) + 1) is None


def test_deltas_after_a_sequence_lead_to_the_newest(store: Store) -> None:
    """What a client that was away applies."""
    for n in range(1, 6):
        store.snapshots.append(from_json(snapshot(store, n, net=f"{n}.00")))
    tree = store.snapshots.at(2)
    assert tree is not None
    rows = store.snapshots.after(2)
    assert [row.sequence for row in rows] == [3, 4, 5]
    for row in rows:
        tree = apply(tree, decode(row.patch))
    assert tree == store.snapshots.latest()
    assert store.snapshots.after(5) == []


def test_numbering_goes_on_after_a_restart(path: Path) -> None:
    """Same epoch, next sequence; a new database has another epoch."""
    with Store.write(path) as first:
        first.snapshots.append(from_json(snapshot(first, 1)))
        epoch = first.snapshots.epoch
    with Store.write(path) as second:
        assert second.snapshots.epoch == epoch
        second.snapshots.append(from_json(snapshot(second, 2)))
        assert second.snapshots.at(2) == snapshot(second, 2)
    with Store.write(path.with_name("other.sqlite3")) as other:
        assert other.snapshots.epoch != epoch


def test_commits_are_durable_and_seen_by_readers_at_once(path: Path) -> None:
    """WAL with synchronous FULL; a reader in another connection sees the commit and a new data_version."""
    with Store.write(path) as store:
        store.snapshots.append(from_json(snapshot(store, 1)))
        with store.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        with Store.read(path) as reader:
            before = reader.data_version()
            assert reader.data_version() == before
            store.snapshots.append(from_json(snapshot(store, 2)))
            assert reader.data_version() != before
            assert reader.snapshots.last_sequence() == 2


def test_reader_cannot_write(path: Path) -> None:
    """The sidecar opens the database read-only."""
    with Store.write(path) as store:
        store.snapshots.append(from_json(snapshot(store, 1)))
    with Store.read(path) as reader, pytest.raises(StoreUnavailable, match=r"readonly|query_only|read-only"):
        reader.snapshots.append(from_json(snapshot(reader, 2)))


def test_second_writer_is_told_so(path: Path) -> None:
    """Two exporters on one database would break the sequence."""
    with Store.write(path), pytest.raises(StoreBusy, match="Another exporter"):
        Store.write(path)
    Store.write(path).close()


def test_missing_or_empty_database_is_one_sentence_for_a_reader(path: Path) -> None:
    """Nothing to read is not an error of SQLite's for the user."""
    with pytest.raises(StoreUnavailable, match="no database"):
        Store.read(path)
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(StoreUnavailable, match="not set up"):
        Store.read(path)


def test_newer_schema_is_refused_by_both(path: Path) -> None:
    """An older program must not touch what a newer one wrote."""
    Store.write(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="9999"):
        Store.write(path)
    with pytest.raises(SchemaTooNew, match="9999"):
        Store.read(path)


def test_file_that_is_no_database_is_one_sentence(path: Path) -> None:
    """Say what and where, not a traceback."""
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        Store.write(path)


def test_migrations_make_exactly_the_tables_the_code_uses(store: Store) -> None:
    """The numbered steps and schema.py agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_opening_is_the_value_stated_last_before_the_moment(store: Store) -> None:
    """Else the earliest one stated after it; a snapshot without the figure is stepped over."""
    assert store.snapshots.opening("kalshi", NOW) is None
    store.snapshots.append(from_json({**snapshot(store, 1, minutes=0), "unrealised": {"grade": "missing"}}))
    store.snapshots.append(from_json(snapshot(store, 2, net="5.00", minutes=1)))
    store.snapshots.append(from_json(snapshot(store, 3, net="7.00", minutes=3)))
    store.snapshots.append(from_json({**snapshot(store, 4, minutes=4), "unrealised": {"grade": "missing"}}))
    early = store.snapshots.opening("kalshi", NOW - timedelta(hours=1))
    assert early is not None
    assert (early.usd, early.as_of) == (Decimal("5.00"), NOW + timedelta(minutes=1))
    middle = store.snapshots.opening("kalshi", NOW + timedelta(minutes=2))
    assert middle is not None
    assert (middle.usd, middle.grade) == (Decimal("5.00"), Grade.FINAL)
    late = store.snapshots.opening("kalshi", NOW + timedelta(minutes=9))
    assert late is not None
    assert late.usd == Decimal("7.00")


def test_opening_holds_until_the_next_snapshot_and_no_longer(store: Store) -> None:
    """A rolling window asks the database again only when its start has passed a snapshot."""
    for number in range(1, 5):
        store.snapshots.append(from_json(snapshot(store, number, net=f"{number}.00", minutes=number)))
    moments = [NOW + timedelta(seconds=seconds) for seconds in range(0, 300, 7)]
    kept = None
    looked = 0
    for moment in moments:
        fresh = store.snapshots.opening("kalshi", moment)
        if kept is None or not kept.holds(moment):
            kept, looked = fresh, looked + 1
        assert fresh is not None
        assert kept is not None
        assert (kept.usd, kept.as_of) == (fresh.usd, fresh.as_of)
    # Once for the stand-in before the first, once at each snapshot, and each time past the last one.
    assert looked == 4 + sum(moment >= NOW + timedelta(minutes=4) for moment in moments)


def test_history_gives_the_last_of_each_step_and_leaves_gaps(store: Store) -> None:
    """A step in which nothing was published has no point."""
    for n, minute in enumerate([0, 1, 2, 30, 31], start=1):
        store.snapshots.append(from_json(snapshot(store, n, net=f"{n}.00", minutes=minute)))
    points = store.snapshots.history(NOW, NOW + timedelta(minutes=40), 4)
    assert [(point.sequence, point["today.net"]) for point in points] == [(3, "3.00"), (5, "5.00")]
    assert points[0]["today.grade"] == "final"
    assert points[0]["all.api_cost_billed"] == "3.00"


def test_missing_figure_is_none_in_history(store: Store) -> None:
    """Never a zero in a chart either."""
    tree = snapshot(store, 1)
    tree["windows"]["today"]["net"] = {"grade": "missing"}
    store.snapshots.append(from_json(tree))
    (point,) = store.snapshots.history(NOW, NOW + timedelta(minutes=1), 1)
    assert point["today.net"] is None


def filled(store: Store, days: int, every: timedelta) -> int:
    """Fill the store with small snapshots up to NOW; return how many."""
    moment, number = NOW - timedelta(days=days), 0
    while moment <= NOW:
        number += 1
        tree = snapshot(store, number, net=f"{number}.00", minutes=(moment - NOW) / timedelta(minutes=1))
        store.snapshots.append(from_json(tree))
        moment += every
    return number


def test_retention_thins_out_the_old_and_keeps_the_new(store: Store) -> None:
    """Past the raw days one a minute stays, and what stays raw can still be read whole."""
    number = filled(store, 2, timedelta(seconds=40 * 20))
    keep = timedelta(days=1)
    while store.snapshots.roll_up(NOW, keep):
        pass
    first = store.snapshots.first_sequence()
    assert 1 < first <= number // 2 + 1
    assert store.snapshots.at(first) is not None
    assert store.snapshots.at(number) == store.snapshots.latest()
    assert store.snapshots.at(first - 1) is None
    with store.engine.connect() as connection:
        rolled = connection.scalar(select(func.count()).select_from(schema.rollups))
    assert rolled == first - 1  # 13 minutes apart: each is the last of its minute
    history = store.snapshots.history(NOW - timedelta(days=2), NOW, 500)
    assert [point.sequence for point in history] == list(range(1, number))


def test_rollups_keep_the_last_of_each_minute_hour_and_day(store: Store) -> None:
    """A year of minutes, five of hours, then days."""
    for number in range(1, 13):
        store.snapshots.append(from_json(snapshot(store, number, net=f"{number}.00", minutes=number / 6)))
        store.snapshots._keyframe_due = True
    late = NOW + timedelta(days=60)
    while store.snapshots.roll_up(late, timedelta(days=30)):
        pass
    with store.engine.connect() as connection:
        kept = connection.execute(select(schema.rollups.c.step, schema.rollups.c.sequence)).all()
    assert [row.sequence for row in kept] == [5, 11]
    for age, step in ((timedelta(days=500), 3_600_000_000), (timedelta(days=4000), 86_400_000_000)):
        store.snapshots.roll_up(NOW + age, timedelta(days=30))
        with store.engine.connect() as connection:
            kept = connection.execute(select(schema.rollups.c.step, schema.rollups.c.sequence)).all()
        assert [(row.step, row.sequence) for row in kept] == [(step, 11)]


def test_rows_are_compressed_json(store: Store, path: Path) -> None:
    """Anyone with sqlite3 and zlib can read the database."""
    store.snapshots.append(from_json(snapshot(store, 1)))
    with sqlite3.connect(path) as raw:
        patch, whole, figures = raw.execute("SELECT patch, whole, figures FROM snapshots").fetchone()
    assert json.loads(zlib.decompress(patch)) == snapshot(store, 1)
    assert json.loads(zlib.decompress(whole)) == snapshot(store, 1)
    assert json.loads(figures)[0] == "1.00"
