"""The book of a source whose kind is not known: nothing is posted to it, and the net is not whole without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from exporter.errors import LedgerError
from exporter.ledger.book import Part, Span
from exporter.ledger.journal import Journal
from exporter.records import Change, SourceInfo
from exporter.snapshot import Opening


class BlankBook:
    """Stands for a source that takes part and cannot be read, as one whose plug-in does not load."""

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.journal = Journal(())

    def apply(self, change: Change) -> None:
        """Raise LedgerError: what a record would mean here is not known."""
        raise LedgerError(f"A record of {self.info.name} was not booked: its kind has no books.")

    def post(self) -> list[str]:
        """Nothing is outstanding."""
        return []

    def components(
        self, spans: Sequence[Span], freshness: timedelta, openings: Mapping[str, Opening]
    ) -> dict[str, dict[str, Part]]:
        """Return no component of any window."""
        return {span.window: {} for span in spans}
