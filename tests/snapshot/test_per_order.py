"""Unit economics: exact where it can be known, absent where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger import SourceState
from exporter.snapshot import PER_ORDER, Cursor, Grade
from tests.builders import NOW, Books, bill, healthy, infos, sale, told, usage

DAY = timedelta(days=1)
OLD = SourceState(as_of=NOW - timedelta(minutes=6), freshness=timedelta(minutes=5))
NEVER = SourceState()


def stated(books: Books, sources: Mapping[str, SourceState] | None = None) -> dict[str, Any]:
    """Return the snapshot of these books at NOW."""
    known = healthy() if sources is None else sources
    return told(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=known, openings={})


def per_order(tree: dict[str, Any], window: str) -> dict[str, tuple[Decimal | None, Grade]]:
    """Return value and grade of each figure that the snapshot states of a window."""
    stated = tree.get("sales", {}).get(window, {}).get("per_order", {})
    return {
        name: (Decimal(shown["value"]) if "value" in shown else None, Grade[shown["grade"].upper()])
        for name, shown in stated.items()
    }


def shop() -> Books:
    """Two orders of 30 and 10 today, one of them half refunded, and 4 of API cost."""
    return Books(
        sale("30", fee="1.20", refunds={NOW: "15"}),
        sale("10", sale_id="s-2", fee="0.80"),
        usage(NOW.replace(hour=9), "4"),
    )


def grades(tree: dict[str, Any], window: str = "today") -> dict[str, Grade]:
    """Return the grade of each figure that is stated."""
    return {name: grade for name, (_, grade) in per_order(tree, window).items()}


def test_what_an_order_brings_and_costs() -> None:
    """The example of docs/figures.md."""
    books = Books(
        sale("24.00", fee="1.00", sale_id="a"),
        sale("16.00", fee="0.76", sale_id="b"),
        sale("9.00", status="pending", sale_id="c"),
        sale("30.00", at=NOW - DAY, refunds={NOW: "12.00"}, sale_id="d"),
        usage(NOW.replace(hour=9), "3.00"),
    )
    tree = stated(books)
    assert (tree["sales"]["today"]["orders"], tree["sales"]["today"]["refunds"]) == (2, 1)
    assert per_order(tree, "today") == {
        "average_order": (Decimal(20), Grade.FINAL),
        "api_cost_per_order": (Decimal("1.5"), Grade.ESTIMATED),
        "contribution_per_order": (Decimal("11.62"), Grade.ESTIMATED),
        "refund_ratio": (Decimal("0.5"), Grade.FINAL),
    }


def test_nothing_sold_has_no_figure_however_much_was_spent_or_given_back() -> None:
    """Not zero, not missing, and nothing is divided by zero."""
    books = Books(sale("30", at=NOW - 2 * DAY, refunds={NOW: "15"}), usage(NOW.replace(hour=9), "4"))
    assert per_order(stated(books), "today") == {}
    assert per_order(stated(books), "7d")["refund_ratio"][0] == 1
    assert per_order(stated(Books()), "all") == {}


def test_more_refunds_than_orders_is_more_than_one() -> None:
    """Refunds of older sales count in the window in which they are given."""
    books = Books(sale("9", at=NOW - 40 * DAY, refunds={NOW: "4", NOW - DAY: "4"}), sale("9", sale_id="s-2"))
    assert per_order(stated(books), "7d")["refund_ratio"][0] == 2


def test_an_order_may_cost_more_than_it_brings() -> None:
    """The contribution is negative then."""
    books = Books(sale("1"), usage(NOW.replace(hour=9), "4"))
    assert per_order(stated(books), "today")["contribution_per_order"][0] == -3


def test_a_missing_part_leaves_what_needs_it_without_a_value() -> None:
    """What does not need it goes on."""
    tree = stated(shop(), healthy(anthropic=NEVER))
    assert per_order(tree, "today")["api_cost_per_order"] == (None, Grade.MISSING)
    assert per_order(tree, "today")["contribution_per_order"] == (None, Grade.MISSING)
    assert per_order(tree, "today")["average_order"] == (Decimal(20), Grade.FINAL)
    without = stated(shop(), healthy(sales=NEVER))
    assert "orders" not in without["sales"]["today"]
    assert per_order(without, "today") == dict.fromkeys(PER_ORDER, (None, Grade.MISSING))


def test_a_figure_is_as_certain_as_the_worst_of_its_parts() -> None:
    """Old sales make all of it stale, an old bill only what it is in."""
    assert set(grades(stated(shop(), healthy(sales=OLD))).values()) == {Grade.STALE}
    assert grades(stated(shop(), healthy(anthropic=OLD))) == {
        "average_order": Grade.FINAL,
        "api_cost_per_order": Grade.STALE,
        "contribution_per_order": Grade.STALE,
        "refund_ratio": Grade.FINAL,
    }
    unpriced = shop()
    unpriced.book(usage(NOW.replace(hour=10), None))
    assert grades(stated(unpriced))["contribution_per_order"] is Grade.PARTIAL


def test_a_source_that_is_switched_off_leaves_its_figures_out() -> None:
    """Off is not missing, and an order is not free because nobody counts what it costs."""
    sold = (sale("30", fee="1.20", refunds={NOW: "15"}), sale("10", sale_id="s-2", fee="0.80"))
    without = Books(*sold, sources=infos("kalshi", "sales"))
    assert set(per_order(stated(without), "today")) == {"average_order", "refund_ratio"}
    assert per_order(stated(Books(sources=infos("kalshi", "anthropic"))), "today") == {}


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**4)), min_size=1, max_size=30),
    st.integers(0, 10**9),
)
def test_figures_times_orders_are_the_sums_they_are_made_of(sold: list[tuple[int, int]], spent: int) -> None:
    """To a billionth of a cent: what is stated per order adds up again."""
    books = Books(
        *(
            sale(str(Decimal(gross) / 10**6), sale_id=f"s-{number}", fee=str(Decimal(fee) / 10**6))
            for number, (gross, fee) in enumerate(sold)
        ),
        bill((NOW - DAY).date(), str(Decimal(spent) / 10**6)),
    )
    figures = per_order(stated(books), "all")
    totals = {name: (value or Decimal(0)) * len(sold) for name, (value, _) in figures.items()}
    gross, fees = (sum(Decimal(each[place]) / 10**6 for each in sold) for place in (0, 1))
    cost = Decimal(spent) / 10**6
    expected = {
        "average_order": gross,
        "api_cost_per_order": cost,
        "contribution_per_order": gross - fees - cost,
        "refund_ratio": Decimal(0),
    }
    assert {n: round(t, 11) for n, t in totals.items()} == {
        n: round(Decimal(e), 11) for n, e in expected.items()
    }
