"""The figures of any period as they are known now, from the daybook and the snapshots.

Days:   a day that is over is the sum of its records. Today is what the newest snapshot states, so that a
        period that runs never says otherwise than the live figures.
Marks:  what was unrealised at a midnight is what a snapshot of then stated, and nothing where nothing was
        open. Where nobody looked, the value next to it stands in, as for the windows, and the change is
        `partial`. So the changes of days always sum to those of their months.
Grade:  the worst of: has the source been heard since, is its past whole, is the cost billed, does anything
        that is known speak against the days, is the daybook up with the records.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo

from exporter.errors import StoreUnavailable
from exporter.ledger.book import total
from exporter.ledger.cost.cost_book import ESTIMATED
from exporter.ledger.cost.day import MINUTE, CostDay
from exporter.ledger.daybook import Calendar, cost_doubts, reckon
from exporter.ledger.journal import OPEN_COST
from exporter.ledger.trading.venue_book import OPENING_MARK_AGE
from exporter.money import ZERO, to_micro
from exporter.periods.day_line import SLOT, DayLine, DaySums
from exporter.periods.period import Period
from exporter.records import BillChange, BilledDay, KeyUsage, Kind, UsageHour
from exporter.reports.certainty import Against, CostCertainty, SourceCertainty
from exporter.reports.knowledge import Knowledge, KnownNow, KnownThen, NothingPublished, OtherMethod
from exporter.snapshot import COMPONENTS, KIND_COMPONENTS, Figure, Grade, Opening, Reason, Snapshot
from exporter.snapshot.texts import decimal
from exporter.snapshot.tree import WindowStatement
from exporter.store import Store
from exporter.store.daybook import Scope
from exporter.store.rows import chunks
from exporter.times import midnight, unstamp

UNREALISED = "trading_unrealised_change"

DAYS_AT_ONCE = 62
"""Days of API cost whose records are held at a time: two months are a few thousand."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """What a period came to: its lines, their sum, the same by source, and how much happened in it."""

    period: Period
    net: Figure
    components: Mapping[str, Figure]
    by_source: Mapping[str, Mapping[str, Figure]]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unrealised:
    """What was unrealised at a midnight, and what is doubtful about it."""

    usd: Decimal
    reason: Reason | None = None


class PeriodReader:
    """The past of one store as it stands: one state, whatever is asked of it, of a store that is pinned.

    `upto` is the newest record in it.
    `snapshot` is the newest one, for who has it at hand.
    Raises StoreUnavailable while no snapshot was published, for without one nobody knows what takes part.
    """

    def __init__(
        self,
        store: Store,
        snapshot: Snapshot | None = None,
        known: Knowledge | None = None,
    ) -> None:
        newest = store.snapshots.newest() if snapshot is None else snapshot
        if newest is None:
            raise StoreUnavailable("The exporter has published no snapshot yet.")
        self.snapshot = newest
        self.now, self.zone = unstamp(newest.as_of), ZoneInfo(newest.timezone)
        self.today = self.now.astimezone(self.zone).date()
        self.sources = {
            name: found for name, found in newest.sources.items() if found.kind in KIND_COMPONENTS
        }
        self.store = store
        self.upto = store.records.newest_id()
        self._midnights: dict[str, dict[date, Opening]] = {}
        self._parts: dict[tuple[str, datetime], tuple[DayLine, bool]] = {}
        self.known: Knowledge = KnownNow(store) if known is None else known
        # What lags is asked first: of a store that is not pinned, days may know more than it, never less.
        self._lag = self.known.lag(f"{newest.timezone} {newest.lot_rule} ")
        self._days = self.known.days(self.today, list(self.sources))
        self._certainty = {
            name: SourceCertainty(name, newest, self.known, self._lag) for name in self.sources
        }
        self._of_cost = {
            name: CostCertainty(name, self.known, self.today, self.now) for name in self.of_kind("api_cost")
        }

    @classmethod
    def at(cls, store: Store, moment: datetime) -> Self:
        """Return the past as it was known at a moment: by the records that had been read by then, and with
        what the snapshot of then said of today, of its sources and of what speaks against figures.

        Raises NothingPublished where no snapshot of then is kept whole, TooMuchSince, OtherMethod.
        """
        sequence = store.evidence.snapshot(moment)
        snapshot = store.snapshots.read(sequence) if sequence else None
        if snapshot is None:
            raise NothingPublished("No snapshot of that time is kept whole: ask for a later one.")
        newest = store.snapshots.newest()
        assert newest is not None
        for what, said, says in (
            ("zone", snapshot.timezone, newest.timezone),
            ("lot rule", snapshot.lot_rule, newest.lot_rule),
        ):
            if said != says:
                # Days of two zones are not the same days, and lots of two rules not the same profit.
                raise OtherMethod(f"The {what} was {said} then and is {says} now: the two are not compared.")
        zone = ZoneInfo(snapshot.timezone)
        known = KnownThen(
            store, unstamp(snapshot.as_of), list(snapshot.sources), Calendar(zone), snapshot.lot_rule
        )
        return cls(store, snapshot, known)

    @cached_property
    def first(self) -> date | None:
        """The first day on which anything happened, None when nothing did."""
        return min((day for days in self._days.values() for day in days), default=None)

    def state_of_past(self) -> object:
        """Return all that may change what the days before today came to, or their grade, as JSON has it."""
        begun, snapshot, since = midnight(self.today, self.zone), self.snapshot, self._lag.since
        sources = {
            name: (
                source.kind,
                source.history,
                source.error if source.as_of is None else None,
                source.as_of if source.as_of is None or unstamp(source.as_of) < begun else True,
            )
            for name, source in self.sources.items()
        }
        return (
            (snapshot.epoch, snapshot.timezone, snapshot.lot_rule),
            (self.today, self.now.hour, sources, snapshot.doubts),
            None if since is None else {name: at for name, at in since.items() if at < begun},
            self.store.daybook.fingerprint(self.today - DAY, list(self.sources), self.of_kind("api_cost")),
        )

    def figures(self, period: Period, until: datetime | None = None) -> PeriodFigures:
        """Return what a period came to, as far as it has gone; or no further than until a moment of it.

        Of a day that is cut so the records up to the moment count; of API cost, which has hours, the share of
        the hour that its minutes have.
        """
        if until is not None and until >= min(period.end, self.now):
            until = None
        by_source = {
            name: self._of_source(name, source.kind, period)
            if until is None
            else self._closed(name, source.kind, period, until)
            for name, source in self.sources.items()
        }
        components = {}
        for component in COMPONENTS:
            found = [parts[component] for parts in by_source.values() if component in parts]
            if found:
                components[component] = total(found)
        counts = self._counts(period, until)
        return PeriodFigures(period, total(components.values()), components, by_source, counts)

    def _whole_days(self, source: str, period: Period, end: datetime) -> Iterator[tuple[date, DaySums]]:
        """Yield the days of a period that a moment leaves whole, of those on which a source had anything."""
        days = self._days[source]
        last = end.astimezone(self.zone).date() - DAY
        if len(days) < (last - period.first).days:
            yield from ((day, found) for day, found in days.items() if period.first <= day <= last)
            return
        for ordinal in range(period.first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if (found := days.get(day)) is not None:
                yield day, found

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the sources of a kind that take part, in their order."""
        return [name for name, source in self.sources.items() if source.kind == kind]

    def grade(self, source: str, day: date, components: Collection[str]) -> Grade:
        """Return the worst grade that some lines of a source have on a day."""
        figures = self._of_source(source, self.sources[source].kind, Period.holding("day", day, self.zone))
        return min(figure.grade for name, figure in figures.items() if name in components)

    def cost_grade(self, day: CostDay) -> Grade:
        """Return the worst grade of a UTC day of API cost."""
        source = self.sources[day.source]
        grades = [Grade.of(doubt.grade) for doubt in cost_doubts(day, self.now)]
        if day.end <= self.now:
            grades += (each.grade for each in self._certainty[day.source].against(day.start, day.end))
        else:
            live = self._live(day.source, source.kind, self.snapshot.windows["today"])
            grades += (figure.grade for figure in live.values())
        return min(grades, default=Grade.FINAL)

    def lines(self, period: Period, sources: Sequence[str]) -> Iterator[tuple[Scope, DayLine]]:
        """Yield what each market, sale or day of cost came to on each day of a period, until now."""
        last = min(period.last, self.today)
        if period.first <= last:
            for scope, _, line in self.known.lines(period.first, last, sources):
                yield scope, line

    def positions(self, source: str, at: datetime) -> dict[str, Decimal] | None:
        """Return by market what was unrealised at a moment, None where that is not kept."""
        if at >= self.now:
            return _positions(self.snapshot, source)
        value = self.value(source, at)
        if not value.usd and value.reason is None:
            return {}
        sequence = self.store.evidence.snapshot(at)
        snapshot = self.store.snapshots.read(sequence) if sequence else None
        found = {} if snapshot is None else _positions(snapshot, source)
        return found if sum(found.values(), ZERO) == value.usd else None

    def slots(self, period: Period) -> dict[str, dict[date, DayLine]]:
        """Return by source the days of a period until now, with their quarters of an hour."""
        return self.store.daybook.hours(period.first, min(period.last, self.today), list(self.sources))

    def open_cost(self, name: str, at: datetime) -> Decimal:
        """Return what the contracts have cost that were open when the day of a moment began."""
        dates, costs = self._open_cost[name]
        before = bisect_right(dates, at.astimezone(self.zone).date() - DAY)
        return costs[before - 1] if before else ZERO

    def value(self, name: str, at: datetime) -> Unrealised:
        """Return what was unrealised at a moment."""
        if not self.open_cost(name, at) - self._part_of_day(name, at)[0].sums().get(OPEN_COST, ZERO):
            return Unrealised(ZERO)
        opening = self._opening(name, at)
        if opening is None:
            share = (self.snapshot.venues or {}).get(name)
            stated = self.snapshot.unrealised if share is None else share.unrealised
            known = ZERO if stated is None or stated.usd is None else decimal(stated.usd)
            return Unrealised(
                known, Reason(name, "no_opening", f"no value is known of {at:%Y-%m-%d %H:%M} UTC")
            )
        if opening.as_of > at or at - opening.as_of > OPENING_MARK_AGE:
            text = f"the value at {at:%Y-%m-%d %H:%M} UTC is of {opening.as_of:%Y-%m-%d %H:%M} UTC"
            return Unrealised(opening.usd, Reason(name, "old_opening", text))
        if opening.grade < Grade.ESTIMATED:
            text = f"the value at {at:%Y-%m-%d %H:%M} UTC was {opening.grade.word}"
            return Unrealised(opening.usd, Reason(name, "doubtful_opening", text))
        return Unrealised(opening.usd)

    def cost_days(self, source: str, days: Sequence[date]) -> Iterator[CostDay]:
        """Yield what is known of UTC days of a bill, of those of which anything is."""
        for chunk in chunks(days, DAYS_AT_ONCE):
            names = [day.isoformat() for day in chunk]
            for scope, records in sorted(self.known.records(source, names).items()):
                day = CostDay(date.fromisoformat(scope), source)
                for record in records:
                    if isinstance(record, BilledDay | UsageHour | KeyUsage | BillChange):
                        day.take(record)
                day.settle(self.now)
                if day.known:
                    yield day

    def _counts(self, period: Period, until: datetime | None) -> dict[str, int]:
        counted = DayLine()
        for source in self._days:
            for _, found in self._whole_days(source, period, until or period.end):
                for name, number in found.counts.items():
                    counted.count(name, number)
            if until is not None:
                counted.put(self._part_of_day(source, until)[0])
        return counted.counts

    def _of_source(self, name: str, kind: Kind, period: Period) -> dict[str, Figure]:
        """Return the lines of one source. A period that a window covers is graded as that is."""
        found = self._summed(name, kind, period)
        for window in ("mtd", "ytd"):
            stated = self.snapshot.windows[window]
            if period.first < self.today <= period.last and unstamp(stated.start) == period.start:
                live = self._live(name, kind, stated)
                if all(live[each].usd == figure.usd for each, figure in found.items() if each in live):
                    return live
        return found

    def _summed(self, name: str, kind: Kind, period: Period) -> dict[str, Figure]:
        if period.first > self.today:
            reason = Reason(name, "not_begun", f"{period.name} has not begun")
            return dict.fromkeys(KIND_COMPONENTS[kind], Figure(None, Grade.MISSING, None, (reason,)))
        parts: dict[str, list[Figure]] = {component: [] for component in KIND_COMPONENTS[kind]}
        if period.first < self.today:
            end = min(period.end, midnight(self.today, self.zone))
            for component, figure in self._closed(name, kind, period, end).items():
                parts[component].append(figure)
        if period.first <= self.today <= period.last:
            for component, figure in self._live(name, kind, self.snapshot.windows["today"]).items():
                parts[component].append(figure)
        return {component: total(found) for component, found in parts.items() if found}

    def _live(self, name: str, kind: Kind, window: WindowStatement) -> dict[str, Figure]:
        """Return what the newest snapshot says of a source in a window."""
        share = (window.by_source or {}).get(name)
        stated = window.components if share is None else share.components
        return {
            component: Figure.of(stated[component])
            for component in KIND_COMPONENTS[kind]
            if component in stated
        }

    def _closed(self, name: str, kind: Kind, period: Period, end: datetime) -> dict[str, Figure]:
        """Return what a period had come to at a moment that is past, or at its end."""
        sums = dict.fromkeys(KIND_COMPONENTS[kind], ZERO)
        for _, day in self._whole_days(name, period, end):
            for component in sums:
                sums[component] += day.sums.get(component, ZERO)
        part, shared = self._part_of_day(name, end)
        for component, usd in part.sums().items():
            if component in sums:
                sums[component] += usd
        against = list(self._certainty[name].against(period.start, end))
        if kind == "venue":
            begun, ended = self.value(name, period.start), self.value(name, end)
            sums[UNREALISED] = ended.usd - begun.usd
            against += (
                Against(frozenset((UNREALISED,)), Grade.PARTIAL, value.reason)
                for value in (begun, ended)
                if value.reason is not None
            )
        if kind == "api_cost":
            against += self._against_cost(name, period, end)
            if shared:
                reason = Reason(name, "hour_cut", "its last hour is shared by the minute")
                against.append(Against(frozenset((ESTIMATED,)), Grade.ESTIMATED, reason))
        return {component: self._graded(name, component, usd, against) for component, usd in sums.items()}

    def _against_cost(self, name: str, period: Period, end: datetime) -> Iterator[Against]:
        found = self._of_cost[name]
        last = (end - timedelta(microseconds=1)).astimezone(self.zone).date()
        yield from found.against(period.first, last, period.start, end)
        goes_on = end < period.end and end == midnight(self.today, self.zone)
        for edge in (period.start,) if goes_on else (period.start, end):
            yield from found.cut(edge)

    def _graded(self, name: str, component: str, usd: Decimal, against: Sequence[Against]) -> Figure:
        """Return a line with all that speaks against it; no figure of a source that has never answered."""
        heard, error = self._certainty[name].heard, self.sources[name].error
        if heard is None:
            code, text = ("no_answer", "no answer yet") if error is None else (error.reason, error.sentence)
            return Figure(None, Grade.MISSING, None, (Reason(name, code, text),))
        found = sorted(
            (each for each in against if component in each.components), key=lambda each: each.grade
        )
        grade = found[0].grade if found else Grade.FINAL
        return Figure(usd, grade, heard, tuple(dict.fromkeys(each.reason for each in found)))

    @cached_property
    def _open_cost(self) -> dict[str, tuple[list[date], list[Decimal]]]:
        """The cost of what was open at the end of each day on which it changed, by venue."""
        found = {}
        for name, days in self._days.items():
            dates, costs, cost = [], [], ZERO
            for day in sorted(days):
                if (moved := days[day].sums.get(OPEN_COST)) is not None:
                    cost -= moved
                    dates.append(day)
                    costs.append(cost)
            found[name] = dates, costs
        return found

    def _part_of_day(self, name: str, until: datetime) -> tuple[DayLine, bool]:
        """Return what a source had on the day of a moment until then, and whether an hour was shared."""
        key = name, until
        if key not in self._parts:
            self._parts[key] = self._made_part(name, until)
        return self._parts[key]

    def _made_part(self, name: str, until: datetime) -> tuple[DayLine, bool]:
        day = until.astimezone(self.zone).date()
        begins, part, shared = midnight(day, self.zone), DayLine(), False
        if begins == until:
            return part, False
        calendar, lots = Calendar(self.zone), self.snapshot.lot_rule
        hour = max(until.replace(minute=0, second=0, microsecond=0), begins)
        for chunk in chunks(sorted(self.known.scopes(day, day, name)), DAYS_AT_ONCE):
            for records in self.known.records(name, chunk).values():
                line = reckon(records, calendar, lots, until).lines.get(day, DayLine())
                if self.sources[name].kind == "api_cost":
                    shared |= _share(line, (hour - begins) // SLOT, until - hour)
                part.put(line)
        return part, shared

    def _opening(self, name: str, at: datetime) -> Opening | None:
        """Return what was published as unrealised at a moment, or next to it; None where nothing was."""
        if name not in self._midnights:
            self._midnights[name] = self.store.midnights.of(name, self.zone)
        day = at.astimezone(self.zone).date()
        kept = self._midnights[name].get(day) if at == midnight(day, self.zone) else None
        found = self.store.snapshots.opening(name, at) if kept is None else kept
        return None if found is None or found.as_of > self.now else found


def _share(line: DayLine, slot: int, passed: timedelta) -> bool:
    """Leave of what lies in a slot the share that has passed of its hour; tell whether there was anything."""
    cut = False
    for account, slots in list(line.amounts.items()):
        if usd := slots.get(slot):
            cut = True
            line.add(account, slot, to_micro(usd * (passed // MINUTE) / 60) - usd)
    return cut


def _positions(snapshot: Snapshot, source: str) -> dict[str, Decimal]:
    """Return by market what a snapshot states as unrealised at a venue."""
    return {
        key.removeprefix(f"{source}:"): decimal(held.unrealised)
        for key, held in (snapshot.positions or {}).items()
        if held.source == source and held.unrealised is not None
    }
