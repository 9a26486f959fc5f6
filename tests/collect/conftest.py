"""A ledger that refuses a record. None that comes in is known to be: it stands for a fault of ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.errors import LedgerError
from exporter.ledger.trading.venue_book import VenueBook
from exporter.records import Change, Record

Refusing = Callable[[Record], None]
"""Tells the books of all venues to refuse a record as it is; a revision of it is booked."""


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Return what names the record."""
    book = VenueBook.apply

    def refuse(record: Record) -> None:
        def apply(self: VenueBook, change: Change) -> None:
            if change.new == record:
                raise LedgerError("An entry does not sum to zero.")
            book(self, change)

        monkeypatch.setattr(VenueBook, "apply", apply)

    return refuse
