"""A flipped bit is found by whoever reads the row, and by the scrub; nothing that is damaged is served."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import StoreDamaged, StoreError, StoreUnavailable
from exporter.store import Store, schema, scrub
from exporter.store.scrub import SEALED
from tests.builders import NOW, fill, sale
from tests.store.publisher import Publisher

ORDER = "records_by_moment"
FLIPS = 250
"""As many single bits as were flipped when 89 of them went by unnoticed."""


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A database with a few hundred rows, closed."""
    path = tmp_path / "northstar.sqlite3"
    with Store.write(path) as store:
        fills = [fill("buy yes 1 @ 0.49", fill_id=f"f{number}") for number in range(300)]
        store.records.book("kalshi", fills, [], as_of=NOW, recorded_at=NOW)
        store.records.book("sales", [sale("10.00")], [], as_of=NOW, recorded_at=NOW)
        made = Publisher(store)
        for _ in range(120):
            made.add()
        while store.sealing.advance():
            pass
    return path


def told(path: Path) -> list[list[Any]]:
    """Return everything that a database answers. Raises StoreError where it refuses."""
    with Store.read(path) as store:
        records = list(store.records.replay(["kalshi", "sales"]))
        points = store.snapshots.history(NOW, NOW + timedelta(minutes=5), 300)
        figures = [(point.as_of, point.sequence, point["today.net"]) for point in points]
        trees = [store.snapshots.at(number) for number in range(1, 121, 7)]
        return [records, figures, trees, store.snapshots.after(0)]


@pytest.mark.slow
def test_no_flipped_bit_changes_an_answer(path: Path, tmp_path: Path) -> None:
    """Wherever it is: an answer is what it was, or is refused. What is refused or lacks, the scrub finds."""
    right, whole = told(path), path.read_bytes()
    chance = random.Random(5)
    copy = tmp_path / "copy.sqlite3"
    found = 0
    for _ in range(FLIPS):
        place, bit = chance.randrange(100, len(whole)), chance.randrange(8)
        harmed = bytearray(whole)
        harmed[place] ^= 1 << bit
        copy.write_bytes(harmed)
        try:
            answer = told(copy)
        except StoreError:
            same = False
        else:
            same = answer == right
            # A broken index can hide a point of a chart; it cannot make another one of it.
            assert (answer[0], answer[2:]) == (right[0], right[2:]), f"byte {place}, bit {bit}"
            assert set(answer[1]) <= set(right[1]), f"byte {place}, bit {bit}"
        if not same:
            found += 1
            assert finds(copy), f"byte {place}, bit {bit}"
    assert found > FLIPS // 5


def finds(path: Path) -> bool:
    """Tell whether a scrub finds something."""
    try:
        return any(scrub(path, pause=lambda seconds: None).damaged.values())
    except StoreDamaged:
        return True


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE records SET body = replace(body, '0.49', '0.99') WHERE key = 'f7'",
        "UPDATE records SET at = at + 1 WHERE key = 'f7'",
        "UPDATE records SET scope = 'N' WHERE key = 'f7'",
        "UPDATE records SET key = 'f7x' WHERE key = 'f7'",
        "UPDATE snapshots SET figures = replace(figures, '7.00', '9.00') WHERE sequence = 7",
        "UPDATE snapshots SET as_of = as_of + 1 WHERE sequence = 7",
        "UPDATE snapshots SET patch = zeroblob(length(patch)) WHERE sequence = 7",
    ],
)
def test_what_another_program_changed_is_refused_and_named(path: Path, harm: str) -> None:
    """4.90 became 9.90, and all checks were true."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(harm).rowcount == 1
        connection.commit()
    with pytest.raises(StoreDamaged, match=r"not what was written.*northstar restore"):
        told(path)
    found = scrub(path, pause=lambda seconds: None)
    table = harm.split()[1]
    assert {name: count for name, count in found.damaged.items() if count} == {table: 1}
    assert found.named[0].startswith(table)


def test_a_whole_database_has_nothing_to_find(path: Path) -> None:
    """Every row is looked at, with a pause between."""
    pauses: list[float] = []
    found = scrub(path, pause=pauses.append)
    assert found.rows == 301 + 120 + 1
    assert not any(found.damaged.values())
    assert pauses


def test_a_scrub_ends_when_it_is_told_to(path: Path) -> None:
    """A stop of the exporter waits for nobody."""
    assert scrub(path, stopped=lambda: True).rows == 0


def test_rows_of_before_checksums_are_sealed_a_few_at_a_time(path: Path) -> None:
    """Until then they are read as they are; afterwards every one of them is verified."""
    with closing(sqlite3.connect(path)) as connection:
        for table in SEALED:
            connection.execute(f"UPDATE {table} SET crc32 = -1")
            connection.execute(
                f"INSERT OR REPLACE INTO meta SELECT 'unsealed.{table}', max(rowid) "
                f"FROM {table} HAVING count(*)"
            )
        connection.commit()
    right = told(path)
    with Store.write(path) as store:
        steps = 0
        while store.sealing.advance():
            steps += 1
        assert steps == 6
        with store.engine.connect() as connection:
            for table in SEALED:
                column = schema.metadata.tables[table].c.crc32
                assert not connection.exec_driver_sql(
                    f"SELECT count(*) FROM {table} WHERE {column.name} = -1"
                ).scalar_one()
    assert told(path) == right


def test_a_roll_up_keeps_the_checksum_of_its_row(path: Path) -> None:
    """It states what the snapshot stated."""
    with Store.write(path) as store:
        while store.snapshots.roll_up(NOW + timedelta(days=2), timedelta(days=1)):
            pass
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM rollups WHERE crc32 >= 0").fetchone()[0]
    assert not any(scrub(path, pause=lambda seconds: None).damaged.values())
    shutil.copy(path, path.with_name("harmed"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE rollups SET figures = replace(figures, '.00', '.01')")
        connection.commit()
    with pytest.raises(StoreDamaged, match="The row of figures"):
        told(path)


def test_a_database_that_cannot_be_looked_at_is_not_called_damaged(path: Path) -> None:
    """A file that is away for a moment, or locked, would otherwise wake somebody to restore a backup."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match=r"cannot be looked through .*locked"):
            scrub(path, pause=lambda seconds: None)
    path.write_bytes(b"no database at all" * 500)
    with pytest.raises(StoreDamaged):
        scrub(path, pause=lambda seconds: None)
    path.unlink()
    with pytest.raises(StoreUnavailable, match="cannot be looked through"):
        scrub(path, pause=lambda seconds: None)


def replay(store: Store, size: int | None) -> None:
    """Read all records, so many at a time or in one go."""
    if size is None:
        list(store.records.replay(["kalshi", "sales"]))
        return
    upto = store.records.newest_id()
    _, place = store.records.replayed(["kalshi", "sales"], None, upto, size)
    while place is not None:
        _, place = store.records.replayed(["kalshi", "sales"], place, upto, size)


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7, 1_000])
def test_an_order_of_records_that_has_one_twice_is_refused(path: Path, size: int | None) -> None:
    """A pointer of the index of time leads to its neighbour: as many rows as ever, and one is lacking. Read
    by pages, too, wherever one ends."""
    with closing(sqlite3.connect(path)) as connection:
        [[root]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (ORDER,))
    harmed = bytearray(path.read_bytes())
    page = (root - 1) * 4096
    while harmed[page] == 2:  # an inner page: its first child
        first = page + int.from_bytes(harmed[page + 12 : page + 14], "big")
        page = (int.from_bytes(harmed[first : first + 4], "big") - 1) * 4096
    harmed[page + 10 : page + 12] = harmed[page + 8 : page + 10]
    path.write_bytes(harmed)
    with Store.read(path) as store, pytest.raises(StoreDamaged, match="order"):
        replay(store, size)
