"""The equity check: right within what nobody knows of the venue's mark, wrong beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger.trading.equity import CENT, SEEN_AWAY
from exporter.records import Balance, Mark, Observation
from exporter.snapshot import Cursor
from tests.builders import NOW, Books, balance, fill, healthy, mark, told


def check(books: Books) -> dict[str, Any]:
    """Return the equity check of the snapshot."""
    tree = told(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={})
    return tree["checks"]["equity"]  # type: ignore[no-any-return]


def test_contracts_count_at_the_last_trade_and_may_be_off_by_named_amounts() -> None:
    """Ten at 0.52, nine cents each and the four between last trade and bid; one cent is cut off."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.observe_steadily([mark(bid="0.48", ask="0.53", last="0.52"), balance("-4.00", "5.20")])
    allowed = 10 * (SEEN_AWAY + Decimal("0.04")) + CENT
    assert check(books) == {"ok": True, "usd": "0.00", "tolerance_usd": str(allowed)}


def test_no_contracts_are_valued_from_their_own_side() -> None:
    """A NO contract is worth one minus the YES price."""
    books = Books(fill("buy no 10 @ 0.40"))
    books.observe_steadily([mark(bid="0.50", ask="0.50", last="0.50"), balance("-4.00", "5.00")])
    assert check(books) == {"ok": True, "usd": "0.00", "tolerance_usd": "0.91"}


@pytest.mark.parametrize(("value", "ok"), [("5.91", True), ("5.92", False), ("4.09", True), ("4.08", False)])
def test_beyond_the_tolerance_it_fails_and_says_what_differs(value: str, ok: bool) -> None:
    """To the cent, on both sides."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.observe_steadily([mark(bid="0.50", ask="0.50", last="0.50"), balance("-4.00", value)])
    found = check(books)
    assert (found["ok"], Decimal(found["usd"])) == (ok, Decimal("5.00") - Decimal(value))
    assert ("detail" in found) is not ok
    if not ok:
        assert "cash differs by 0.00, positions by " in found["detail"]


def test_cash_has_no_tolerance_of_its_own() -> None:
    """With nothing open, a cent that is cut off is all that may differ."""
    books = Books(fill("buy yes 1 @ 0.40"), fill("buy no 1 @ 0.60", at=NOW + timedelta(seconds=1)))
    books.observe_steadily([balance("0.01")])
    assert check(books)["ok"]
    books.observe_steadily([balance("0.02")])
    assert not check(books)["ok"]


def test_a_position_nobody_prices_counts_at_cost_and_proves_nothing() -> None:
    """Unknown is not zero: it may be worth nothing, or a dollar a contract."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.observe_steadily([mark(), balance("-4.00", "0.00")])
    assert check(books) == {"ok": True, "usd": "4.00", "tolerance_usd": "10.01"}


def test_the_worst_subaccount_is_named() -> None:
    """One of two is off by a hundred contracts."""
    books = Books(fill("buy yes 100 @ 0.50"), fill("buy yes 10 @ 0.50", subaccount=3))
    books.observe_steadily(
        [
            mark(bid="0.50", ask="0.50", last="0.50"),
            Balance(source="kalshi", subaccount=0, cash=Decimal(-55), portfolio_value=Decimal(0), at=NOW),
            Balance(source="kalshi", subaccount=3, cash=Decimal(0), portfolio_value=Decimal(5), at=NOW),
        ]
    )
    assert "most of it in subaccount 0 (50.00)" in check(books)["detail"]


def test_between_two_readings_the_check_stays_as_it_was() -> None:
    """Quotes move, the venue's statement does not: comparing them would fail for no reason."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.observe_steadily([mark(bid="0.50", ask="0.50", last="0.50"), balance("-4.00", "5.00")])
    before = check(books)
    books.ledger.quote("kalshi", [mark(bid="0.90", ask="0.90", last="0.90")])
    assert check(books) == before
    books.observe_steadily([mark(bid="0.90", ask="0.90", last="0.90"), balance("-4.00", "9.00")])
    assert check(books) == before


def test_a_last_trade_that_moves_alone_is_valued_anew() -> None:
    """Our own mark, the bid, has not moved, so nothing else of the position has."""
    books = Books(fill("buy yes 10 @ 0.40"))
    for last in ("0.50", "0.55"):
        books.observe_steadily([mark(bid="0.48", ask="0.56", last=last), balance("-4.00", "0")])
        assert Decimal(check(books)["usd"]) == 10 * Decimal(last)


PRICE = st.none() | st.integers(1, 99).map(lambda cents: Decimal(cents) / 100)
STEP = st.one_of(
    st.tuples(
        st.just("fill"),
        st.sampled_from(["yes", "no"]),
        st.integers(1, 30),
        st.integers(1, 99),
        st.sampled_from(["A", "B"]),
        st.sampled_from([0, 7]),
    ),
    st.tuples(st.just("marks"), PRICE, PRICE, PRICE, st.sampled_from(["A", "B"]), PRICE),
)


@given(st.lists(STEP, max_size=25))
def test_kept_up_it_equals_what_is_valued_anew(steps: Sequence[tuple[object, ...]]) -> None:
    """Only what has changed is valued again; the sums are those of a ledger that saw all at once."""
    books, marks = Books(), dict[str, Mark]()
    balances: list[Observation] = [
        Balance(source="kalshi", subaccount=number, cash=Decimal(0), portfolio_value=Decimal(0), at=NOW)
        for number in (0, 7)
    ]
    for number, (what, *rest) in enumerate(steps):
        if what == "fill":
            side, count, cents, ticker, subaccount = rest
            text = f"buy {side} {count} @ {Decimal(int(str(cents))) / 100} in {ticker}"
            at = NOW + timedelta(seconds=number)
            books.book(fill(text, at=at, subaccount=int(str(subaccount))))
        else:
            bid, ask, last, ticker, settled = rest
            marks[str(ticker)] = Mark(
                source="kalshi",
                ticker=str(ticker),
                yes_bid=bid,
                yes_ask=ask,
                last=last,
                settled_value=settled,
                at=NOW,
            )  # type: ignore[arg-type]
            books.ledger.quote("kalshi", marks.values()) if number % 2 else None
        books.observe_steadily([*marks.values(), *balances])
    anew = Books(*books.keeper.records.values())
    anew.ledger.observe([*marks.values(), *balances])
    books.observe_steadily([*marks.values(), *balances])
    ours, theirs = books.venue.equity.compared, anew.venue.equity.compared
    assert ours is not None
    assert theirs is not None
    unpriced = {scope for scope, shown in anew.venue.portfolio.positions.items() if shown.mark is None}
    if not unpriced:
        assert (ours.ours, ours.allowed) == (theirs.ours, theirs.allowed)


def test_why_the_figures_are_in_doubt_does_not_move_with_each_price() -> None:
    """By how much they differ is in the check alone: a reason is in every window, and in every delta if it
    moves."""
    books = Books(fill("buy yes 10 @ 0.40"))
    differing, reasons = [], []
    for bid in ("0.50", "0.51", "0.52"):
        books.observe_steadily([mark(bid=bid, ask=bid, last=bid), balance("-4.00", "1.00")])
        tree = told(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={})
        differing.append(tree["checks"]["equity"]["usd"])
        reasons.append(tree["unrealised"]["because"])
    assert differing == ["4.00", "4.10", "4.20"]
    assert reasons[0] == reasons[1] == reasons[2]
    said = [reason["text"] for reason in reasons[0]]
    assert "the venue values the positions otherwise than the quotes do" in said
