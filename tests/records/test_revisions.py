"""What replaces a record, and what never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.records import BilledDay, KeyUsage, Record, Sale, Transfer, UsageHour
from exporter.records.revisions import replaces
from tests.builders import NOW, bill, fill, key_usage, sale, settlement, usage

DAY = date(2026, 11, 20)


def test_what_is_new_or_says_something_else_replaces() -> None:
    """The same again does not."""
    assert replaces(fill("buy yes 1 @ 0.40"), None)
    assert replaces(bill(DAY, "2.00"), bill(DAY, "1.00"))
    assert not replaces(bill(DAY, "1.00"), bill(DAY, "1.00"))


@pytest.mark.parametrize(
    ("gone", "had"),
    [
        (BilledDay(source="anthropic", day=DAY, lines=()), bill(DAY, "1.00")),
        (UsageHour(source="anthropic", at=NOW, lines=()), usage(NOW, "1.00")),
        (KeyUsage(source="anthropic", day=DAY, lines=()), key_usage(DAY, "apikey_1")),
    ],
)
def test_what_vanishes_from_a_report_was_not_nothing(gone: Record, had: Record) -> None:
    """A day without lines does not take back one that had some; the other way round it is news."""
    assert not replaces(gone, had)
    assert replaces(had, gone)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=8))
def test_the_newest_revision_stays_in_whatever_order_a_list_shows_them(shown: list[tuple[int, int]]) -> None:
    """A lagging page brings nothing back; of two truths of one moment the later one counts."""
    kept: Sale | None = None
    for minutes, gross in shown:
        told = replace(sale(str(gross)), updated_at=NOW + timedelta(minutes=minutes))
        kept = told if replaces(told, kept) else kept
    newest = max(minutes for minutes, _ in shown)
    last = [gross for minutes, gross in shown if minutes == newest][-1]
    assert kept is not None
    assert (kept.updated_at, kept.gross) == (NOW + timedelta(minutes=newest), Decimal(last))


def test_a_settlement_that_we_rebuilt_never_replaces_the_venues_own_row() -> None:
    """The venue's replaces ours."""
    row = settlement("1 / 0.40", "0 / 0", "yes", "1.00")
    rebuilt = replace(row, origin="market", payout=Decimal("0.99"))
    assert not replaces(rebuilt, row)
    assert replaces(row, rebuilt)


def test_each_movement_of_cash_stands_by_itself() -> None:
    """A late one has nothing else replayed."""
    moved = Transfer(source="kalshi", transfer_id="d-1", amount=Decimal(5), fee=Decimal(0), at=NOW)
    assert moved.scope == moved.key == "d-1"
