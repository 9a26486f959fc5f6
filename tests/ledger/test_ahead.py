"""Every window ends now: what is dated ahead is listed, and counts when its time comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ledger.sales.sale_entries import sale_entries
from exporter.ledger.windows import starts
from exporter.records import Sale
from exporter.snapshot import WINDOWS, Cursor
from exporter.times import to_us
from tests.builders import NOW, UTC_ZONE, Books, bill, fill, healthy, mark, sale, told
from tests.examples import examples

AHEAD = NOW + timedelta(days=2)
JUST = timedelta(microseconds=1)


def stated(books: Books, now: datetime = NOW) -> dict[str, Any]:
    return told(books.ledger, now=now, cursor=Cursor("e", 1), sources=healthy(now), openings={})


def gross(tree: dict[str, Any], window: str = "today", component: str = "sales_gross") -> str:
    usd: str = tree["windows"][window]["components"][component]["usd"]
    return usd


def test_a_sale_dated_ahead_counts_at_its_time_without_another_reading() -> None:
    """Nor a moment sooner, in any window; meanwhile the source says how many wait, and stays final."""
    books = Books(sale("7000", at=AHEAD, sale_id="s-1"), sale("5", at=NOW, sale_id="s-2"))
    for now, usd, ahead in ((NOW, "5.00", 1), (AHEAD - JUST, "5.00", 1), (AHEAD, "7005.00", None)):
        tree = stated(books, now)
        assert {gross(tree, window) for window in ("7d", "30d", "all")} == {usd}
        assert tree["sources"]["sales"].get("ahead") == ahead
        assert tree["windows"]["all"]["components"]["sales_gross"]["grade"] == "final"
        assert tree["sales"]["all"]["orders"] == (2 if ahead is None else 1)
    assert gross(stated(books, NOW), "all") == "5.00"  # the clock was set back: it waits again


def test_a_refund_dated_ahead_waits_while_its_sale_counts() -> None:
    """Each at its own time."""
    books = Books(sale("10", at=NOW, refunds={AHEAD: "4"}))
    assert gross(stated(books), "all") == "10.00"
    assert gross(stated(books), "all", "sales_refunds") == "0.00"
    assert gross(stated(books, AHEAD), "all", "sales_refunds") == "-4.00"


def test_a_bill_dated_ahead_waits() -> None:
    """Also in what the snapshot says of API cost by model."""
    books = Books(bill(AHEAD.date(), "24.00"), bill(NOW.date() - timedelta(days=1), "1.00"))
    tree = stated(books)
    assert gross(tree, "all", "api_cost_billed") == "-1.00"
    assert sum(map(Decimal, tree["api_cost"]["windows"]["all"]["by"]["model"].values())) == 1


def test_what_a_fill_dated_ahead_has_closed_is_unrealised_until_then() -> None:
    """The venue's clock is ahead: the gain is in the net all the time, and moves between two lines."""
    closing = NOW + timedelta(seconds=1)
    books = Books(fill("buy yes 10 @ 0.40", at=NOW - timedelta(hours=1)))
    books.ledger.observe([mark(bid="0.55")])
    assert gross(stated(books), "all", "trading_unrealised_change") == "1.50"
    books.book(fill("buy no 10 @ 0.45", at=closing))
    tree = stated(books)
    assert gross(tree, "all", "trading_realised") == "0.00"
    assert gross(tree, "all", "trading_unrealised_change") == "1.50"
    assert (tree["trading"]["all"]["wins"], tree["windows"]["all"]["net"]["usd"]) == (0, "1.50")
    tree = stated(books, closing)
    assert gross(tree, "all", "trading_realised") == "1.50"
    assert gross(tree, "all", "trading_unrealised_change") == "0.00"
    assert (tree["trading"]["all"]["wins"], tree["windows"]["all"]["net"]["usd"]) == (1, "1.50")


def test_a_loss_dated_ahead_is_no_drawdown_before_its_hour() -> None:
    """The clock is set back over it, and passes it again."""
    closing = NOW + timedelta(hours=2)
    books = Books(fill("buy yes 10 @ 0.40"), fill("buy no 10 @ 0.70", at=closing))
    for now, fallen in ((closing, "1.00"), (NOW, "0.00"), (closing, "1.00")):
        assert stated(books, now)["trading"]["all"]["max_drawdown_usd"] == fallen


MINUTES = st.integers(-60 * 24 * 3, 60 * 24 * 3).map(lambda minutes: NOW + timedelta(minutes=minutes))
SALES = st.lists(
    st.builds(
        lambda number, at, amount, given: sale(
            str(amount), sale_id=f"s-{number}", at=at, refunds=dict.fromkeys(given, "1")
        ),
        st.integers(0, 5),
        MINUTES,
        st.integers(1, 99),
        st.lists(MINUTES, max_size=2),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.tuples(SALES, MINUTES), min_size=1, max_size=6))
def test_at_every_moment_a_window_is_what_happened_from_its_start_until_then(
    moves: list[tuple[list[Sale], datetime]],
) -> None:
    """Whatever is booked, revised and taken back in between, and however the clock goes."""
    books = Books()
    for records, now in moves:
        books.book(*records)
        found = books.figures(now=now)
        kept = [each for each in books.keeper.records.values() if isinstance(each, Sale)]
        for window in WINDOWS:
            for component in ("sales_gross", "sales_refunds"):
                expected = sum(
                    -entry.amounts.get(component, Decimal(0))
                    for each in kept
                    for entry in sale_entries(each)
                    if entry.at <= to_us(now) and (window == "all" or entry.at >= to_us(found[window].start))
                )
                assert found[window].components[component].usd == expected
        books.ledger.prove()


DIGITS = st.integers(1, 10**18 - 1)
LONGEST = st.builds(lambda digits, places: str(Decimal(digits).scaleb(-places)), DIGITS, st.integers(0, 12))


@settings(max_examples=examples(100))
@given(st.lists(st.tuples(LONGEST, LONGEST, LONGEST), min_size=1, max_size=5))
def test_books_balance_over_the_whole_range_that_is_accepted(amounts: list[tuple[str, str, str]]) -> None:
    """Eighteen digits, twelve decimals: no sum of them is rounded, and no snapshot refused."""
    books = Books(
        *(
            sale(gross, sale_id=f"s-{number}", fee=fee, tax=tax)
            for number, (gross, fee, tax) in enumerate(amounts)
        )
    )
    assert Decimal(gross_of(books)) == sum(Decimal(each) for each, _, _ in amounts)


def gross_of(books: Books) -> str:
    return gross(stated(books), "all")


def test_two_of_the_largest_sales_with_the_smallest_fee_balance() -> None:
    """They need thirty digits together."""
    books = Books(
        *(sale("9999999999999999.99", sale_id=name, fee="0.000000000001") for name in ("s-1", "s-2"))
    )
    tree = stated(books)
    assert gross_of(books) == "19999999999999999.98"
    assert tree["windows"]["all"]["net"]["usd"] == "19999999999999999.979999999998"


@settings(deadline=None, max_examples=examples(30))
@given(st.integers(0, 10**12), DIGITS)
def test_trades_of_any_price_and_size_balance(price: int, count: int) -> None:
    """Their product has more digits than either."""
    usd, contracts = Decimal(price).scaleb(-12), Decimal(count)
    books = Books(fill(f"buy yes {contracts} @ {usd:f}"), fill(f"buy no {contracts} @ 0.5", at=NOW))
    assert Decimal(gross(stated(books), "all", "trading_realised")) == contracts * (Decimal("0.5") - usd)


def test_groups_wait_too_and_are_exact_beyond_eighteen_digits() -> None:
    """A close that is dated ahead, of more money than 64 bits hold, comes, goes with the clock, and comes."""
    closing, much = NOW + timedelta(hours=2), 10**17 + 1
    books = Books(fill(f"buy yes {much} @ 0.000000000001 in S-1-A"))
    groups = books.ledger.groups
    for now in (NOW, closing, NOW, closing):
        books.ledger.until(now)
        books.book(fill(f"buy no {much} @ 0.4 in S-1-A", at=closing, fill_id="close"))
        for window in ("24h", "all"):
            stated = groups.stated(starts(now, UTC_ZONE))[window]
            realised = sum((tally.realised for tally in stated.series.values()), Decimal(0))
            gain = much * (Decimal("0.6") - Decimal("0.000000000001"))
            assert realised == (gain if now == closing else 0)
            assert sum(tally.wins for tally in stated.events.values()) == (now == closing)
