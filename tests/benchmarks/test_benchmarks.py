"""The benchmarks still run: their pure parts with tiny sizes, no process, no clock asserted."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.snapshot import apply, decode, diff, encode, plain_json
from exporter.store import Store

from . import backup, books, commit, database, delta, history, scrape, scrub, size, storm, tick
from .__main__ import MODULES, page, run
from .scale import TINY
from .table import Row, markdown, most, percentile, timed, unmeasured
from .workshop import Workshop, frozen, moving


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, TINY)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """The smallest that the share does not exceed, also of few."""
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([1.0], 99) == 1.0
    assert percentile([float(number) for number in range(1, 101)], 99) == 99.0


def test_a_verdict_says_within_over_or_nothing() -> None:
    """What was not measured did not keep its budget."""
    assert timed("t", [0.001], 5).within is True
    assert most("m", 11, 10, "%").cells[3] == "**over**"
    assert Row("size", "", "1 byte").cells[3] == ""
    assert unmeasured("u", "5 s", "no port").within is False


def test_a_table_has_one_line_a_row() -> None:
    """Under two lines of heading."""
    assert len(markdown([Row("a", "", "1"), Row("b", "2 x", "3 x", False)]).splitlines()) == 4


def test_the_generated_past_books_without_a_doubt_and_is_always_the_same() -> None:
    """Every kind of record is in it, settlements agree with their fills, the books balance."""
    size_of_it = books.Size(2_000, 20)
    kinds = Counter(record.kind for record in books.past(size_of_it))
    assert set(kinds) == {"fill", "settlement", "sale", "usage_hour", "billed_day"}
    filled = books.ledger(size_of_it)
    filled.prove()
    assert not filled.venues["kalshi"].portfolio.disagreeing
    assert len(filled.venues["kalshi"].portfolio.positions) == 20
    assert list(books.past(size_of_it)) == list(books.past(size_of_it))


def test_a_database_made_at_once_reads_back_as_the_store_wrote_it(workshop: Workshop) -> None:
    """Records replay, the newest snapshot is whole, its neighbours follow each other."""
    one, two = moving(workshop.ledger(100, 5), "", 2)
    path = workshop.folder / "made.sqlite3"
    database.with_snapshots(path, 120, history.EVERY, books.NOW, one, two)
    with Store.read(path) as store:
        newest = store.snapshots.latest()
        assert newest is not None
        assert newest["sequence"] == 120
        assert newest["epoch"] == store.snapshots.epoch
    count = database.with_records(workshop.folder / "records.sqlite3", books.Size(100, 5), one)
    with Store.read(workshop.folder / "records.sqlite3") as store:
        assert sum(1 for _ in store.records.replay(database.SOURCES)) == count


def test_moving_snapshots_follow_from_their_deltas(workshop: Workshop) -> None:
    """What is measured as a delta is one."""
    for before, after in pairwise(moving(workshop.ledger(100, 5), "bench", 4)):
        patch = decode(encode(diff(before, after)))
        assert apply(plain_json(before), patch) == plain_json(after)


def test_each_benchmark_that_needs_no_process_runs(workshop: Workshop) -> None:
    """With tiny sizes, whatever the times."""
    rows = [
        *tick.measure(workshop),
        *commit.measure(workshop),
        scrape.rendered(workshop, 5),
        *size.snapshots(workshop),
        *backup.measure(workshop),
        *(scrubbed := scrub.measure(workshop)),
        delta.share("delta", [frozen(workshop.ledger(100, 5), "bench", number) for number in (1, 2)]),
    ]
    assert all(row.measured for row in rows)
    assert ", 0 damaged;" in scrubbed[0].measured


def test_clients_of_a_killed_sidecar_come_back_with_their_cursor(workshop: Workshop) -> None:
    """A small storm through real processes: nothing is lost or repeated."""
    found = storm._row("storm", storm.Storm(workshop, "storm"), "at-once", storm._killed)
    assert found.within, found.measured


def test_a_benchmark_that_breaks_is_a_row_and_stops_no_other() -> None:
    """And the page names how each was measured."""
    told: list[str] = []
    rows = run(TINY, [tick], told.append)
    assert rows
    text = page(rows, 1.0, 0.0)
    assert all(f"**{module.__name__.rpartition('.')[2]}.**" in text for module in MODULES)
