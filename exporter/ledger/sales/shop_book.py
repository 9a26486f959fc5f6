"""The books of one shop: its sales and refunds, and how many there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from exporter.ledger.book import Part, Span
from exporter.ledger.doubt import Doubt
from exporter.ledger.journal import Entry, Journal
from exporter.ledger.sales.orders import Orders
from exporter.ledger.sales.sale_entries import sale_entries
from exporter.records import Change, Sale, SourceInfo
from exporter.snapshot import KIND_COMPONENTS, Opening, Window


@dataclass(frozen=True, slots=True)
class ShopKept:
    """What sales have made: the journal, and their number."""

    journal: Journal
    orders: Orders


class ShopBook:
    """Sales of one shop; a revised sale takes back what it replaces."""

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.journal = Journal(KIND_COMPONENTS["sales"])
        self.orders = Orders()

    def apply(self, change: Change) -> None:
        """Take one change of a sale."""
        if isinstance(change.old, Sale):
            self._sell([entry.reversed() for entry in sale_entries(change.old)])
        if isinstance(change.new, Sale):
            self._sell(sale_entries(change.new))

    def post(self) -> list[str]:
        """Nothing is outstanding: a sale is posted as it comes."""
        return []

    def components(
        self, spans: Sequence[Span], freshness: timedelta, openings: Mapping[str, Opening]
    ) -> dict[Window, dict[str, Part]]:
        """Return what was sold and given back in each window."""
        return {
            span.window: {
                name: Part(self.journal.contribution(name, span.window, span.start_us))
                for name in KIND_COMPONENTS["sales"]
            }
            for span in spans
        }

    def doubts(self) -> Sequence[Doubt]:
        """Nothing speaks against what a shop lists."""
        return ()

    def kept(self) -> ShopKept:
        """Return all of it."""
        return ShopKept(self.journal, self.orders)

    def resume(self, kept: object) -> None:
        """Go on from all of it."""
        assert isinstance(kept, ShopKept)
        self.journal, self.orders = kept.journal, kept.orders

    def _sell(self, entries: Sequence[Entry]) -> None:
        self.journal.post(entries)
        self.orders.take(entries)
