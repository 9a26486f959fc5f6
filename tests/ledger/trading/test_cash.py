"""Cash that is no trade: movements in every order of their states, and what nobody lists."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from exporter.records import Transfer, TransferStatus
from exporter.snapshot import Cursor
from tests.builders import NOW, Books, balance, fill, healthy, told

STATUSES: tuple[TransferStatus, ...] = ("pending", "applied", "returned", "failed")


def moved(amount: str, status: TransferStatus, *, fee: str = "0.50") -> Transfer:
    """Return one movement as it stands."""
    return Transfer(
        source="kalshi",
        transfer_id="deposit/1",
        amount=Decimal(amount),
        fee=Decimal(fee),
        at=NOW,
        status=status,
    )


def stated(books: Books) -> dict[str, Any]:
    """Return the snapshot of the books."""
    return told(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={})


@pytest.mark.parametrize("order", list(permutations(STATUSES)), ids="-".join)
def test_cash_follows_a_movement_through_its_states_both_ways(order: tuple[TransferStatus, ...]) -> None:
    """It is there exactly while the movement is applied, its fee with it; nothing of it is profit."""
    books = Books(fill("buy yes 10 @ 0.40"))
    for status in (*order, *reversed(order)):
        books.book(moved("100.00", status))
        there = Decimal("99.50") if status == "applied" else Decimal(0)
        assert books.venue.journal.balances["venue_cash"] == there - Decimal("4.00")
        assert books.usd("trading_realised") == books.usd("trading_fees") == 0
        books.ledger.prove()


def test_a_withdrawal_that_comes_back_brings_its_fee() -> None:
    """Seventeen left, and seventeen are there again."""
    books = Books(moved("-15.00", "applied", fee="2.00"))
    assert books.venue.journal.balances["venue_cash"] == Decimal("-17.00")
    books.book(moved("-15.00", "returned", fee="2.00"))
    assert books.venue.journal.balances["venue_cash"] == 0


@pytest.mark.parametrize(("cash", "word"), [("101.37", "1.37 more"), ("98.50", "1.50 less")])
def test_cash_that_nobody_lists_is_said_and_is_no_profit(cash: str, word: str) -> None:
    """Interest and the like are in the balance alone: a difference with a sentence, never a figure."""
    books = Books(moved("100.00", "applied", fee="0"))
    books.observe_steadily([balance(cash)])
    tree = stated(books)
    check = tree["checks"]["cash"]
    assert (check["ok"], Decimal(check["usd"])) == (False, Decimal(cash) - 100)
    assert word in check["detail"]
    assert "interest" in check["detail"]
    assert tree["windows"]["all"]["net"]["usd"] == "0.00"
    account = tree["accounts"]["kalshi"]
    assert (account["paid_in"], Decimal(account["unexplained"])) == ("100.00", Decimal(cash) - 100)


def test_cash_that_ties_leaves_nothing_unexplained() -> None:
    """No key, so that a page need not know what a zero means."""
    books = Books(moved("100.00", "applied", fee="0"))
    books.observe_steadily([balance("100.00")])
    assert "unexplained" not in stated(books)["accounts"]["kalshi"]


def test_cash_that_the_user_states_is_explained_and_is_no_profit() -> None:
    """Interest read off the venue's statement: the check holds to the cent again, the net does not move."""
    interest = [(NOW, Decimal("12.34")), (NOW, Decimal("-0.34"))]
    books = Books(moved("100.00", "applied", fee="0"), other_cash=interest)
    books.observe_steadily([balance("112.01")])
    tree = stated(books)
    assert (tree["checks"]["cash"]["ok"], tree["checks"]["cash"]["usd"]) == (False, "0.01")
    assert tree["windows"]["all"]["net"]["usd"] == "0.00"
    account = tree["accounts"]["kalshi"]
    assert (account["paid_in"], account["other_cash"], account["unexplained"]) == ("100.00", "12.00", "0.01")
    books.observe_steadily([balance("112.00")])
    assert stated(books)["checks"]["cash"]["ok"] is True
    assert "other_cash" not in stated(Books())["accounts"].get("kalshi", {})
