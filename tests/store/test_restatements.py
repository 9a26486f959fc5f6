"""The log of restatements: kept with the revisions that it names, paged, and the same after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.records import Aside, Record
from exporter.store import Store
from tests.builders import NOW, fill, sale

D = Decimal
HOUR = timedelta(hours=1)
FILL = fill("buy yes 10 @ 0.40 fee 0.07", fill_id="f-1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.write(tmp_path / "store.sqlite3") as opened:
        yield opened


def book(store: Store, *records: Record, since: datetime | None = None, at: datetime = NOW) -> None:
    """Keep a reading; all before `since` had been read already. What it is said to restate is noted."""
    before, _ = store.restatements.known()
    booked = store.records.book(records[0].source, records, (), as_of=at, recorded_at=at, since=since)
    noted = store.restatements.entries(store.restatements.known()[0] - before)
    restated = [(change.old, change.new) for change in booked.restated]
    assert sorted(restated, key=repr) == sorted(((each.old, each.new) for each in noted), key=repr)
    assert all(change in booked.changes for change in booked.restated)


def test_each_restatement_is_what_was_said_and_what_is(store: Store) -> None:
    """In the order in which they were read, the newest first; a first listing in its time is none."""
    amended = replace(FILL, fee=D("0.08"))
    book(store, FILL, fill("buy no 1 @ 0.10", fill_id="f-2"))
    assert store.restatements.known() == (0, ())
    book(store, amended, since=NOW - HOUR)
    book(store, replace(amended, voided=True), since=NOW - HOUR, at=NOW + HOUR)
    late = fill("buy yes 1 @ 0.50", fill_id="f-3", at=NOW - 3 * HOUR)
    book(store, late, replace(amended, voided=True), since=NOW - HOUR, at=NOW + HOUR)
    found = store.restatements.entries(10)
    assert [(each.old, each.new) for each in found] == [
        (None, late),
        (amended, replace(amended, voided=True)),
        (FILL, amended),
    ]
    assert [each.read_at for each in found] == [NOW + HOUR, NOW + HOUR, NOW]
    assert store.restatements.known() == (3, tuple(reversed(found)))
    with Store.read(store.path) as again:
        assert again.restatements.known() == store.restatements.known()


def test_the_log_is_paged_and_asked_for_by_source(store: Store) -> None:
    """A page goes on before the last number of the one before it."""
    made = sale("20", sale_id="s-1", source="sales")
    book(store, made)
    for gross in range(21, 28):
        book(store, replace(made, gross=D(gross), updated_at=made.updated_at + gross * HOUR), since=NOW)
    book(store, FILL)
    book(store, replace(FILL, fee=D(1)), since=NOW)
    whole = store.restatements.entries(100)
    assert len(whole) == 8
    pages, before = [], None
    while page := store.restatements.entries(3, before):
        pages += page
        before = page[-1].number
    assert pages == whole
    assert [each.new.source for each in store.restatements.entries(10, source="kalshi")] == ["kalshi"]
    assert [each.number for each in store.restatements.known()[1]] == [each.number for each in whole[4::-1]]


def test_a_row_that_was_aside_and_is_read_by_a_later_version_restates(store: Store) -> None:
    """Figures were without it until then."""
    aside = Aside(
        source="kalshi", listed="fills", key="f-1", field="fills.fee_cost", what="is missing", row=b"{}",
        at=NOW, since=NOW, record="fill/f-1",
    )  # fmt: skip
    store.records.book("kalshi", (), (), as_of=NOW, recorded_at=NOW, aside=[aside])
    store.records.reread(aside, [FILL], first_seen=NOW, recorded_at=NOW + HOUR)
    assert [(each.old, each.new) for each in store.restatements.entries(10)] == [(None, FILL)]
