"""What was billed and used, from the analytics reports: the newer family, in beta.

Source: Anthropic Usage and Cost Analytics API, as the types of its official client 2.12 state it (2026-11).
Units:  see `rows`. `amount` is after discount and before credits.
Quirk:  there are rows only for what was used, so what is missing is known to be nothing only as far as
        `data_refreshed_at` reaches. The default workspace has an id of its own; it is in no list of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Generic, Literal, NamedTuple, TypeVar

from exporter.errors import SourceError
from exporter.records import BilledDay, BilledLine, KeyUsage, KeyUsageLine, Observation, UsageHour, UsageLine
from exporter.sources.anthropic.names import Names
from exporter.sources.anthropic.pricing import Prices
from exporter.sources.anthropic.rows import (
    BASE,
    BILL_SETTLED,
    DAY,
    DEFAULT_WORKSPACE,
    HOUR,
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
from exporter.sources.paging import Collector
from exporter.sources.shapes import CentString, Label, Moment, Shape, Text

COST, USAGE = f"{BASE}/analytics/cost", f"{BASE}/analytics/usage"
BETA = "analytics-usage-cost-2026-08-24"
ROWS_AT_ONCE = 1_000
LONGEST = timedelta(days=31)  # the service takes no longer range at once
REACH = timedelta(days=365)  # it refuses a start before
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # and before this day

FRESHNESS = timedelta(hours=6)
"""Its sibling is usually up to four hours late; figures of before are old."""

NO_WORKSPACE = "none"
"""Usage of members' subscriptions is in no workspace."""


class Group(Shape):
    """What a row is told apart by; null is what does not apply to it."""

    workspace_id: Text | None
    model: Label | None
    service_tier: Label | None


class UseGroup(Group):
    inference_geo: Label | None
    speed: Label | None


class BillGroup(UseGroup):
    cost_type: Label | None
    token_type: Label | None


class KeyGroup(Group):
    api_key_id: Text | None
    context_window: Label | None


class Cost(Shape):
    amount: CentString
    currency: Literal["USD"]


class Item(Shape):
    starting_at: Moment
    ending_at: Moment
    group: Group


class Billed(Item):
    group: BillGroup
    cost: Cost


class UsedItem(Item):
    group: UseGroup
    usage: UsageCounts


class KeyBilled(Item):
    group: KeyGroup
    cost: Cost


class KeyUsed(Item):
    group: KeyGroup
    usage: UsageCounts


Row = TypeVar("Row", Billed, UsedItem, KeyBilled, KeyUsed)


class AnalyticsReport(Paged, Generic[Row]):
    data: list[Row]
    data_refreshed_at: Moment | None


class Told(NamedTuple, Generic[Row]):
    """All rows from `start` on, and the time up to which they are known; None when that is not said."""

    rows: list[Row]
    start: datetime
    until: datetime | None

    def quiet(self, end: datetime, width: timedelta, settled: timedelta = timedelta(0)) -> list[datetime]:
        """Return the buckets that are believed without any row: those that ended well before `until`."""
        if self.until is None:
            return []
        count = max(0, (min(self.until - settled, end) - self.start) // width)
        return [self.start + number * width for number in range(count)]


class Analytics:
    """Reads the analytics reports in ranges of a month, each whole or not at all.

    `aside` is where names are asked for; a refusal of them is one of `troubles`.
    """

    def __init__(self, source: str, prices: Prices, names: Names, aside: Collector) -> None:
        self._source = source
        self._prices, self._names, self._aside = prices, names, aside
        self._until: datetime | None = None
        self.asked_names = False
        self.names: list[Observation] | None = None
        self.troubles: list[SourceError] = []

    def as_of(self, now: datetime) -> datetime:
        """Return the time the figures speak of: that of the service's last renewal."""
        return now if self._until is None else min(now, self._until)

    async def billed(
        self, collector: Collector, start: datetime, today: datetime, now: datetime
    ) -> list[BilledDay]:
        """Return the finished days from `start` whose cost is known."""
        by = (*USED_BY, "cost_type", "token_type")
        told = await _rows(collector, COST, AnalyticsReport[Billed], DAY, (start, today), now, by)
        self._heard(told.until)
        await self._meet(row.group.workspace_id for row in told.rows)
        days: dict[datetime, list[BilledLine]] = {day: [] for day in told.quiet(today, DAY, BILL_SETTLED)}
        for row in told.rows:
            # A day that is not over at the last renewal is a part of a bill.
            if told.until is None or row.ending_at <= told.until:
                days.setdefault(row.starting_at, []).append(self._billed_line(row))
        return [
            BilledDay(source=self._source, day=day.date(), lines=tuple(lines))
            for day, lines in sorted(days.items())
        ]

    async def used(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[UsageHour]:
        """Return the hours from `start` whose usage is known."""
        told = await _rows(collector, USAGE, AnalyticsReport[UsedItem], HOUR, (start, end), now, USED_BY)
        self._heard(told.until)
        await self._meet(row.group.workspace_id for row in told.rows)
        hours: dict[datetime, list[UsageLine]] = {hour: [] for hour in told.quiet(end, HOUR)}
        for row in told.rows:
            lines = hours.setdefault(row.starting_at, [])
            if any(row.usage.counts.values()):  # code execution and sessions have rows here, without tokens
                lines.append(usage_line(self._use(row.group), row.usage, row.starting_at, self._prices))
        return [
            UsageHour(source=self._source, at=hour, lines=tuple(lines))
            for hour, lines in sorted(hours.items())
        ]

    async def used_by_key(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[KeyUsage]:
        """Return the days from `start` of which it is known who used what, and what it cost."""
        used = await _rows(collector, USAGE, AnalyticsReport[KeyUsed], DAY, (start, end), now, USED_BY_KEY)
        billed = await _rows(collector, COST, AnalyticsReport[KeyBilled], DAY, (start, end), now, USED_BY_KEY)
        await self._meet(row.group.workspace_id for row in (*used.rows, *billed.rows))
        days: dict[datetime, dict[KeyUse, KeyUsageLine]] = {day: {} for day in used.quiet(end, DAY)}
        for row in used.rows:
            use = self._key_use(row.group)
            days.setdefault(row.starting_at, {})[use] = key_line(use, row.usage)
        for paid in billed.rows:
            use = self._key_use(paid.group)
            lines = days.setdefault(paid.starting_at, {})
            lines[use] = replace(lines.get(use) or key_line(use, None), cost=paid.cost.amount)
        return [
            KeyUsage(source=self._source, day=day.date(), lines=tuple(lines.values()))
            for day, lines in sorted(days.items())
        ]

    def _heard(self, until: datetime | None) -> None:
        if until is not None:
            self._until = until if self._until is None else min(self._until, until)

    async def _meet(self, ids: Iterable[str | None]) -> None:
        try:
            met = await self._names.meet(self._aside, {one for one in ids if one is not None})
            if met is not None:
                self.asked_names, self.names = True, met
        except SourceError as error:
            self.asked_names = True
            self.troubles.append(error)

    def _workspace(self, group: Group) -> str:
        if group.workspace_id is None:
            return NO_WORKSPACE
        return DEFAULT_WORKSPACE if group.workspace_id == self._names.unnamed else group.workspace_id

    def _use(self, group: UseGroup) -> Use:
        return Use(
            self._workspace(group),
            group.model or "",
            group.service_tier or "",
            group.inference_geo or "not_available",
            group.speed or "",
        )

    def _key_use(self, group: KeyGroup) -> KeyUse:
        return KeyUse(
            group.api_key_id or "",
            self._workspace(group),
            group.model or "",
            group.service_tier or "",
            group.context_window or "",
        )

    def _billed_line(self, row: Billed) -> BilledLine:
        group = row.group
        words = (group.model, group.token_type, group.service_tier, group.inference_geo, group.speed)
        return BilledLine(
            workspace=self._workspace(group),
            description=" ".join([group.cost_type or "cost", *(word for word in words if word)]),
            amount=row.cost.amount,
            cost_type=group.cost_type or "",
            model=group.model or "",
            token_type=group.token_type or "",
            tier=group.service_tier or "",
            geo=group.inference_geo or "",
        )


async def _rows(
    collector: Collector,
    path: str,
    report: type[AnalyticsReport[Row]],
    width: timedelta,
    asked: tuple[datetime, datetime],
    now: datetime,
    by: Sequence[str],
) -> Told[Row]:
    """Return every row of a range once, each checked."""
    first, end = max(asked[0], FIRST_DAY, _reach(now)), asked[1]
    rows: list[Row] = []
    refreshed: list[datetime | None] = []
    for number in range(-((first - end) // LONGEST)):
        begins: datetime = first + number * LONGEST
        ends: datetime = min(begins + LONGEST, end)
        pages = await collector.pages(
            path,
            report,
            [
                *span(begins, ends),
                ("time_bucket_width", "1d" if width == DAY else "1h"),
                ("limit", str(ROWS_AT_ONCE)),
                ("order", "asc"),
                ("order_by", "time"),
                *groups(*by),
            ],
            cursor="page",
            field="next_page",
            follow=lambda page: page.follow(collector.malformed),
            may_expire=True,
        )
        found = [row for page in pages for row in page.data]
        bounds = [(row.starting_at, row.ending_at) for row in found]
        check_bounds(bounds, width, (begins, ends), collector.malformed)
        rows += collector.unique(found, lambda row: (row.starting_at, row.group), "data.group")
        refreshed += [page.data_refreshed_at for page in pages]
    said = [moment for moment in refreshed if moment is not None]
    return Told(rows, first, min(said) if said and len(said) == len(refreshed) else None)


def _reach(now: datetime) -> datetime:
    """Return the first midnight that the service still looks back to."""
    earliest = now - REACH
    midnight = earliest.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == earliest else midnight + DAY
