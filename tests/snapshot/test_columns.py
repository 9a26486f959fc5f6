"""The short row of each stored snapshot, and what of it is of one source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from exporter.ledger import SourceState, state
from exporter.records import Record, SourceInfo
from exporter.snapshot import HISTORY_COLUMNS, Cursor, Snapshot, history_row, of_source
from exporter.store import Store
from exporter.stream.history import question
from tests.builders import NOW, SOURCES, Books, balance, fill, infos, mark, of

HEDGE = SourceInfo("hedge", "Kalshi (hedge)", "venue")
TWO = (*SOURCES, HEDGE)


def stated(
    books: Books, sources: Sequence[SourceInfo], epoch: str = "e", sequence: int = 1, minutes: int = 0
) -> Snapshot:
    """Return the snapshot of these books."""
    at = NOW + timedelta(minutes=minutes)
    fresh = SourceState(as_of=at, last_success=at)
    states = {info.name: fresh for info in sources}
    return state(books.ledger, now=at, cursor=Cursor(epoch, sequence), sources=states, openings={})


def both(ours: str = "0.50", theirs: str = "0.30") -> Books:
    """Ten contracts at each of two venues, in one market and at two prices."""
    traded: list[Record] = [fill("buy yes 10 @ 0.40"), *of("hedge", fill("buy yes 10 @ 0.40"))]
    books = Books(*traded, sources=TWO)
    books.ledger.observe([mark(bid=ours), balance("5"), *of("hedge", mark(bid=theirs), balance("7"))])
    return books


def test_a_row_of_single_sources_has_its_columns_and_whose_the_unrealised_is() -> None:
    """So that a second venue, if one comes, never takes the first one's value for its own."""
    row = history_row(stated(Books(sources=SOURCES), SOURCES))
    assert tuple(row) == (*HISTORY_COLUMNS, "unrealised@kalshi", "unrealised.grade@kalshi")


def test_a_row_of_two_venues_says_what_each_brought_and_holds() -> None:
    """The columns without a source are the sums."""
    row = history_row(stated(both(), TWO))
    assert (row["all.net@kalshi"], row["all.net@hedge"], row["all.net"]) == ("1.00", "-1.00", "0.00")
    assert (row["cash@kalshi"], row["cash@hedge"], row["cash"]) == ("5.00", "7.00", "12.00")
    assert (row["unrealised@hedge"], row["unrealised.grade@hedge"]) == ("-1.00", "final")
    assert of_source("all.trading_fees", "hedge") in row


def test_no_row_speaks_of_a_venue_where_there_is_none() -> None:
    """A company that sells and does not trade has no column of trading by source."""
    sources = infos("sales")
    assert tuple(history_row(stated(Books(sources=sources), sources))) == HISTORY_COLUMNS


def test_each_venue_is_measured_from_its_own_value_at_the_start(tmp_path: Path) -> None:
    """Its value is looked up by its name; a venue that was not there yet has none before its first row."""
    with Store.write(tmp_path / "n.sqlite3") as store:
        epoch = store.snapshots.epoch
        alone = Books(fill("buy yes 10 @ 0.40"))
        alone.ledger.observe([mark(bid="0.45")])
        store.snapshots.append(stated(alone, SOURCES, epoch, 1))
        store.snapshots.append(stated(both(), TWO, epoch, 2, minutes=10))
        early, late = NOW + timedelta(minutes=5), NOW + timedelta(minutes=15)
        found = {name: store.snapshots.opening(name, late) for name in ("kalshi", "hedge")}
        assert {name: opening and opening.usd for name, opening in found.items()} == {
            "kalshi": Decimal("1.00"),
            "hedge": Decimal("-1.00"),
        }
        first = store.snapshots.opening("kalshi", early)
        assert first is not None
        assert (first.usd, first.as_of) == (Decimal("0.50"), NOW)
        later = store.snapshots.opening("hedge", early)
        assert later is not None
        assert later.as_of == NOW + timedelta(minutes=10), "the earliest there is, which the caller grades"


def test_a_field_of_one_source_may_be_asked_for() -> None:
    """As today.net@hedge: what a row does not say has no value, and a figure that is none is refused."""
    asked = question(None, None, None, ["today.net@hedge,cash@hedge"], NOW)
    assert asked.fields == ("today.net@hedge", "cash@hedge")
