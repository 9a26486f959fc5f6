"""What each market, sale and day of API cost came to on each day of the reporting zone.

Made of its records alone, by the very books that the ledger keeps, so that the past is known from the first
event on, whenever the exporter was first started. A market, a sale, a day of API cost is a *scope*.

Rule:   an hour of API cost that a midnight cuts is shared by the minute between its two days, exactly: what
        the second has is rounded to the micro-dollar, the first has the rest.
        What is dated ahead of now is left out until its time comes, which is `due`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.ledger.cost.cost_book import BILLED, ESTIMATED
from exporter.ledger.cost.day import HOUR, MINUTE, SETTLES_AFTER, USAGE_LATE, CostDay
from exporter.ledger.journal import OPEN_COST, Entry
from exporter.ledger.sales.sale_entries import sale_entries
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.positions import counts, replay
from exporter.money import to_micro
from exporter.periods.day_line import SLOT, DayLine, LineDoubt
from exporter.records import BillChange, BilledDay, Fill, KeyUsage, Record, Sale, Settlement, UsageHour
from exporter.snapshot import COMPONENTS
from exporter.times import from_us, midnight, to_us

DAY_US = timedelta(days=1) // timedelta(microseconds=1)
SLOT_US = SLOT // timedelta(microseconds=1)

ACCOUNTS = frozenset((*COMPONENTS, OPEN_COST))
"""What is kept of an entry: the lines of the statement, and what the open contracts have cost."""


@dataclass(frozen=True, slots=True)
class Reckoned:
    """All lines of a scope, by day; `due` is when time alone makes them others, None when it never does."""

    lines: Mapping[date, DayLine]
    due: datetime | None


class Calendar:
    """The days of a zone, and where in them a moment lies."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._days: dict[int, list[tuple[int, int, date]]] = {}
        """The days of the zone by the UTC days that they lie in, with their bounds."""

    def place(self, at: int) -> tuple[date, int]:
        """Return the day of a moment (microseconds since 1970) and the slot of it that it lies in."""
        known = self._days.get(at // DAY_US)
        if known is None:
            known = self._days[at // DAY_US] = self._around(from_us(at).date())
        [(begins, day)] = [(begins, day) for begins, ends, day in known if begins <= at < ends]
        return day, (at - begins) // SLOT_US

    def _around(self, utc: date) -> list[tuple[int, int, date]]:
        days = [utc + timedelta(days=number) for number in (-1, 0, 1, 2)]
        starts = [to_us(midnight(day, self.zone)) for day in days]
        return list(zip(starts, starts[1:], days, strict=False))

    def today(self, now: datetime) -> date:
        """Return the day that it is."""
        return now.astimezone(self.zone).date()

    def cut(self, hour: datetime) -> datetime | None:
        """Return the midnight within an hour, None where none cuts it."""
        day = (hour + HOUR - timedelta(microseconds=1)).astimezone(self.zone).date()
        begins = midnight(day, self.zone)
        return begins if hour < begins < hour + HOUR else None


def reckon(records: Sequence[Record], calendar: Calendar, lots: LotRule, now: datetime) -> Reckoned:
    """Return what the records of one scope come to. Those that book no profit and no loss have no line."""
    trades = [record for record in records if isinstance(record, Fill | Settlement)]
    if trades:
        return _market(trades, calendar, lots, now)
    cost = [record for record in records if isinstance(record, BilledDay | UsageHour | KeyUsage | BillChange)]
    if cost:
        return _cost(cost, calendar, now)
    return _sales((record for record in records if isinstance(record, Sale)), calendar, now)


def _market(
    trades: Sequence[Fill | Settlement], calendar: Calendar, lots: LotRule, now: datetime
) -> Reckoned:
    _, entries = replay(trades[0].scope, trades, lots)
    book = _Pages(calendar, now)
    for entry in entries:
        book.post(entry)
    for trade in filter(counts, trades):
        book.count(to_us(trade.at), "fills" if isinstance(trade, Fill) else "settlements")
    return book.reckoned()


def _sales(sales: Iterable[Sale], calendar: Calendar, now: datetime) -> Reckoned:
    book = _Pages(calendar, now)
    for sale in sales:
        book.names = {"product": sale.product, "customer": sale.customer}
        for entry in sale_entries(sale):
            book.post(entry)
            book.count(entry.at, "orders" if "sales_gross" in entry.amounts else "refunds")
    return book.reckoned()


def _cost(
    records: Sequence[BilledDay | UsageHour | KeyUsage | BillChange], calendar: Calendar, now: datetime
) -> Reckoned:
    day = CostDay(date.fromisoformat(records[0].scope), records[0].source)
    for record in records:
        day.take(record)
    day.settle(now)
    book = _Pages(calendar, now)
    if day.known:
        book.count(to_us(day.start), "cost_days")  # also of one without cost: it is known to have had none
    for entry in day.entries():
        for shared in _shared(entry, calendar, now):
            book.post(shared)
    if day.known:
        for doubt in cost_doubts(day, now):
            for local in _days_of(day, calendar):
                book.doubt(local, doubt)
    return book.reckoned(at for at in _turns(day, calendar, now) if at > now)


def _turns(day: CostDay, calendar: Calendar, now: datetime) -> Iterator[datetime]:
    """Yield the times at which a day of API cost becomes another by itself."""
    if day.known:
        yield from (day.end + USAGE_LATE, day.end + SETTLES_AFTER)
        yield from (midnight(local, calendar.zone) for local in _days_of(day, calendar))
    hour = now.replace(minute=0, second=0, microsecond=0)
    if day.start <= hour < day.end and calendar.cut(hour) is not None:
        yield now + MINUTE  # of an hour that is not over, what is known has happened in what has passed of it


def _shared(entry: Entry, calendar: Calendar, now: datetime) -> Iterator[Entry]:
    """Share an hour of cost that a midnight cuts between the days on both sides of it."""
    hour = from_us(entry.at)
    cut = calendar.cut(hour)
    of = 0 if cut is None else min(HOUR, now - hour) // MINUTE
    before = 0 if cut is None else (cut - hour) // MINUTE
    if cut is None or before >= of:
        yield entry
        return
    behind = {name: to_micro(usd * (of - before) / of) for name, usd in entry.amounts.items()}
    yield Entry(entry.at, {name: usd - behind[name] for name, usd in entry.amounts.items()})
    yield Entry(to_us(cut), behind)


def cost_doubts(day: CostDay, now: datetime) -> Iterator[LineDoubt]:
    """Say what is not certain of a day of API cost, as the windows that hold it do."""
    named = day.day.isoformat()
    if day.billed is not None and not day.settled(now):
        yield LineDoubt(BILLED, "estimated", "bill_open", f"the bill of {named} may still change")
    if day.billed is None:
        yield LineDoubt(ESTIMATED, "estimated", "not_billed", f"{named} is not billed yet")
    if day.in_pieces:
        text = f"the bill of {named} has no line yet for some of what was used"
        yield LineDoubt(ESTIMATED, "estimated", "bill_in_pieces", text)
    if missing := day.missing_hours(now):
        yield LineDoubt(ESTIMATED, "partial", "unknown_hours", f"{missing} hours of {named} are not known")
    billed = {line.model for line in day.bill_lines}
    for (model, why), tokens in sorted(day.unpriced_since(day.start).items()):
        if (day.billed is None or day.open) and model not in billed and tokens:
            what = model if why == "model" else f"{model} ({why})"
            yield LineDoubt(ESTIMATED, "partial", "unpriced", f"{tokens:,} tokens of {what} have no price")


def _days_of(day: CostDay, calendar: Calendar) -> Iterator[date]:
    """Yield the days of the reporting zone that a UTC day lies in."""
    local, last = (
        at.astimezone(calendar.zone).date() for at in (day.start, day.end - timedelta(microseconds=1))
    )
    while local <= last:
        yield local
        local += timedelta(days=1)


class _Pages:
    """The lines of one scope, while they are made."""

    def __init__(self, calendar: Calendar, now: datetime) -> None:
        self._calendar, self._now = calendar, to_us(now)
        self.names: dict[str, str] = {}
        self._lines: dict[date, DayLine] = {}
        self._due: int | None = None

    def post(self, entry: Entry) -> None:
        """Put the amounts of an entry into its day and slot, or keep them for their time."""
        if self._waits(entry.at):
            return
        day, slot = self._calendar.place(entry.at)
        for account, amount in entry.amounts.items():
            if account in ACCOUNTS and amount:
                self._line(day).add(account, slot, -amount)

    def count(self, at: int, name: str) -> None:
        """Count what happened at a moment."""
        if not self._waits(at):
            self._line(self._calendar.place(at)[0]).count(name)

    def doubt(self, day: date, doubt: LineDoubt) -> None:
        """Say what speaks against a day, once it has begun."""
        if midnight(day, self._calendar.zone) <= from_us(self._now):
            self._line(day).doubts.append(doubt)

    def reckoned(self, later: Iterable[datetime] = ()) -> Reckoned:
        """Return all of it, which stands until the first of these times, or of what waits."""
        dues = [*map(to_us, later), *(() if self._due is None else (self._due,))]
        return Reckoned(self._lines, from_us(min(dues)) if dues else None)

    def _line(self, day: date) -> DayLine:
        return self._lines.setdefault(day, DayLine(names=self.names))

    def _waits(self, at: int) -> bool:
        if at <= self._now:
            return False
        self._due = at if self._due is None else min(self._due, at)
        return True
