"""Rows of figures are read by the names they were written under, whatever columns there are today."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from exporter.errors import StoreUnavailable
from exporter.snapshot import HISTORY_COLUMNS, Snapshot, from_json
from exporter.store import Store, layouts, snapshots
from tests.builders import NOW, bare
from tests.store.publisher import Publisher

WithColumns = Callable[[Sequence[str]], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.write(path) as opened:
        yield opened


@pytest.fixture
def with_columns(monkeypatch: pytest.MonkeyPatch) -> WithColumns:
    """Lets the code have other columns from now on; each states its name and the snapshot."""

    def have(columns: Sequence[str]) -> None:
        def row(snapshot: Snapshot) -> dict[str, str | None]:
            return {name: f"{name} of {snapshot.sequence}" for name in columns}

        monkeypatch.setattr(snapshots, "history_row", row)

    return have


def publish(path: Path) -> None:
    """Publish one more snapshot, as a program that has just been started."""
    with Store.write(path) as store:
        Publisher(store).add()


def stated(store: Store, *names: str) -> list[list[str | None]]:
    """Return what each stored row says under these names, oldest first."""
    found = store.snapshots.history(NOW, NOW + timedelta(seconds=400), 400)
    return [[point[name] for name in names] for point in found]


def test_a_ninth_component_leaves_every_stored_row_as_it_was(
    store: Store, path: Path, with_columns: WithColumns
) -> None:
    """Put in the middle, where each of the old columns behind it gets another place."""
    store.close()
    with_columns(HISTORY_COLUMNS)
    publish(path)
    at = HISTORY_COLUMNS.index("today.sales_gross")
    with_columns([*HISTORY_COLUMNS[:at], "today.ninth", *HISTORY_COLUMNS[at:]])
    publish(path)
    with Store.read(path) as reader:
        for name in HISTORY_COLUMNS:
            assert stated(reader, name) == [[f"{name} of 1"], [f"{name} of 2"]]
        assert stated(reader, "today.ninth") == [[None], ["today.ninth of 2"]]


def test_a_dropped_component_leaves_every_stored_row_as_it_was(
    store: Store, path: Path, with_columns: WithColumns
) -> None:
    """And what it said stays there for whoever still asks."""
    store.close()
    with_columns(HISTORY_COLUMNS)
    publish(path)
    rest = [name for name in HISTORY_COLUMNS if not name.endswith("trading_fees")]
    with_columns(rest)
    publish(path)
    with Store.read(path) as reader:
        for name in rest:
            assert stated(reader, name) == [[f"{name} of 1"], [f"{name} of 2"]]
        assert stated(reader, "mtd.trading_fees") == [["mtd.trading_fees of 1"], [None]]


def test_a_renamed_column_is_found_by_its_new_name(
    store: Store, path: Path, with_columns: WithColumns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In rows of before and after."""
    store.close()
    with_columns(["net", "paid_in"])
    publish(path)
    with_columns(["net", "deposits"])
    publish(path)
    monkeypatch.setattr(layouts, "RENAMED", {"paid_in": "deposits"})
    with Store.read(path) as reader:
        assert stated(reader, "deposits", "net") == [
            ["paid_in of 1", "net of 1"],
            ["deposits of 2", "net of 2"],
        ]


def test_a_layout_is_written_once_and_found_again(
    store: Store, path: Path, with_columns: WithColumns
) -> None:
    """However often the program is started, and also when it goes back to columns of before."""
    store.close()
    for columns in (["a", "b"], ["a", "b"], ["b", "a"], ["a", "b"]):
        with_columns(columns)
        publish(path)
    with closing(sqlite3.connect(path)) as connection:
        known = connection.execute("SELECT number, columns FROM layouts ORDER BY number").fetchall()
        used = connection.execute("SELECT layout FROM snapshots ORDER BY sequence").fetchall()
    assert [json.loads(columns) for _, columns in known[1:]] == [["a", "b"], ["b", "a"]]
    assert used == [(2,), (2,), (3,), (2,)]
    with Store.read(path) as reader:
        assert stated(reader, "a", "b") == [[f"a of {n}", f"b of {n}"] for n in range(1, 5)]


def test_the_layout_of_a_commit_that_failed_is_not_taken_for_known(
    store: Store, path: Path, with_columns: WithColumns
) -> None:
    """It went with the commit; the next one writes it again."""
    with_columns(["a"])
    publisher = Publisher(store)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON snapshots BEGIN SELECT raise(ABORT, 'full'); END")
        with pytest.raises(StoreUnavailable, match="full"):
            publisher.add()
        other.execute("DROP TRIGGER full")
    publisher.add()
    assert stated(store, "a") == [["a of 1"]]


def test_roll_ups_keep_the_layout_of_their_rows(store: Store, path: Path, with_columns: WithColumns) -> None:
    """A row that stays for ever is read by its own names for ever."""
    store.close()
    for columns in (["a", "b"], ["b", "a"]):
        with_columns(columns)
        with Store.write(path) as writer:
            publisher = Publisher(writer)
            for _ in range(130):
                publisher.add()
    with Store.write(path) as writer:
        while writer.snapshots.roll_up(NOW + timedelta(days=2), timedelta(days=1)):
            pass
        with writer.engine.connect() as connection:
            kept = connection.exec_driver_sql("SELECT DISTINCT layout FROM rollups ORDER BY 1").all()
        assert [layout for (layout,) in kept] == [2, 3]
        assert all((a or "")[:5] + (b or "")[:5] == "a of b of " for a, b in stated(writer, "a", "b"))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            "UPDATE snapshots SET crc32 = -1, layout = 77",
            "a row of 2 figures in layout 77, which it does not describe",
        ),
        (
            """UPDATE snapshots SET crc32 = -1, figures = '["1","2","3"]'""",
            "a row of 3 figures in layout 2, which has 2: it is not guessed at",
        ),
    ],
)
def test_a_row_that_no_known_layout_describes_is_refused_by_name(
    store: Store, path: Path, with_columns: WithColumns, harm: str, said: str
) -> None:
    """A figure under the wrong name would be worse than none."""
    store.close()
    with_columns(["a", "unrealised"])
    publish(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(harm)
        connection.commit()
    with Store.read(path) as reader:
        with pytest.raises(StoreUnavailable, match=said):
            stated(reader, "a")
        with pytest.raises(StoreUnavailable, match=said):
            reader.snapshots.opening("kalshi", NOW + timedelta(days=1))


def test_a_shorter_row_of_a_layout_does_not_state_the_last_columns(store: Store, path: Path) -> None:
    """Columns were once added at the end; the rows of before them are the first layout, too."""
    Publisher(store).add()
    with closing(sqlite3.connect(path)) as connection:
        (figures,) = connection.execute("SELECT figures FROM snapshots").fetchone()
        shorter = json.dumps(json.loads(figures)[:70])
        connection.execute("UPDATE snapshots SET crc32 = -1, figures = ?", (shorter,))
        connection.commit()
    assert stated(store, "today.net", "equity") == [["1.00", None]]


def test_a_venue_that_was_added_late_opens_with_its_own_first_value(store: Store) -> None:
    """However many rows before it say nothing of it; rows of when there was one venue are that venue's."""
    kept = store.snapshots

    def published(number: int, at: datetime, **venues: str) -> None:
        figures = {name: {"grade": "final", "usd": usd} for name, usd in venues.items()}
        tree = bare(kept.epoch, number, at)
        tree["sources"] = {name: {"title": name, "kind": "venue", "grade": "final"} for name in venues}
        tree["unrealised"] = {"grade": "final", "usd": str(sum(map(int, venues.values())))}
        if len(venues) > 1:
            tree["venues"] = {name: {"unrealised": each, "exposure": "0"} for name, each in figures.items()}
        kept.append(from_json(tree))

    for number in range(1, 101):
        published(number, NOW + timedelta(seconds=number), kalshi=str(number))
    assert kept.opening("hedge", NOW) is None
    for number in range(101, 111):
        published(number, NOW + timedelta(seconds=number), kalshi=str(number), hedge="-5")

    early, late = NOW + timedelta(seconds=50), NOW + timedelta(seconds=105)
    for venue, at, usd, since in (
        ("hedge", early, -5, 101),
        ("hedge", late, -5, 105),
        ("kalshi", early, 50, 50),
        ("kalshi", late, 105, 105),
    ):
        opening = kept.opening(venue, at)
        assert opening is not None
        assert (opening.usd, opening.as_of) == (usd, NOW + timedelta(seconds=since)), (venue, at)
