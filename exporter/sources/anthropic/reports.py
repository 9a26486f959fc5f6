"""What was billed and used, from the cost and usage reports.

Source: Anthropic "Get Cost Report" and "Get Messages Usage Report" (read 2026-08, live behaviour to 2026-11).
Units:  see `rows`.
Null:   what a row is not told apart by, or what does not apply to it. A usage row that leaves out its speed
        was not fast, one without a region is of a model that has none; without a tier it has no known price.
Quirk:  the bill covers finished UTC days only, and a range without any is refused: it is not asked for. A
        finished day may be missing or empty for a while: that is not zero. A null workspace is the default
        one and a null key none, because we always group by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from exporter.errors import SourceError
from exporter.records import Aside, BilledDay, BilledLine, KeyUsage, Observation, Record, UsageHour
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
    UsedInRow,
    check_bounds,
    groups,
    key_line,
    span,
    summed,
    usage_line,
)
from exporter.sources.listing import Bounds, ListOf, Raw
from exporter.sources.paging import Collector, Params
from exporter.sources.shapes import CentString, Label, Moment, Shape, Text, parse_time

COST, USAGE = f"{BASE}/cost_report", f"{BASE}/usage_report/messages"
DAYS_AT_ONCE, HOURS_AT_ONCE = 31, 168  # the most a page takes; the default is a week or a day


class CostRow(Shape):
    amount: CentString  # a credit is negative
    currency: Literal["USD"]
    workspace_id: Text | None
    description: Label | None = None
    cost_type: Label | None = None  # the list of types grows; money of an unknown type is still money
    model: Label | None = None
    service_tier: Label | None = None
    token_type: Label | None = None
    context_window: Label | None = None
    inference_geo: Label | None = None

    def line(self) -> BilledLine:
        """Return the line of the bill, in dollars."""
        return BilledLine(
            workspace=self.workspace_id or DEFAULT_WORKSPACE,
            description=self.description or "",
            amount=self.amount,
            cost_type=self.cost_type or "",
            model=self.model or "",
            token_type=self.token_type or "",
            tier=self.service_tier or "",
            context_window=self.context_window or "",
            geo=self.inference_geo or "",
        )


class UsageRow(UsageCounts):
    workspace_id: Text | None
    model: Label | None = None
    service_tier: Label | None = None
    inference_geo: Label | None = None
    speed: Label | None = None

    @property
    def use(self) -> Use:
        """What tells a line of an hour from the others: everything it is grouped by."""
        return Use(
            self.workspace_id or DEFAULT_WORKSPACE,
            self.model or "",
            self.service_tier or "",
            self.inference_geo or "not_available",
            self.speed or "standard",
        )


class KeyUsageRow(UsageCounts):
    api_key_id: Text | None
    workspace_id: Text | None
    model: Label | None = None
    service_tier: Label | None = None
    context_window: Label | None = None

    @property
    def use(self) -> KeyUse:
        """What tells a line of a day from the others: everything it is grouped by."""
        return KeyUse(
            self.api_key_id or "",
            self.workspace_id or DEFAULT_WORKSPACE,
            self.model or "",
            self.service_tier or "",
            self.context_window or "",
        )


class Bucket(Shape):
    starting_at: Moment
    ending_at: Moment
    results: list[object]


class Report(Paged):
    data: list[object]


COST_ROWS = ListOf(name="cost", path="data.results", shape=CostRow)
USAGE_ROWS = ListOf(name="usage", path="data.results", shape=UsageRow)
KEY_USAGE_ROWS = ListOf(name="key usage", path="data.results", shape=KeyUsageRow, components=())

Row = TypeVar("Row", CostRow, UsageRow, KeyUsageRow)


class Reports:
    """Reads the two reports, page by page; nothing of a list counts before its last page.

    A bucket of which no row can be read is as if it had not come: it is not an empty one.
    """

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
        days = await _buckets(collector, COST, COST_ROWS, params, DAY, (start, today))
        newest = max((day.starting_at for day in days), default=None)
        bills = []
        for day in days:
            rows = _rows(collector, COST_ROWS, day, f"{BilledDay.kind}/{day.starting_at.date()}")
            if rows or (not day.results and day.starting_at != newest and now - day.ending_at > BILL_SETTLED):
                bills.append(self._bill(day.starting_at, rows))
        return bills

    async def used(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[UsageHour]:
        """Return the hours from `start` whose usage is known."""
        hours = await _used(collector, USAGE_ROWS, start, end, "1h", HOURS_AT_ONCE, USED_BY)
        found = []
        for hour in hours:
            name = f"{UsageHour.kind}/{hour.starting_at:%Y-%m-%dT%H}"
            rows = _rows(collector, USAGE_ROWS, hour, name)
            if rows or (not hour.results and now - hour.ending_at > USAGE_SETTLED):
                found.append(self._hour(hour.starting_at, rows))
        return found

    async def used_by_key(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[KeyUsage]:
        """Return the days from `start` of which it is known who used what."""
        days = await _used(collector, KEY_USAGE_ROWS, start, end, "1d", DAYS_AT_ONCE, USED_BY_KEY)
        found = []
        for day in days:
            rows = _rows(collector, KEY_USAGE_ROWS, day, f"{KeyUsage.kind}/{day.starting_at.date()}")
            if rows or (not day.results and now - day.ending_at > USAGE_SETTLED):
                found.append(self._keyed(day.starting_at, rows))
        return found

    def reread(self, aside: Aside, at: datetime) -> list[Record]:
        """Return the record that has nothing but the line of a row which was set aside of it."""
        match aside.listed:
            case "cost":
                return [self._bill(at, [COST_ROWS.again(aside)])]
            case "usage":
                return [self._hour(at, [USAGE_ROWS.again(aside)])]
            case "key usage":
                return [self._keyed(at, [KEY_USAGE_ROWS.again(aside)])]
        return []

    def _bill(self, day: datetime, rows: Iterable[CostRow]) -> BilledDay:
        return BilledDay(source=self._source, day=day.date(), lines=summed(row.line() for row in rows))

    def _hour(self, hour: datetime, rows: Iterable[UsageRow]) -> UsageHour:
        used: dict[Use, UsedInRow] = {}
        for row in rows:
            used[row.use] = used.get(row.use, UsedInRow()) + row.tally
        lines = (usage_line(use, tally, hour, self._prices) for use, tally in used.items())
        return UsageHour(source=self._source, at=hour, lines=tuple(lines))

    def _keyed(self, day: datetime, rows: Iterable[KeyUsageRow]) -> KeyUsage:
        used: dict[KeyUse, UsedInRow] = {}
        for row in rows:
            used[row.use] = used.get(row.use, UsedInRow()) + row.tally
        lines = (key_line(use, tally) for use, tally in used.items())
        return KeyUsage(source=self._source, day=day.date(), lines=tuple(lines))


async def _used(
    collector: Collector,
    listed: ListOf[Row],
    start: datetime,
    end: datetime,
    width: Literal["1h", "1d"],
    most: int,
    by: Sequence[str],
) -> list[Bucket]:
    params: Params = [
        *span(start, end),
        ("bucket_width", width),
        ("limit", str(most)),
        *groups(*by),
    ]
    return await _buckets(collector, USAGE, listed, params, {"1h": HOUR, "1d": DAY}[width], (start, end))


async def _buckets(
    collector: Collector,
    path: str,
    listed: ListOf[Row],
    params: Params,
    width: timedelta,
    asked: tuple[datetime, datetime],
) -> list[Bucket]:
    """Return every bucket of a report once, each checked."""
    pages = await collector.pages(
        path,
        Report,
        params,
        cursor="page",
        field="next_page",
        follow=lambda page: page.follow(collector.malformed),
        may_expire=True,
    )
    buckets = ListOf(
        name=listed.name,
        path="data",
        shape=Bucket,
        identity=_start,
        times=(("starting_at", parse_time),),
        components=listed.components,
        fits=lambda bucket: check_bounds(bucket.starting_at, bucket.ending_at, width, asked),
    )
    collector.went_through(listed.name, asked[0])
    return collector.rows.distinct(buckets, (each for page in pages for each in page.data), Bounds(*asked))


def _start(raw: Raw) -> str | None:
    try:
        return f"from {parse_time(raw.get('starting_at')):%Y-%m-%dT%H:%MZ}"
    except ValueError:
        return None


def _rows(collector: Collector, listed: ListOf[Row], bucket: Bucket, record: str) -> list[Row]:
    """Return the rows of a bucket that can be read; they are lines of that record."""
    return collector.rows.read(listed, bucket.results, Bounds(bucket.starting_at, bucket.starting_at), record)
