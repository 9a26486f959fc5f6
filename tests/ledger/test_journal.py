"""Double entry: what does not sum to zero is not booked, and the books prove themselves."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exporter.errors import LedgerError, OutOfBalance
from exporter.ledger.journal import OPEN_COST, VENUE_CASH, Entry, Journal

BOUGHT = Entry(
    10, {VENUE_CASH: Decimal("-4.10"), OPEN_COST: Decimal("4.00"), "trading_fees": Decimal("0.10")}
)


def journal(*entries: Entry) -> Journal:
    made = Journal(["trading_fees", OPEN_COST])
    made.post(entries)
    return made


def test_what_an_entry_cost_is_a_negative_contribution() -> None:
    """A fee is a debit, and makes us poorer."""
    books = journal(BOUGHT)
    assert books.contribution("trading_fees", "all", None) == Decimal("-0.10")
    assert books.contribution("trading_fees", "today", 10) == Decimal("-0.10")
    assert books.contribution("trading_fees", "mtd", 11) == 0
    assert books.first() == 10
    books.prove()


def test_the_cost_at_a_windows_start_is_that_of_what_was_open_just_before() -> None:
    """What is bought at the start itself is bought within the window."""
    books = journal(BOUGHT)
    assert books.open_cost_at("today", 10) == 0
    assert books.open_cost_at("mtd", 11) == Decimal("4.00")


def test_an_entry_that_does_not_sum_to_zero_is_not_booked() -> None:
    """It is named, and leaves no trace."""
    books = journal(BOUGHT)
    before = dict(books.balances)
    with pytest.raises(LedgerError, match=r"does not sum to zero.*venue_cash"):
        books.post([Entry(20, {VENUE_CASH: Decimal("1.00"), "trading_fees": Decimal("-0.99")})])
    assert books.balances == before
    assert books.contribution("trading_fees", "all", None) == Decimal("-0.10")


def test_an_entry_that_is_taken_back_leaves_nothing() -> None:
    """To the last digit, in every account."""
    books = journal(BOUGHT, BOUGHT.reversed())
    assert not any(books.balances.values())
    assert BOUGHT.reversed().reversed() == BOUGHT
    books.prove()


def test_books_that_were_tampered_with_do_not_pass() -> None:
    """Neither a balance that is off, nor a timeline that says something else than its account."""
    off = journal(BOUGHT)
    off.balances[VENUE_CASH] += 1
    with pytest.raises(OutOfBalance, match=r"out of balance by 1\.00 USD"):
        off.prove()
    apart = journal(BOUGHT)
    apart.timelines["trading_fees"].add(10, Decimal(1))
    with pytest.raises(OutOfBalance, match=r"Account trading_fees stands at -0\.10, its timeline at 0\.90"):
        apart.prove()
