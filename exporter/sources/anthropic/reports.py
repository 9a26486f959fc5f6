"""What was billed and used, from the cost and usage reports.

Source: Anthropic "Get Cost Report" and "Get Messages Usage Report" (read 2026-08, live behaviour to 2026-11).
Units:  see `rows`.
Quirk:  the bill covers finished UTC days only, and a range without any is refused: it is not asked for. A
        finished day may be missing or empty for a while: that is not zero. A null workspace is the default
        one and a null key none, because we always group by them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from exporter.errors import SourceError
from exporter.records import BilledDay, BilledLine, KeyUsage, Observation, UsageHour
from exporter.sources.anthropic.pricing import Prices
from exporter.sources.anthropic.rows import (
    BASE,
    BILL_SETTLED,
    DAY,
    DEFAULT_WORKSPACE,
    HOUR,
    USAGE_SETTLED,
    USED_BY,
    USED_BY_KEY,
    KeyUse,
    Paged,
    UsageCounts,
    Use,
    check_bounds,
    groups,
    key_line,
    span,
    usage_line,
)
from exporter.sources.paging import Collector, Params
from exporter.sources.shapes import CentString, Label, Moment, Shape, Text

COST, USAGE = f"{BASE}/cost_report", f"{BASE}/usage_report/messages"
DAYS_AT_ONCE, HOURS_AT_ONCE = 31, 168  # the most a page takes; the default is a week or a day


class CostRow(Shape):
    amount: CentString  # a credit is negative
    currency: Literal["USD"]
    workspace_id: Text | None
    description: Text
    cost_type: Text  # the list of types grows; money of an unknown type is still money
    model: Label | None
    service_tier: Label | None
    token_type: Label | None
    context_window: Label | None
    inference_geo: Label | None

    @property
    def identity(self) -> Hashable:
        """What tells a row of a day from the others; the parsed fields may be equal in two rows."""
        return (self.workspace_id, self.description)

    def line(self) -> BilledLine:
        """Return the line of the bill, in dollars."""
        return BilledLine(
            workspace=self.workspace_id or DEFAULT_WORKSPACE,
            description=self.description,
            amount=self.amount,
            cost_type=self.cost_type,
            model=self.model or "",
            token_type=self.token_type or "",
            tier=self.service_tier or "",
            context_window=self.context_window or "",
            geo=self.inference_geo or "",
        )


class UsageRow(UsageCounts):
    workspace_id: Text | None
    model: Text
    service_tier: Text
    inference_geo: Text
    speed: Text

    @property
    def identity(self) -> Use:
        """What tells a row of an hour from the others: everything it is grouped by."""
        workspace = self.workspace_id or DEFAULT_WORKSPACE
        return Use(workspace, self.model, self.service_tier, self.inference_geo, self.speed)


class KeyUsageRow(UsageCounts):
    api_key_id: Text | None
    workspace_id: Text | None
    model: Text
    service_tier: Text
    context_window: Text

    @property
    def identity(self) -> KeyUse:
        """What tells a row of a day from the others: everything it is grouped by."""
        workspace = self.workspace_id or DEFAULT_WORKSPACE
        return KeyUse(self.api_key_id or "", workspace, self.model, self.service_tier, self.context_window)


Row = TypeVar("Row", CostRow, UsageRow, KeyUsageRow)


class Bucket(Shape, Generic[Row]):
    starting_at: Moment
    ending_at: Moment
    results: list[Row]


class Report(Paged, Generic[Row]):
    data: list[Bucket[Row]]


class Reports:
    """Reads the two reports, page by page; nothing of a list counts before its last page."""

    def __init__(self, source: str, prices: Prices) -> None:
        self._source = source
        self._prices = prices
        self.asked_names = False
        self.names: list[Observation] | None = None
        self.troubles: list[SourceError] = []

    def as_of(self, now: datetime) -> datetime:
        """Return the time the figures speak of: now, as usage is no more than minutes late."""
        return now

    async def billed(
        self, collector: Collector, start: datetime, today: datetime, now: datetime
    ) -> list[BilledDay]:
        """Return the days from `start` whose bill is known."""
        if start >= today:
            return []
        params: Params = [
            *span(start, today),
            ("bucket_width", "1d"),
            ("limit", str(DAYS_AT_ONCE)),
            *groups("workspace_id", "description"),
        ]
        days = await _buckets(collector, COST, Report[CostRow], params, DAY, (start, today))
        newest = max((day.starting_at for day in days), default=None)
        return [
            BilledDay(
                source=self._source,
                day=day.starting_at.date(),
                lines=tuple(row.line() for row in day.results),
            )
            for day in days
            if day.results or (day.starting_at != newest and now - day.ending_at > BILL_SETTLED)
        ]

    async def used(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[UsageHour]:
        """Return the hours from `start` whose usage is known."""
        hours = await _used(collector, Report[UsageRow], start, end, "1h", HOURS_AT_ONCE, USED_BY)
        return [
            UsageHour(
                source=self._source,
                at=hour.starting_at,
                lines=tuple(
                    usage_line(row.identity, row, hour.starting_at, self._prices) for row in hour.results
                ),
            )
            for hour in hours
            if hour.results or now - hour.ending_at > USAGE_SETTLED
        ]

    async def used_by_key(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[KeyUsage]:
        """Return the days from `start` of which it is known who used what."""
        days = await _used(collector, Report[KeyUsageRow], start, end, "1d", DAYS_AT_ONCE, USED_BY_KEY)
        return [
            KeyUsage(
                source=self._source,
                day=day.starting_at.date(),
                lines=tuple(key_line(row.identity, row) for row in day.results),
            )
            for day in days
            if day.results or now - day.ending_at > USAGE_SETTLED
        ]


async def _used(
    collector: Collector,
    report: type[Report[Row]],
    start: datetime,
    end: datetime,
    width: Literal["1h", "1d"],
    most: int,
    by: Sequence[str],
) -> list[Bucket[Row]]:
    params: Params = [
        *span(start, end),
        ("bucket_width", width),
        ("limit", str(most)),
        *groups(*by),
    ]
    return await _buckets(collector, USAGE, report, params, {"1h": HOUR, "1d": DAY}[width], (start, end))


async def _buckets(
    collector: Collector,
    path: str,
    report: type[Report[Row]],
    params: Params,
    width: timedelta,
    asked: tuple[datetime, datetime],
) -> list[Bucket[Row]]:
    """Return every bucket of a report once, each checked."""
    pages = await collector.pages(
        path,
        report,
        params,
        cursor="page",
        field="next_page",
        follow=lambda page: page.follow(collector.malformed),
        may_expire=True,
    )
    buckets = [bucket for page in pages for bucket in page.data]
    check_bounds(((each.starting_at, each.ending_at) for each in buckets), width, asked, collector.malformed)
    for bucket in buckets:
        if len({row.identity for row in bucket.results}) < len(bucket.results):
            raise collector.malformed("data.results", "names one thing in two rows")
    return collector.unique(buckets, lambda bucket: bucket.starting_at, "data.starting_at")
