"""What the books of all kinds have in common: whose records they take, and what doubts a figure."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from exporter.ledger import SourceState
from exporter.ledger.book import Part
from exporter.records import Aside, Change, Record, Workspace
from exporter.snapshot import Grade, Reason
from tests.builders import NOW, Books, fill, sale


@pytest.mark.parametrize(
    ("name", "record"),
    [("kalshi", sale("9.00")), ("sales", fill("buy yes 1 @ 0.40")), ("anthropic", sale("9"))],
)
def test_a_record_of_another_kind_moves_no_money(name: str, record: Record) -> None:
    """The books of a venue know no sale, those of a shop no fill."""
    book = Books().ledger.books[name]
    book.apply(Change(None, record))
    book.post()
    assert not any(book.journal.balances.values())


def test_a_venue_takes_no_names_of_workspaces() -> None:
    """What is observed of another kind of source is not taken for a quote or a balance."""
    venue = Books(fill("buy yes 1 @ 0.40")).venue
    venue.observe([Workspace(source="kalshi", workspace_id="w", name="W", archived=False)])
    assert venue.cash_difference() is None
    assert not venue.cash


def test_a_past_that_is_not_whole_makes_every_figure_of_the_source_partial() -> None:
    """It says what is missing, after what was doubtful before."""
    state = SourceState(as_of=NOW, history=("history is still being read",))
    doubt = Reason("kalshi", "no_mark", "no mark for M")
    figure = Part(Decimal(5), Grade.ESTIMATED, (doubt,)).figure("kalshi", state, NOW)
    assert (figure.usd, figure.grade) == (Decimal(5), Grade.PARTIAL)
    assert figure.because == (doubt, Reason("kalshi", "history", "history is still being read"))


def test_an_old_answer_is_worse_than_a_past_that_is_not_whole() -> None:
    """The worst comes first, and the amount stays."""
    state = SourceState(as_of=NOW - timedelta(hours=1), history=("a list is lost",))
    figure = Part(Decimal(5)).figure("kalshi", state, NOW)
    assert (figure.usd, figure.grade) == (Decimal(5), Grade.STALE)
    assert [reason.code for reason in figure.because] == ["old_answer", "history"]


def test_an_answer_that_is_dated_ahead_is_old_and_says_why() -> None:
    """Nobody knows how old it is; an age below nothing is not none."""
    state = SourceState(as_of=NOW + timedelta(hours=1))
    figure = Part(Decimal(1)).figure("kalshi", state, NOW)
    assert figure.grade is Grade.STALE
    assert figure.because == (Reason("kalshi", "clock", "the last answer is dated ahead of now"),)


def test_rows_that_are_set_aside_are_told_once_and_forgotten_when_they_are_none() -> None:
    """The same again changes nothing; nothing left is no doubt."""
    row = Aside(
        source="sales", listed="sales", key="s", field="sales.fee", what="is missing", row=b"{}", at=NOW
    )
    ledger = Books().ledger
    ledger.set_aside("sales", (row,))
    told = ledger.doubts("sales")
    ledger.set_aside("sales", (row,))
    assert [doubt.reason.code for doubt in told] == ["set_aside"]
    assert ledger.doubts("sales") == told
    ledger.set_aside("sales", ())
    assert not ledger.doubts("sales")
