"""What was billed and used, from the analytics reports: the newer family, in beta.

Source: Anthropic Usage and Cost Analytics API, as the types of its official client 2.12 state it (2026-11).
Units:  see `rows`. `amount` is after discount and before credits.
Quirk:  there are rows only for what was used, so what is missing is known to be nothing only as far as
        `data_refreshed_at` reaches. The default workspace has an id of its own; it is in no list of names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Generic, Literal, NamedTuple, TypeVar

from exporter.errors import SourceError
from exporter.money import ZERO
from exporter.records import Aside, BilledDay, BilledLine, KeyUsage, Observation, Record, UsageHour
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
    UsedInRow,
    check_bounds,
    groups,
    key_line,
    span,
    summed,
    usage_line,
)
from exporter.sources.listing import Bounds, ListOf
from exporter.sources.paging import Collector
from exporter.sources.shapes import CentString, Label, Moment, Shape, Text, parse_time

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
    model: Label | None = None
    service_tier: Label | None = None


class UseGroup(Group):
    inference_geo: Label | None = None
    speed: Label | None = None


class BillGroup(UseGroup):
    cost_type: Label | None = None
    token_type: Label | None = None


class KeyGroup(Group):
    api_key_id: Text | None
    context_window: Label | None = None


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


def _line_of(kind: str, form: str) -> Callable[[datetime | None], str]:
    """Return what tells by the time of a row of which record it is a line: without one it may be of any."""
    return lambda at: f"{kind}/" if at is None else f"{kind}/{at:{form}}"


BY_DAY, BY_HOUR = "%Y-%m-%d", "%Y-%m-%dT%H"
TIMES = (("starting_at", parse_time),)
COST_ROWS = ListOf(
    name="cost analytics",
    path="data",
    shape=Billed,
    times=TIMES,
    line_of=_line_of(BilledDay.kind, BY_DAY),
)
USAGE_ROWS = ListOf(
    name="usage analytics",
    path="data",
    shape=UsedItem,
    times=TIMES,
    line_of=_line_of(UsageHour.kind, BY_HOUR),
)
KEY_COST_ROWS = ListOf(
    name="key cost analytics",
    path="data",
    shape=KeyBilled,
    times=TIMES,
    line_of=_line_of(KeyUsage.kind, BY_DAY),
    components=(),
)
KEY_USAGE_ROWS = ListOf(
    name="key usage analytics",
    path="data",
    shape=KeyUsed,
    times=TIMES,
    line_of=_line_of(KeyUsage.kind, BY_DAY),
    components=(),
)


class AnalyticsReport(Paged):
    data: list[object]
    data_refreshed_at: Moment | None


class Told(NamedTuple, Generic[Row]):
    """All rows from `start` on, and the time up to which they are known; None when that is not said.

    `odd` are the buckets that have rows which could not be read; None among them stands for any.
    """

    rows: list[Row]
    start: datetime
    until: datetime | None
    odd: frozenset[datetime | None]

    def quiet(self, end: datetime, width: timedelta, settled: timedelta = timedelta(0)) -> list[datetime]:
        """Return the buckets that are believed without any row: those that ended well before `until`."""
        if self.until is None or None in self.odd:
            return []
        count = max(0, (min(self.until - settled, end) - self.start) // width)
        return [bucket for number in range(count) if (bucket := self.start + number * width) not in self.odd]


class Analytics:
    """Reads the analytics reports in ranges of a month, each whole or not at all.

    `beside` is where names are asked for; a refusal of them is one of `troubles`.
    """

    def __init__(self, source: str, prices: Prices, names: Names, beside: Collector) -> None:
        self._source = source
        self._prices, self._names, self._beside = prices, names, beside
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
        told = await _rows(collector, COST, COST_ROWS, DAY, (start, today), now, by)
        self._heard(told.until)
        await self._meet(row.group.workspace_id for row in told.rows)
        days: dict[datetime, list[BilledLine]] = {day: [] for day in told.quiet(today, DAY, BILL_SETTLED)}
        for row in told.rows:
            # A day that is not over at the last renewal is a part of a bill.
            if told.until is None or row.ending_at <= told.until:
                days.setdefault(row.starting_at, []).append(self._billed_line(row))
        return [
            BilledDay(source=self._source, day=day.date(), lines=summed(lines))
            for day, lines in sorted(days.items())
        ]

    async def used(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[UsageHour]:
        """Return the hours from `start` whose usage is known."""
        told = await _rows(collector, USAGE, USAGE_ROWS, HOUR, (start, end), now, USED_BY)
        self._heard(told.until)
        await self._meet(row.group.workspace_id for row in told.rows)
        hours: dict[datetime, list[UsedItem]] = {hour: [] for hour in told.quiet(end, HOUR)}
        for row in told.rows:
            hours.setdefault(row.starting_at, []).append(row)
        return [self._hour(hour, rows) for hour, rows in sorted(hours.items())]

    async def used_by_key(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[KeyUsage]:
        """Return the days from `start` of which it is known who used what, and what it cost."""
        used = await _rows(collector, USAGE, KEY_USAGE_ROWS, DAY, (start, end), now, USED_BY_KEY)
        billed = await _rows(collector, COST, KEY_COST_ROWS, DAY, (start, end), now, USED_BY_KEY)
        await self._meet(row.group.workspace_id for row in (*used.rows, *billed.rows))
        days: dict[datetime, dict[KeyUse, UsedInRow | None]] = {day: {} for day in used.quiet(end, DAY)}
        costs: dict[tuple[datetime, KeyUse], Decimal] = {}
        for row in used.rows:
            use, day = self._key_use(row.group), days.setdefault(row.starting_at, {})
            day[use] = (day.get(use) or UsedInRow()) + row.usage.tally
        for paid in billed.rows:
            use = self._key_use(paid.group)
            days.setdefault(paid.starting_at, {}).setdefault(use, None)
            costs[paid.starting_at, use] = costs.get((paid.starting_at, use), ZERO) + paid.cost.amount
        return [
            KeyUsage(
                source=self._source,
                day=at.date(),
                lines=tuple(
                    replace(key_line(use, tally), cost=costs.get((at, use))) for use, tally in day.items()
                ),
            )
            for at, day in sorted(days.items())
        ]

    def reread(self, aside: Aside, at: datetime) -> list[Record]:
        """Return the record that has nothing but the line of a row which was set aside of it."""
        match aside.listed:
            case "cost analytics":
                line = self._billed_line(COST_ROWS.again(aside))
                return [BilledDay(source=self._source, day=at.date(), lines=(line,))]
            case "usage analytics":
                return [self._hour(at, [USAGE_ROWS.again(aside)])]
        return []

    def _hour(self, hour: datetime, rows: Iterable[UsedItem]) -> UsageHour:
        used: dict[Use, UsedInRow] = {}
        for row in rows:
            tally = row.usage.tally
            if any(tally.counts.values()) or tally.unknown:  # code execution and sessions have no tokens
                use = self._use(row.group)
                used[use] = used.get(use, UsedInRow()) + tally
        lines = (usage_line(use, tally, hour, self._prices) for use, tally in used.items())
        return UsageHour(source=self._source, at=hour, lines=tuple(lines))

    def _heard(self, until: datetime | None) -> None:
        if until is not None:
            self._until = until if self._until is None else min(self._until, until)

    async def _meet(self, ids: Iterable[str | None]) -> None:
        try:
            met = await self._names.meet(self._beside, {one for one in ids if one is not None})
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
            group.speed or "standard",
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
    listed: ListOf[Row],
    width: timedelta,
    asked: tuple[datetime, datetime],
    now: datetime,
    by: Sequence[str],
) -> Told[Row]:
    """Return every row of a range, each checked; one that comes again on a later page is the same row."""
    first, end = max(asked[0], FIRST_DAY, _reach(now)), asked[1]
    before = len(collector.aside)
    rows: list[Row] = []
    refreshed: list[datetime | None] = []
    for number in range(-((first - end) // LONGEST)):
        begins: datetime = first + number * LONGEST
        ends: datetime = min(begins + LONGEST, end)
        pages = await collector.pages(
            path,
            AnalyticsReport,
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
        fitting = replace(listed, fits=_within(width, (begins, ends)))
        turned: set[Row] = set()
        for page in pages:
            found = collector.rows.read(fitting, page.data, Bounds(begins, ends))
            rows += [row for row in found if row not in turned]
            turned.update(found)
        refreshed += [page.data_refreshed_at for page in pages]
    collector.went_through(listed.name, first)
    said = [moment for moment in refreshed if moment is not None]
    until = min(said) if said and len(said) == len(refreshed) else None
    odd = frozenset(each.at if each.at == each.since else None for each in collector.aside[before:])
    return Told(rows, first, until, odd)


def _within(width: timedelta, asked: tuple[datetime, datetime]) -> Callable[[Item], None]:
    return lambda row: check_bounds(row.starting_at, row.ending_at, width, asked)


def _reach(now: datetime) -> datetime:
    """Return the first midnight that the service still looks back to."""
    earliest = now - REACH
    midnight = earliest.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == earliest else midnight + DAY
