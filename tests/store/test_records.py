"""The record store: once under a key, revisions kept, evidence beside them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from exporter.records import Answer, BillChange, Change, Record, UsageHour
from exporter.store import PageEnd, Store
from exporter.store.readings import IDLE_ANSWERS_KEPT
from exporter.store.rows import parsed, write
from tests.builders import NAMES, NOW, bill, fill, key_usage, sale, settlement, usage
from tests.examples import examples

EVERY_KIND: list[Record] = [
    fill("buy yes 10.00 @ 0.4000 fee 0.168000"),
    settlement("3.00 / 0.900000", "8.00 / 4.800000", "no", "5.00", fee="0.178500"),
    sale("12.30", fee="0.40", tax="2.34", refunds={NOW: "1.00"}),
    bill(NOW.date(), "0.40922816", "-0.01"),
    usage(NOW, "0.000000123"),
    usage(NOW + timedelta(hours=1), None),
    key_usage(NOW.date(), "apikey_1"),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store.write(tmp_path / "northstar.sqlite3") as opened:
        yield opened


def answer(body: bytes = b'{"fills": []}', request: str = "GET /fills") -> Answer:
    return Answer(source="kalshi", request=request, status=200, fetched_at=NOW, body=body)


def book(store: Store, *records: Record, answers: tuple[Answer, ...] = ()) -> list[Change]:
    return list(store.records.book("kalshi", records, answers, as_of=NOW, recorded_at=NOW).changes)


def test_every_kind_comes_back_exactly(store: Store) -> None:
    """Decimals with all their digits, times with their microseconds, None as None."""
    book(store, *EVERY_KIND)
    back = [record for record in store.records.replay(NAMES) if not isinstance(record, BillChange)]
    assert sorted(back, key=repr) == sorted(EVERY_KIND, key=repr)
    for record in back:
        assert record in EVERY_KIND


@pytest.mark.parametrize(
    ("record", "later"),
    [
        (bill(NOW.date(), "1.00"), ("tier", "context_window", "geo")),
        (usage(NOW, "1.00"), ("cost_high", "context_window", "costs", "uncached")),
    ],
)
def test_a_record_of_before_a_field_was_kept_is_still_read(record: Record, later: tuple[str, ...]) -> None:
    """What a record is asked for grows; what was stored before stays readable."""
    stored = json.loads(write(record))
    for line in stored["lines"]:
        for name in later:
            del line[name]
    assert parsed(record.source, record.kind, json.dumps(stored)) == record


def test_same_reading_again_changes_nothing(store: Store) -> None:
    """Readings overlap on purpose."""
    bill_change = 1  # what is noted with the bill
    assert len(book(store, *EVERY_KIND)) == len(EVERY_KIND) + bill_change
    assert book(store, *EVERY_KIND) == []
    assert book(store, EVERY_KIND[0], EVERY_KIND[0]) == []


def test_equal_amounts_written_differently_are_no_revision(store: Store) -> None:
    """0.40 and 0.4000 are the same price."""
    one = fill("buy yes 10 @ 0.40", fill_id="f")
    book(store, one)
    assert book(store, replace(one, price=Decimal("0.4000"))) == []


def test_changed_record_is_a_revision_and_the_old_one_stays(store: Store) -> None:
    """Nothing is edited; the newest revision counts."""
    book(store, sale("10"))
    assert book(store, sale("11")) == [Change(sale("10"), sale("11"))]
    assert store.records.revisions("sales", "sale", "s-1") == [sale("10"), sale("11")]
    assert list(store.records.replay(NAMES)) == [sale("11")]
    assert store.records.of_scope("sales", "s-1") == [sale("11")]


@pytest.mark.parametrize(
    ("full", "empty"),
    [
        (bill(NOW.date(), "5.00"), bill(NOW.date())),
        (usage(NOW, "1.00"), UsageHour(source="anthropic", at=NOW, lines=())),
        (key_usage(NOW.date(), "apikey_1"), key_usage(NOW.date())),
    ],
)
def test_a_report_that_lost_its_lines_is_no_report_of_nothing(
    store: Store, full: Record, empty: Record
) -> None:
    """What was told stays while it is gone; nothing may become something."""
    assert Change(None, empty) in book(store, empty)
    assert Change(empty, full) in book(store, full)
    assert book(store, empty) == []
    assert [record for record in store.records.replay(NAMES) if not isinstance(record, BillChange)] == [full]


def test_two_versions_in_one_reading_are_one_change(store: Store) -> None:
    """The ledger hears of it once, from what it knew to what counts now."""
    book(store, sale("10"))
    assert book(store, sale("11"), sale("12")) == [Change(sale("10"), sale("12"))]
    assert len(store.records.revisions("sales", "sale", "s-1")) == 3


def test_fills_of_one_moment_are_replayed_as_they_were_executed(store: Store) -> None:
    """An order's best price first, whatever the ids say."""
    worst = fill("buy yes 1 @ 0.6", fill_id="a", order="o")
    best = fill("buy yes 1 @ 0.5", fill_id="b", order="o")
    book(store, worst, best)
    assert list(store.records.replay(NAMES)) == [best, worst]
    assert store.records.replayed(NAMES, None, store.records.newest_id(), 10) == ([best, worst], None)


def test_a_fill_of_before_its_order_was_kept_gets_it_with_the_next_reading(store: Store) -> None:
    """Its body still says where it stood in the list; that is read over."""
    old = parsed(
        "kalshi", "fill", write(fill("buy yes 1 @ 0.5"))[:-1].replace(',"order_id":""', ',"newer":1') + "}"
    )
    assert old == fill("buy yes 1 @ 0.5")
    book(store, old)
    known = replace(old, order_id="o")
    assert book(store, known) == [Change(old, known)]


def test_replay_is_in_order_of_time(store: Store) -> None:
    """However they arrived."""
    fills = [fill("buy yes 1 @ 0.5", at=NOW + timedelta(microseconds=n), fill_id=f"{n}") for n in range(20)]
    shuffled = fills[:]
    random.Random(7).shuffle(shuffled)
    for one in shuffled:
        book(store, one)
    assert list(store.records.replay(NAMES)) == fills


def test_watermark_is_kept_with_the_records(store: Store) -> None:
    """A restart asks from where the last complete reading ended."""
    assert store.records.watermark("kalshi") is None
    book(store)
    mark = store.records.watermark("kalshi")
    assert mark is not None
    assert (mark.as_of, mark.last_success) == (NOW, NOW)


def test_record_leads_back_to_the_answers_it_was_read_from(store: Store) -> None:
    """A figure can be explained down to the raw bytes."""
    pages = (answer(b"page one", "GET /fills?cursor="), answer(b"page two", "GET /fills?cursor=2"))
    book(store, fill("buy yes 1 @ 0.5", fill_id="f"), answers=pages)
    assert store.records.answers_of("kalshi", "fill", "f") == list(pages)
    assert store.records.answers_of("kalshi", "fill", "unknown") == []


def test_equal_answers_are_kept_once_and_idle_ones_go_after_a_while(store: Store) -> None:
    """Polling fills no disk: a repeat says nothing new, and quotes of last week are let go."""
    evidence = answer(b"with a record", "GET /fills?min_ts=1")
    book(store, fill("buy yes 1 @ 0.5", fill_id="f"), answers=(evidence,))
    for _ in range(3):
        book(store, answers=(answer(b"quotes"),))
    book(store, answers=(answer(b"other quotes"),))
    assert kept(store) == 3
    assert store.records.prune(NOW + IDLE_ANSWERS_KEPT - timedelta(seconds=1)) == 0
    assert store.records.prune(NOW + IDLE_ANSWERS_KEPT + timedelta(seconds=1)) == 2
    assert kept(store) == 1
    assert store.records.answers_of("kalshi", "fill", "f") == [evidence]


def test_refused_answer_is_kept_raw_and_nothing_of_it_is_booked(store: Store) -> None:
    """So that a human can see what the source really sent."""
    store.records.keep_refused("kalshi", [answer(b"<html>")], recorded_at=NOW, sentence="It was HTML.")
    with store.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT booked, error FROM readings").one()
    assert tuple(row) == (0, "It was HTML.")
    assert list(store.records.replay(NAMES)) == []
    assert store.records.watermark("kalshi") is None


def kept(store: Store) -> int:
    with store.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM bodies").scalar_one())


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), max_size=12), st.data())
def test_any_batching_ends_at_the_same_records(
    tmp_path_factory: pytest.TempPathFactory, versions: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Changes chain: each one's old is the one before it, and the last ones are what replay yields."""
    with Store.write(tmp_path_factory.mktemp("store") / "db.sqlite3") as store:
        newest: dict[str, Record] = {}
        rest = [sale(f"{gross}", sale_id=f"s-{key}") for key, gross in versions]
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            batch, rest = rest[:size], rest[size:]
            for change in book(store, *batch):
                assert change.old == newest.get(change.new.key)
                newest[change.new.key] = change.new
        assert {record.key: record for record in store.records.replay(NAMES)} == newest


def test_a_bill_notes_the_estimate_it_replaced_and_a_changed_bill_what_it_was(store: Store) -> None:
    """In the same commit, with the time of it: usage read anew later cannot change what we said then."""
    day = (NOW - timedelta(days=1)).date()
    early, late = NOW.replace(hour=3) - timedelta(days=1), NOW.replace(hour=15) - timedelta(days=1)
    book(store, usage(early, "1.00"), usage(late, "2.00"), usage(late, "2.50"), usage(NOW, "9.00"))
    changes = book(store, bill(day, "3.00", "0.75"))
    first = changes[-1].new
    assert isinstance(first, BillChange)
    assert (first.day, first.number, first.before, first.amount, first.hours) == (
        day,
        1,
        None,
        Decimal("3.75"),
        2,
    )
    assert [(row.name, row.cost, row.high) for row in first.estimate] == [
        ("claude-sonnet-5-5", Decimal("3.50"), Decimal("3.50"))
    ]
    assert book(store, bill(day, "3.00", "0.75")) == []
    book(store, usage(late, "7.00"))
    second = book(store, bill(day, "3.25"))[-1].new
    assert isinstance(second, BillChange)
    assert (second.number, second.before, second.amount, second.estimate) == (
        2,
        Decimal("3.75"),
        Decimal("3.25"),
        (),
    )
    assert [record for record in store.records.replay(NAMES) if isinstance(record, BillChange)] == [
        first,
        second,
    ]


def test_a_bill_and_its_usage_of_one_reading_belong_together(store: Store) -> None:
    """The first reading brings both; the estimate is the one of that reading."""
    changes = book(store, bill(NOW.date(), "2.00"), usage(NOW, "1.00"))
    (bill_change,) = (change.new for change in changes if isinstance(change.new, BillChange))
    assert [row.cost for row in bill_change.estimate] == [Decimal("1.00")]


def test_a_bill_that_vanishes_is_not_a_free_day(store: Store) -> None:
    """An empty day never replaces lines; lines replace an empty day."""
    book(store, bill(NOW.date()))
    assert book(store, bill(NOW.date(), "2.00")) != []
    assert book(store, bill(NOW.date())) == []
    assert book(store, bill(NOW.date(), "0.00")) != []


def test_two_sources_call_things_alike_and_never_touch(store: Store) -> None:
    """The same fill, market, day and sale of two accounts, organizations and shops are two of each."""
    day = (NOW - timedelta(days=1)).date()
    early = NOW.replace(hour=3) - timedelta(days=1)
    pairs = [
        (fill("buy yes 1 @ 0.5", fill_id="f"), "hedge", {"price": Decimal("0.75")}),
        (settlement("1 / 0.5", "0 / 0", "yes", "1.00"), "hedge", {"payout": Decimal("2.00")}),
        (usage(early, "1.00"), "lab", {"lines": usage(early, "5.00").lines}),
        (bill(day, "1.50"), "lab", {"lines": bill(day, "7.00").lines}),
        (sale("10"), "etsy", {"gross": Decimal(20)}),
    ]
    ours = [record for record, _, _ in pairs]
    theirs = [replace(record, source=name, **other) for record, name, other in pairs]
    book(store, *ours)
    changes = book(store, *theirs)
    assert [change for change in changes if change.old is not None] == []
    assert book(store, *ours, *theirs) == []
    assert sorted(map(key_of, changes)) == sorted(map(key_of, [*theirs, *bill_changes(changes)]))
    (note,) = bill_changes(changes)
    assert (note.source, note.amount, [row.cost for row in note.estimate]) == ("lab", 7, [Decimal("5.00")])
    for mine, other in zip(ours, theirs, strict=True):
        assert store.records.revisions(mine.source, mine.kind, mine.key) == [mine]
        assert store.records.revisions(other.source, other.kind, other.key) == [other]
        assert mine in store.records.of_scope(mine.source, mine.scope)
        assert other not in store.records.of_scope(mine.source, mine.scope)
    assert store.records.fills_of("hedge", ["M"]) == {"M": [theirs[0]]}
    assert list(store.records.replay(["hedge"])) == theirs[:2]
    paged, place = store.records.replayed(["kalshi", "etsy"], None, store.records.newest_id(), 100)
    assert ({record.source for record in paged}, place) == ({"kalshi", "etsy"}, None)
    found = store.histories.found("hedge")
    assert (found.fills, found.settlements, found.markets) == (1, 1, 1)


def key_of(record: Change | Record) -> tuple[str, str, str]:
    if isinstance(record, Change):
        record = record.new
    return record.source, record.kind, record.key


def bill_changes(changes: list[Change]) -> list[BillChange]:
    return [change.new for change in changes if isinstance(change.new, BillChange)]


@pytest.mark.parametrize("ask", ["replay", "first page", "next page", "scopes of today"])
def test_what_goes_by_time_walks_along_the_index_of_time(store: Store, ask: str) -> None:
    """SQLite would rather look a source up and sort all it has: a page of a replay would take seconds."""
    with recorded(store) as asked:
        if ask == "replay":
            list(store.records.replay(NAMES))
        elif ask == "scopes of today":
            store.evidence.scopes("kalshi", ["fill", "settlement"], NOW - timedelta(hours=1), NOW)
        else:
            place = None if ask == "first page" else PageEnd(1, "fill", "f", "kalshi", given=0)
            store.records.replayed(NAMES, place, 1_000, 10)
    statement, values = asked[0]
    with store.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    steps = [step.detail for step in plan]
    assert "USING INDEX records_by_moment" in steps[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps


@contextmanager
def recorded(store: Store, what: str = "SELECT") -> Iterator[list[tuple[str, Any]]]:
    """Yield what is asked of the database meanwhile."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith(what):
            asked.append((statement, values))

    event.listen(store.engine, "before_cursor_execute", note)
    yield asked
    event.remove(store.engine, "before_cursor_execute", note)


def test_a_replay_by_pages_gives_what_one_in_one_go_gives(store: Store) -> None:
    """Also where records of several sources share a moment, and a page ends between them."""
    names = ("kalshi", "hedge", "third")
    fills = [fill("buy yes 1 @ 0.5", fill_id=f"f{n}", source=name) for n in range(5) for name in names]
    book(store, *fills)
    upto, place, found = store.records.newest_id(), None, []
    while True:
        page, place = store.records.replayed(names, place, upto, 4)
        found += page
        if place is None:
            break
    assert found == list(store.records.replay(names))
    assert sorted(map(key_of, found)) == sorted(map(key_of, fills))


def test_what_a_replay_has_read_is_let_go_of(store: Store) -> None:
    """The pages stay in memory otherwise, as many as the cache takes, and nobody asks for them again."""
    book(store, *(fill("buy yes 1 @ 0.5", fill_id=f"f{number}") for number in range(20)))
    with recorded(store, "PRAGMA") as asked:
        store.let_go()
    assert [statement for statement, _ in asked] == ["PRAGMA shrink_memory"]
    assert len(list(store.records.replay(["kalshi"]))) == 20


def test_a_pinned_store_stays_as_it_was(tmp_path: Path) -> None:
    """All that one answer asks is of one state, whatever is committed meanwhile; the next one sees it."""
    path = tmp_path / "northstar.sqlite3"
    with Store.write(path) as writer:
        writer.records.book("sales", [sale("1.00")], (), as_of=NOW, recorded_at=NOW)
        with Store.pinned(path) as pinned:
            writer.records.book("sales", [sale("2.00", sale_id="s-2")], (), as_of=NOW, recorded_at=NOW)
            assert [pinned.records.newest_id() for _ in range(3)] == [1, 1, 1]
            assert len(list(pinned.records.replay(["sales"]))) == 1
            with Store.read(path) as reader:
                assert reader.records.newest_id() == 2
        with Store.pinned(path) as pinned:
            assert pinned.records.newest_id() == 2
