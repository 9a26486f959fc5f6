"""How many sales and refunds a window has: as a recount of the records says, whatever became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ledger import windows
from exporter.ledger.sales.orders import Counts
from exporter.records import Refund, Sale
from exporter.snapshot import WINDOWS
from tests.builders import NOW, UTC_ZONE, Books, fill, sale
from tests.examples import examples

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
STATUSES = ("paid", "pending", "void")


def counted(books: Books, window: str = "all", now: datetime = NOW) -> tuple[int, int]:
    """Return orders and refunds of a window."""
    counts = books.ledger.counts(now)[window]["sales"]
    return counts.orders, counts.refunds


def test_a_sale_counts_when_it_was_made_and_a_refund_when_it_is_given() -> None:
    """A sale of last month refunded today is an order of last month and a refund of today."""
    books = Books(sale("100", at=NOW - 40 * DAY, refunds={NOW - HOUR: "30"}))
    assert counted(books, "today") == (0, 1)
    assert counted(books, "30d") == (0, 1)
    assert counted(books) == (1, 1)


def test_only_a_paid_sale_is_an_order() -> None:
    """A pending one counts when it is paid, at the time it was made; a void one not at all."""
    made = NOW - 2 * DAY
    books = Books(sale("10", status="pending", at=made, refunds={NOW: "1"}))
    assert counted(books) == (0, 0)
    books.book(sale("10", at=made, refunds={NOW: "1"}))
    assert (counted(books), counted(books, "today")) == ((1, 1), (0, 1))
    books.book(sale("10", status="void", at=made, refunds={NOW: "1"}))
    assert counted(books) == (0, 0)


def test_a_corrected_sale_is_still_one_order() -> None:
    """A new price, fee or refund takes the old revision back; one that is moved counts where it is now."""
    books = Books(sale("10", at=NOW - 2 * DAY))
    books.book(sale("12.50", at=NOW - 2 * DAY, fee="0.30"))
    books.book(sale("12.50", at=NOW - 2 * DAY, fee="0.30", refunds={NOW: "5", NOW - HOUR: "1"}))
    assert (counted(books), counted(books, "today")) == ((1, 2), (0, 2))
    books.book(sale("12.50", at=NOW - HOUR, fee="0.30", refunds={NOW: "5"}))
    assert (counted(books), counted(books, "today")) == ((1, 1), (1, 1))


def test_a_sale_given_away_is_an_order() -> None:
    """It brought nothing and was made all the same: the average order is lower for it."""
    assert counted(Books(sale("0"), sale("8", sale_id="s-2"))) == (2, 0)


def test_trading_sells_nothing() -> None:
    """A fill is no order."""
    assert counted(Books(fill("buy yes 10 @ 0.40"))) == (0, 0)


def test_a_window_forgets_what_its_start_has_passed() -> None:
    """Half open: an event at the start is in, one a microsecond before it is not."""
    books = Books(sale("1", at=NOW - DAY), sale("1", sale_id="s-2", at=NOW - DAY + HOUR))
    assert counted(books, "24h") == (2, 0)
    assert counted(books, "24h", NOW + timedelta(microseconds=1)) == (1, 0)
    assert counted(books, "24h", NOW + 2 * HOUR) == (0, 0)
    assert counted(books) == (2, 0)


moments = st.integers(-60 * 24 * 60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
sales = st.builds(
    lambda number, at, status, gross, refunds: Sale(
        source="sales",
        sale_id=f"s-{number}",
        at=at,
        updated_at=at,
        status=status,
        gross=Decimal(gross),
        fee=Decimal(0),
        tax=Decimal(0),
        customer="c",
        product="p",
        refunds=tuple(
            Refund(refund_id=f"r-{place}", amount=Decimal(1), at=given) for place, given in enumerate(refunds)
        ),
    ),
    st.integers(0, 9),
    moments,
    st.sampled_from(STATUSES),
    st.integers(0, 3),
    st.lists(moments, max_size=3),
)


def recount(records: Iterable[Sale], start: datetime | None, now: datetime) -> Counts:
    """Count a window's sales until now one by one, from the newest revision of each."""
    paid = [each for each in records if each.status == "paid"]
    times = [refund.at for each in paid for refund in each.refunds]
    return Counts(
        sum((start is None or each.at >= start) and each.at <= now for each in paid),
        sum((start is None or given >= start) and given <= now for given in times),
    )


@settings(max_examples=examples(150))
@given(
    st.lists(st.tuples(st.lists(sales, max_size=4), st.integers(0, 3 * 24 * 60)), max_size=12),
    st.sampled_from(ZONES),
)
def test_counts_equal_a_recount_of_the_records(readings: list[tuple[list[Sale], int]], zone: str) -> None:
    """In every window, with revisions, refunds over its edges, any zone, and time that passes."""
    books, now = Books(zone=ZoneInfo(zone)), NOW
    for records, minutes in readings:
        books.book(*records)
        now += timedelta(minutes=minutes)
        newest = [each for each in books.keeper.records.values() if isinstance(each, Sale)]
        starts = windows.starts(now, ZoneInfo(zone))
        assert books.ledger.counts(now) == {w: {"sales": recount(newest, starts[w], now)} for w in WINDOWS}


@given(st.lists(sales, max_size=20))
def test_order_of_arrival_does_not_matter(records: list[Sale]) -> None:
    """Equal records give equal counts."""
    books = Books(*records)
    again = Books(*reversed(list(books.keeper.records.values())), zone=UTC_ZONE)
    assert again.ledger.counts(NOW) == books.ledger.counts(NOW)
