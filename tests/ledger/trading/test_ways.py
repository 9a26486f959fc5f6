"""Fills of one moment: within an order the best price first, between orders nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.positions import Book, replay
from exporter.ledger.trading.ways import MOST_WAYS
from exporter.records import Fill, Side
from exporter.snapshot import Cursor, Grade
from tests.builders import NOW, Books, fill, healthy, mark, settlement, told

D = Decimal
LATER = NOW + timedelta(hours=1)
LAST = NOW + timedelta(hours=2)


def figures(book: Book) -> tuple[Decimal, Decimal, Decimal]:
    """Return signed contracts, their cost and what was realised."""
    return book.position, book.cost, book.realised


def snapshot(books: Books) -> dict[str, Any]:
    """Return what the books state."""
    return told(books.ledger, now=LAST, cursor=Cursor("e", 1), sources=healthy(LAST), openings={})


def test_an_order_that_turns_a_position_over_closes_at_its_best_price() -> None:
    """Average cost; the venue lists the three by their ids, downwards, which is another order."""
    rows = [
        fill("buy yes 10 @ 0.40"),
        fill("buy no 5 @ 0.55", at=LATER, fill_id="f-c", order="o"),
        fill("buy no 5 @ 0.65", at=LATER, fill_id="f-b", order="o"),
        fill("buy no 10 @ 0.60", at=LATER, fill_id="f-a", order="o"),
    ]
    for listed in permutations(rows):
        book, _ = replay("M", listed)
        assert figures(book) == (D(-10), D("6.25"), D("0.25"))
        assert not book.unknown_order


def test_first_in_first_out_closes_what_the_order_bought_best_first() -> None:
    """One order buys at two prices in a microsecond; what is sold later is the cheaper half."""
    rows = [
        fill("buy yes 10 @ 0.50", fill_id="f-b", order="o"),
        fill("buy yes 10 @ 0.60", fill_id="f-a", order="o"),
        fill("buy no 10 @ 0.30", at=LATER),
    ]
    for listed in permutations(rows):
        book, _ = replay("M", listed, "fifo")
        assert figures(book) == (D(10), D("6.00"), D("2.00"))


def test_real_fills_of_one_moment_come_to_what_their_fees_prove() -> None:
    """From a real account, ids replaced: an order that went through zero at two prices."""
    rows = [
        fill("buy yes 14.02 @ 0.34"),
        fill("buy no 1.00 @ 0.989 fee 0.0008", at=LATER, fill_id="d", order="o"),
        fill("buy no 0.01 @ 0.989 fee 0.00001", at=LATER, fill_id="c", order="o"),
        fill("buy no 0.01 @ 0.989 fee 0.00001", at=LATER, fill_id="b", order="o"),
        fill("buy no 124.17 @ 0.99 fee 0.0861", at=LATER, fill_id="a", order="o"),
    ]
    book, _ = replay("M", rows)
    assert figures(book) == (D("-111.17"), D("110.0583"), D("-4.62558"))


def test_fills_without_an_order_count_as_one_order_for_each_side() -> None:
    """Those that were kept before the order was: the best price first."""
    rows = [
        fill("buy yes 10 @ 0.40"),
        fill("buy no 5 @ 0.65", at=LATER, fill_id="a"),
        fill("buy no 10 @ 0.60", at=LATER, fill_id="b"),
    ]
    book, _ = replay("M", rows)
    assert figures(book) == (D(-5), D("3.25"), D("0.00"))
    assert not book.unknown_order


@pytest.mark.parametrize("arrival", list(permutations(range(3))))
def test_two_orders_of_one_moment_leave_the_figures_partial_until_the_market_is_flat(
    arrival: Sequence[int],
) -> None:
    """What the close has cost depends on which order came first; once nothing is held it does not."""
    rows = [
        fill("buy yes 10 @ 0.40"),
        fill("buy no 10 @ 0.55", at=LATER, order="o-1"),
        fill("buy no 5 @ 0.65", at=LATER, order="o-2"),
    ]
    books = Books(*(rows[number] for number in arrival))
    books.ledger.observe([mark(bid="0.50", ask="0.52", at=LAST)])
    stated = books.figures(now=LAST)["all"].components
    for component in ("trading_realised", "trading_unrealised_change"):
        assert stated[component].grade is Grade.PARTIAL
        assert [reason.code for reason in stated[component].because] == ["unknown_order"]
    assert stated["trading_fees"].grade is Grade.FINAL
    shown, again = (snapshot(books)["positions"]["M"]["grade"] for _ in range(2))
    assert shown == again == "partial"
    books.book(fill("buy yes 5 @ 0.30", at=LAST))
    of_venue = books.figures(now=LAST)["all"].by_source["kalshi"]
    assert {figure.grade for figure in of_venue.values()} == {Grade.FINAL}
    assert books.usd("trading_realised") == D("15") - D("4.00") - D("5.50") - D("3.25") - D("1.50")


def test_two_orders_whose_order_is_all_the_same_leave_the_figures_final() -> None:
    """Both open, by average cost; or both close at one price."""
    opened = [fill("buy yes 1 @ 0.40", order="a"), fill("buy yes 2 @ 0.50", order="b")]
    assert not replay("M", opened)[0].unknown_order
    closed = [fill(f"buy no {n} @ 0.55", at=LATER, order=f"o-{n}") for n in (1, 2)]
    book, _ = replay("M", [*opened, *closed], "fifo")
    assert (book.position, book.unknown_order) == (0, False)


def test_first_in_first_out_is_in_doubt_from_the_close_on_that_the_order_matters_to() -> None:
    """Two orders that only open cost the same together; which lot is closed first does not."""
    rows = [fill("buy yes 1 @ 0.40", order="a"), fill("buy yes 1 @ 0.50", order="b")]
    assert not replay("M", rows, "fifo")[0].unknown_order
    rows.append(fill("buy no 1 @ 0.55", at=LATER))
    assert replay("M", rows, "fifo")[0].unknown_order
    assert not replay("M", rows, "average")[0].unknown_order


def test_a_settlement_ends_the_doubt() -> None:
    """It pays what is left, and the sum is the same whatever came first."""
    rows = [
        fill("buy yes 10 @ 0.40"),
        fill("buy no 10 @ 0.55", at=LATER, order="o-1"),
        fill("buy no 5 @ 0.65", at=LATER, order="o-2"),
    ]
    books = Books(*rows, settlement("10 / 4", "15 / 8.75", "no", "5", at=LAST))
    assert books.figures(now=LAST)["all"].components["trading_realised"].grade is Grade.FINAL
    assert books.usd("trading_realised") == D("5") + D("10") - D("4") - D("8.75")


@st.composite
def moments(draw: st.DrawFn) -> list[list[Fill]]:
    """Draw the orders of a few moments, two sides and any prices: more than can all be tried."""
    made = []
    for moment in range(draw(st.integers(1, 4))):
        orders = []
        for order in range(draw(st.integers(1, 5))):
            side: Side = draw(st.sampled_from(("yes", "no")))
            parts = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=2))
            orders += [
                fill(
                    f"buy {side} {count} @ 0.{price}",
                    at=NOW + timedelta(seconds=moment),
                    fill_id=f"{moment}-{order}-{number}",
                    order=f"o-{moment}-{order}",
                )
                for number, (count, price) in enumerate(parts)
            ]
        made.append(orders)
    return made


@given(moments(), st.sampled_from(("average", "fifo")), st.randoms(use_true_random=False))
def test_whatever_came_first_is_the_figure_or_the_figure_is_in_doubt(
    made: list[list[Fill]], rule: LotRule, random: object
) -> None:
    """Played in an order of execution that we are not told; no ways are lost on the way."""
    execution = Book.empty("M", "M", rule)
    for moment in made:
        orders = sorted({each.order_id for each in moment})
        random.shuffle(orders)  # type: ignore[attr-defined]
        for order in orders:
            for each in sorted((f for f in moment if f.order_id == order), key=lambda f: f.place):
                execution.apply(each)
    listed = [each for moment in made for each in moment]
    random.shuffle(listed)  # type: ignore[attr-defined]
    books = Books(lots=rule)
    for each in listed:
        books.book(each)
    book = books.venue.portfolio.books["M"]
    assert len(book.ways) <= MOST_WAYS
    assert book.unknown_order == ("M" in books.venue.portfolio.unordered)
    assert execution.position == book.position
    off = max(abs(a - b) for a, b in zip(figures(execution), figures(book), strict=True))
    assert book.unknown_order or off <= D("0.00001")  # a share is rounded to the micro-dollar


def test_a_further_fill_of_an_order_is_played_with_all_orders_of_its_moment() -> None:
    """It comes last and in its place, and still its whole order may have been executed first."""
    held = [fill("buy no 6 @ 0.1", at=NOW, order="o-0"), fill("buy no 2 @ 0.3", at=NOW, order="o-0")]
    moment = [
        fill("buy yes 4 @ 0.3", at=LATER, order="o-1"),
        fill("buy yes 8 @ 0.4", at=LATER, order="o-1"),
        fill("buy no 3 @ 0.5", at=LATER, order="o-2"),
        fill("buy no 3 @ 0.8", at=LATER, order="o-2"),
    ]
    for order in permutations(moment):
        books = Books(*held)
        for each in order:
            books.book(each)
        assert books.venue.portfolio.books["M"].unknown_order, [each.price for each in order]
