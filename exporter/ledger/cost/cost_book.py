"""The books of one bill of API cost: its days, billed or estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from exporter.ledger.book import Part, Span
from exporter.ledger.cost.spending import Spending
from exporter.ledger.doubt import Doubt
from exporter.ledger.journal import Journal
from exporter.records import BillChange, BilledDay, Change, KeyUsage, Record, SourceInfo, UsageHour
from exporter.snapshot import KIND_COMPONENTS, Grade, Opening, Reason, Window

COST_RECORDS = (BilledDay, UsageHour, KeyUsage, BillChange)
"""What is said of a day's cost."""

BILLED, ESTIMATED = "api_cost_billed", "api_cost_estimated"


@dataclass(frozen=True, slots=True)
class CostKept:
    """What bills and usage have made: the journal, and all days."""

    journal: Journal
    spending: Spending


class CostBook:
    """API cost of one organization."""

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.journal = Journal(KIND_COMPONENTS["api_cost"])
        self.spending = Spending(info.name)

    def apply(self, change: Change) -> None:
        """Take what a record says of its day; the entries follow with `post`, once for all of a day."""
        if isinstance(change.new, COST_RECORDS):
            self.spending.take(change.new)

    def post(self) -> list[str]:
        """Post the days that have changed; no day needs more than it holds to be restated."""
        self.journal.post(self.spending.rebook())
        return []

    def components(
        self, spans: Sequence[Span], freshness: timedelta, openings: Mapping[str, Opening]
    ) -> dict[Window, dict[str, Part]]:
        """Return the cost of each window, billed and estimated."""
        doubts = {BILLED: self.spending.doubt_billed, ESTIMATED: self.spending.doubt_estimated}
        stated = {
            span.window: {
                name: Part(
                    self.journal.contribution(name, span.window, span.start_us), *doubt(span.begin, span.now)
                )
                for name, doubt in doubts.items()
            }
            for span in spans
        }
        for span in spans:
            for name, cost in zip((BILLED, ESTIMATED), self.spending.cut(span.start, span.now), strict=True):
                if cost:
                    stated[span.window][name] = self._shared(stated[span.window][name], cost)
        return stated

    def _shared(self, part: Part, cost: Decimal) -> Part:
        """Return a part with its share of the hour that the window's start cuts."""
        reason = Reason(self.info.name, "hour_cut", "the first hour is shared by the minute")
        return Part(part.usd - cost, min(part.grade, Grade.ESTIMATED), (*part.because, reason))

    def doubts(self) -> Sequence[Doubt]:
        """What is doubtful about a day's cost is said by the day."""
        return ()

    def kept(self) -> CostKept:
        """Return all of it."""
        return CostKept(self.journal, self.spending)

    def resume(self, kept: object) -> None:
        """Go on from all of it."""
        assert isinstance(kept, CostKept)
        self.journal, self.spending = kept.journal, kept.spending

    def settle(self, now: datetime) -> None:
        """Take bills that have settled by now as whole: nothing of their days is estimated any more."""
        if self.spending.settle(now):
            self.post()

    def reopen(self, scopes: Mapping[str, Sequence[Record]], now: datetime) -> None:
        """Take the bills of some days as they stand now, each from all records of its day."""
        days = {
            date.fromisoformat(scope): [record for record in records if isinstance(record, COST_RECORDS)]
            for scope, records in scopes.items()
        }
        self.spending.reopen(days, now)
        self.post()

    def forget_settled(self, now: datetime) -> None:
        """Drop days whose bill is final from the ones each tick looks at; a revision brings one back."""
        self.settle(now)
        self.spending.forget_settled(now)
