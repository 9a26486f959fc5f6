"""The equity curve of history, and its drawdown."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger import state
from exporter.snapshot import Cursor, history_row
from exporter.store import Point
from exporter.stream.history import drawdowns, question, values
from tests.builders import NOW, Books, balance, fill, healthy, mark


def point(number: int, equity: str | None, paid_in: str | None) -> Point:
    """Return a point that states these two."""
    return Point(
        NOW - timedelta(seconds=100 - number), number, [equity, paid_in], {"equity": 0, "paid_in": 1}
    )


def test_a_snapshot_states_the_account_in_its_row() -> None:
    """Equity and cash by the venue, what was paid in and the cost of what is open by us."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.ledger.observe([mark(bid="0.50"), balance("96.00", "5.10")])
    tree = state(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={})
    row = history_row(tree)
    stated = [row[name] for name in ("equity", "cash", "paid_in", "exposure", "equity.grade")]
    assert stated == ["101.10", "96.00", "0.00", "4.00", "final"]


def test_a_row_of_before_has_no_equity() -> None:
    """An older row of the first layout is shorter, and one of another layout lacks it: that is not zero."""
    old = Point(NOW, 1, ["1.00"], {"today.net": 0, "equity": 1})
    assert (old["equity"], drawdowns([old])) == (None, [None])


def test_drawdown_leaves_out_what_was_paid_in_or_out() -> None:
    """A withdrawal of half the account is no loss, and a deposit no new peak."""
    points = [
        point(1, "100", "100"),
        point(2, "110", "100"),
        point(3, "55", "45"),
        point(4, None, None),
        point(5, "52", "45"),
        point(6, "252", "245"),
        point(7, "256", "245"),
    ]
    assert drawdowns(points) == ["0.00", "0.00", "0.00", None, "-3.00", "-3.00", "0.00"]
    asked = question(None, "2026-11-22T12:00:00Z", None, ["equity.drawdown,equity"], NOW)
    assert [each["values"] for each in values(asked, points)][4] == ["-3.00", "52"]


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100)), min_size=1, max_size=30))
def test_drawdown_is_what_it_says(steps: list[tuple[int, int]]) -> None:
    """Each point against the highest of all up to it."""
    made, points = [], []
    profit = paid = 0
    for number, (result, moved) in enumerate(steps):
        profit, paid = profit + result, paid + moved
        made.append(profit)
        points.append(point(number, str(profit + paid), str(paid)))
    expected = [made[place] - max(made[: place + 1]) for place in range(len(made))]
    assert [Decimal(each or "nothing") for each in drawdowns(points)] == expected
