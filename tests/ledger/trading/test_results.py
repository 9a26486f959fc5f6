"""How trading went: round trips, ratios, and the deepest fall from a peak."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger.trading.drawdown import HOUR_US, Drawdown
from exporter.ledger.trading.results import Results
from exporter.money import ZERO
from tests.builders import NOW, Books, fill, settlement

START = 1_795_000_000_000_000 // HOUR_US


def results(books: Books, window: str = "all") -> Results:
    return books.ledger.results(NOW + timedelta(hours=2))[window]


def test_round_trip_ends_when_the_market_is_flat_or_settles() -> None:
    """One won by selling, one lost at settlement, one still open."""
    books = Books(
        fill("buy yes 10 @ 0.40 fee 0.10 in A"),
        fill("buy no 10 @ 0.50 fee 0.10 in A", at=NOW + timedelta(seconds=1)),
        fill("buy yes 5 @ 0.60 in B"),
        settlement("5 / 3.00", "0 / 0", "no", "0", ticker="B", at=NOW + timedelta(seconds=2)),
        fill("buy yes 1 @ 0.60 in C"),
    )
    stated = results(books)
    assert (stated.wins, stated.losses, stated.even) == (1, 1, 0)
    assert stated.win_ratio == Decimal("0.5")
    assert stated.profit_factor == Decimal("0.2667")  # 0.80 won after fees, 3.00 lost


def test_fees_decide_whether_a_round_trip_was_won() -> None:
    """A gain that the fees have eaten is a loss."""
    books = Books(
        fill("buy yes 1 @ 0.50 fee 0.02"),
        fill("buy no 1 @ 0.49 fee 0.02", at=NOW + timedelta(seconds=1)),
    )
    assert (results(books).wins, results(books).losses) == (0, 1)
    assert results(books).fee_ratio == Decimal(4)


def test_crossing_through_zero_ends_one_round_trip_and_begins_the_next() -> None:
    """The contracts beyond flat belong to the new one."""
    books = Books(
        fill("buy yes 3 @ 0.40"),
        fill("buy no 5 @ 0.50", at=NOW + timedelta(seconds=1)),
        fill("buy yes 2 @ 0.60", at=NOW + timedelta(seconds=2)),
    )
    assert (results(books).wins, results(books).losses) == (1, 1)


def test_late_fill_takes_the_old_round_trip_back() -> None:
    """What looked like a win is counted anew from all fills, once."""
    books = Books(
        fill("buy yes 1 @ 0.40"),
        fill("buy no 1 @ 0.50", at=NOW + timedelta(seconds=9)),
    )
    assert (results(books).wins, results(books).losses) == (1, 0)
    books.book(fill("buy yes 1 @ 0.90", at=NOW + timedelta(seconds=1), fill_id="late"))
    assert (results(books).wins, results(books).losses) == (0, 0)
    books.book(fill("buy no 1 @ 0.50", at=NOW + timedelta(seconds=10), fill_id="last"))
    assert (results(books).wins, results(books).losses) == (0, 1)


def test_nothing_traded_has_no_ratios() -> None:
    """Nothing divided by nothing is not zero."""
    stated = results(Books())
    assert (stated.win_ratio, stated.profit_factor, stated.fee_ratio) == (None, None, None)
    assert stated.max_drawdown == 0


def test_all_zero_settlement_is_no_round_trip() -> None:
    """Rows of nothing but zeros occur for markets never traded."""
    stated = results(Books(settlement("0 / 0", "0 / 0", "yes", "0")))
    assert (stated.wins, stated.losses, stated.even) == (0, 0, 0)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(-500, 500)), max_size=40),
    st.integers(-5, 70),
)
def test_drawdown_equals_walking_over_every_hour(amounts: list[tuple[int, int]], since: int) -> None:
    """However the amounts arrive, for any start."""
    drawdown = Drawdown()
    hours: dict[int, Decimal] = {}
    for hour, cents in amounts:
        drawdown.add((START + hour) * HOUR_US + 5, Decimal(cents))
        hours[hour] = hours.get(hour, ZERO) + cents
    total = peak = deepest = ZERO
    for hour in sorted(hours):
        if hour >= since:
            total += hours[hour]
            peak = max(peak, total)
            deepest = max(deepest, peak - total)
    assert drawdown.since((START + since) * HOUR_US) == deepest


def test_drawdown_of_a_window_begins_at_its_own_start() -> None:
    """A fall of yesterday is not today's."""
    books = Books(
        fill("buy yes 10 @ 0.50", at=NOW - timedelta(days=1)),
        fill("buy no 10 @ 0.80", at=NOW - timedelta(days=1) + timedelta(seconds=1)),
        fill("buy yes 10 @ 0.50", at=NOW, fill_id="today"),
        fill("buy no 10 @ 0.60", at=NOW + timedelta(seconds=1), fill_id="out"),
    )
    assert results(books, "today").max_drawdown == Decimal("1.00")
    assert results(books, "all").max_drawdown == Decimal("4.00")
