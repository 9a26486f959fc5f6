"""Rows that are set aside: kept with their reading, released when they are over, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exporter.records import MORE, Aside, BilledDay, BilledLine, Listed
from exporter.store import Store, asides
from tests.builders import NOW, fill

HOUR = timedelta(hours=1)


def odd(key: str = "f-1", **changes: Any) -> Aside:
    """Return a fill of an hour ago without a fee."""
    usual = Aside(
        source="kalshi",
        listed="fills",
        key=key,
        field="fills.fee_cost",
        what="is missing",
        row=b'{"fill_id":"f-1"}',
        at=NOW - HOUR,
        since=NOW - HOUR,
        scope="M",
        record=f"fill/{key}",
    )
    return replace(usual, **changes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.write(tmp_path / "store.sqlite3") as opened:
        yield opened


def book(store: Store, *aside: Aside, records: Any = (), since: Any = NOW, at: Any = NOW) -> None:
    """Keep a reading of the fills from a time on."""
    store.records.book(
        "kalshi",
        records,
        (),
        as_of=at,
        recorded_at=at,
        aside=aside,
        listed=[Listed("fills", since)],
    )


def standing(store: Store) -> list[str]:
    return [each.key for each in store.asides.open("kalshi")]


def test_a_row_stands_open_until_it_is_read(store: Store, tmp_path: Path) -> None:
    """Also in the next process; and how it ended stays to be seen."""
    book(store, odd())
    assert store.asides.open("kalshi") == (odd(),)
    store.close()
    with Store.write(tmp_path / "store.sqlite3") as again:
        assert again.asides.open("kalshi") == (odd(),)
        book(again, records=[fill("buy yes 1 @ 0.5", fill_id="f-1")], at=NOW + HOUR)
        assert standing(again) == []
        with again.engine.connect() as connection:
            ended = connection.exec_driver_sql("SELECT how, first_seen, last_seen FROM aside").all()
        assert [row.how for row in ended] == ["read"]


def test_a_row_that_its_list_no_longer_has_is_gone(store: Store) -> None:
    """A list that reaches back to it would have it; one that does not says nothing."""
    book(store, odd())
    book(store, since=NOW - HOUR / 2)
    assert standing(store) == ["f-1"]
    book(store, since=NOW - 2 * HOUR)
    assert standing(store) == []


def test_a_list_from_the_beginning_has_every_row(store: Store) -> None:
    """Whatever its time, and if nobody knows it."""
    book(store, odd("a", at=None, since=None), odd("b"))
    book(store, since=NOW - 1000 * HOUR)
    assert standing(store) == ["a"]
    book(store, since=None)
    assert standing(store) == []


def test_every_listing_narrows_the_time_of_a_row_without_one(store: Store) -> None:
    """It lies between the latest start and the earliest end of what was asked for."""
    book(store, odd(at=NOW, since=None))
    book(store, odd(at=NOW + HOUR, since=NOW - 2 * HOUR))
    [known] = store.asides.open("kalshi")
    assert (known.since, known.at) == (NOW - 2 * HOUR, NOW)


def test_more_rows_than_are_kept_are_one_entry(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many, and is over when a list has no more of them."""
    monkeypatch.setattr(asides, "KEPT_OPEN", 2)
    rows = [odd(f"f-{number}") for number in range(5)]
    for _ in range(2):
        book(store, *rows)
        assert standing(store) == ["f-0", "f-1", MORE]
        assert [each.count for each in store.asides.open("kalshi")] == [1, 1, 3]
    book(store, *rows[:2], since=None)
    assert standing(store) == ["f-0", "f-1"]


def test_nothing_is_kept_of_a_reading_that_is_not(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and records are one commit: what stands open is what is in the database."""
    monkeypatch.setattr(store.records._readings, "end", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        book(store, odd())
    assert standing(store) == []


def test_what_is_over_is_forgotten_in_time(store: Store) -> None:
    """A table of what was odd years ago helps nobody."""
    book(store, odd())
    book(store, since=None)
    store.records.prune(NOW + asides.RELEASED_KEPT + HOUR)
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM aside").scalar() == 0


def line(description: str, amount: int) -> BilledLine:
    return BilledLine(
        workspace="default", description=description, amount=Decimal(amount),
        cost_type="tokens", model="m", token_type="output_tokens",
    )  # fmt: skip


def bill(*lines: BilledLine) -> BilledDay:
    return BilledDay(source="anthropic", day=NOW.date(), lines=lines)


def test_a_bill_of_which_a_row_is_odd_keeps_the_line_that_it_was(store: Store) -> None:
    """What is read of it counts, and what is not was a good line a day ago: it has not become nothing."""
    one, two, dearer = line("one", 1), line("two", 2), line("one", 5)
    row = odd(source="anthropic", listed="cost", record=f"billed_day/{NOW.date()}")
    for lines, aside, known in (
        ((one, two), (), (one, two)),
        ((dearer,), (row,), (dearer, two)),
        ((dearer,), (), (dearer,)),
    ):
        store.records.book("anthropic", [bill(*lines)], (), as_of=NOW, recorded_at=NOW, aside=aside)
        assert store.records.of_scope("anthropic", str(NOW.date()))[0] == bill(*known)


def test_a_row_that_a_later_version_reads_goes_into_the_books(store: Store) -> None:
    """With the row as its evidence; it stands open no more."""
    book(store, odd())
    read = fill("buy yes 1 @ 0.5", fill_id="f-1")
    assert store.asides.unread("kalshi") == []
    [entry] = store.asides.unread("kalshi", "another version")
    assert store.records.reread(entry.aside, [read], first_seen=NOW, recorded_at=NOW + HOUR) == 1
    assert standing(store) == []
    [answer] = store.records.answers_of("kalshi", "fill", "f-1")
    assert answer.body == odd().row
