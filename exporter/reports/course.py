"""How the net of a period came about: its running sum, at the end of each hour or day until now.

What was realised, fees, sales and cost are exact at every point, from the first event on. What was
unrealised is known at midnights; between two of them it stays what it was, less the share of what has been
closed since. So the last point of a period is its figure, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError
from exporter.ledger.journal import OPEN_COST
from exporter.money import ZERO
from exporter.periods.day_line import SLOT, DayLine
from exporter.periods.period import Period
from exporter.reports.reader import DAY, UNREALISED, PeriodReader
from exporter.snapshot import COMPONENTS, KIND_COMPONENTS, Grade
from exporter.times import midnight

Step = Literal["hour", "day"]

MAX_POINTS = 2_000
"""As many as the history has in one answer: eighty days by the hour, five years by the day."""

CENT = Decimal("0.01")

HOUR = timedelta(hours=1)

Amounts = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """What a period had come to at a moment. `partial` says that what was unrealised then is not known."""

    at: datetime
    net: Decimal | None
    components: Mapping[str, Decimal | None]
    partial: bool


def course(reader: PeriodReader, period: Period, step: Step) -> list[CoursePoint]:
    """Return the points of a period until now, its beginning first; none of one that has not begun."""
    moments = list(islice(_moments(period, step, reader.now), MAX_POINTS + 1))
    if len(moments) > MAX_POINTS:
        raise PeriodError(f"{period.name} has more than {MAX_POINTS:,} {step}s: ask for fewer, or for days.")
    if not moments:
        return []
    walk = _Line(reader, period)
    points = [walk.at(moment) for moment in moments[:-1]]
    figures = reader.figures(period)
    moved = figures.components.get(UNREALISED)
    partial = moved is not None and moved.grade < Grade.ESTIMATED
    components = {name: figure.usd for name, figure in figures.components.items()}
    return [*points, CoursePoint(moments[-1], figures.net.usd, components, partial)]


def _moments(period: Period, step: Step, now: datetime) -> Iterator[datetime]:
    """Yield where a period begins, where its hours or days end, and its end, or now."""
    at, end = period.start, min(period.end, now)
    if at >= end:
        return
    while at < end:
        yield at
        day = at.astimezone(period.zone).date()
        over = midnight(day + DAY, period.zone)
        at = over if step == "day" else min(over, _hour_end(at, period.zone))
    yield end


def _hour_end(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the next moment at which the clocks of a zone show a whole hour, or would without a change."""
    here = at.astimezone(zone)
    return at + HOUR - timedelta(minutes=here.minute, seconds=here.second)


class _Line:
    """Goes along the quarters of the hours of a period, and never back."""

    def __init__(self, reader: PeriodReader, period: Period) -> None:
        self._reader, self._zone = reader, period.zone
        self._slots = reader.slots(period)
        self._venues = {name: _Held(reader, name, period.start) for name in reader.of_kind("venue")}
        kinds = {source.kind for source in reader.sources.values()}
        present = {name for kind in kinds for name in KIND_COMPONENTS[kind]}
        self._sums: Amounts = {name: ZERO for name in COMPONENTS if name in present}
        self._unheard = {
            name
            for source in reader.sources.values()
            if source.as_of is None
            for name in KIND_COMPONENTS[source.kind]
        }
        self._day, self._slot = period.first, 0

    def at(self, moment: datetime) -> CoursePoint:
        """Return what the period had come to at a moment, which is the end of a slot."""
        day = moment.astimezone(self._zone).date()
        while self._day < day:
            self._take(None)
            self._day, self._slot = self._day + DAY, 0
            for held in self._venues.values():
                held.look(midnight(self._day, self._zone))
        self._take((moment - midnight(day, self._zone)) // SLOT)
        if UNREALISED in self._sums:
            self._sums[UNREALISED] = sum((held.change for held in self._venues.values()), ZERO)
        components = {name: None if name in self._unheard else usd for name, usd in self._sums.items()}
        net = None if self._unheard else sum(self._sums.values(), ZERO)
        return CoursePoint(moment, net, components, any(held.partial for held in self._venues.values()))

    def _take(self, until: int | None) -> None:
        """Take the slots of the day in that come before `until`, or all that are left of it."""
        for name, days in self._slots.items():
            line = days.get(self._day)
            if line is None:
                continue
            for component, usd in self._between(line, until):
                if component in self._sums:
                    self._sums[component] += usd
            if name in self._venues:
                opened = line.amounts.get(OPEN_COST, {})
                for slot in sorted(opened):
                    if self._slot <= slot and (until is None or slot < until):
                        self._venues[name].move(opened[slot])
        if until is not None:
            self._slot = until

    def _between(self, line: DayLine, until: int | None) -> Iterator[tuple[str, Decimal]]:
        for component, slots in line.amounts.items():
            for slot, usd in slots.items():
                if self._slot <= slot and (until is None or slot < until):
                    yield component, usd


class _Held:
    """What was unrealised at one venue: as it was at the last midnight, less what has been closed since."""

    def __init__(self, reader: PeriodReader, name: str, begin: datetime) -> None:
        self._reader, self._name = reader, name
        begun = reader.value(name, begin)
        self._begun, self._doubtful = begun.usd, begun.reason is not None
        self.look(begin)

    def look(self, at: datetime) -> None:
        """Take what is known of a midnight."""
        value = self._reader.value(self._name, at)
        self._usd, self._unknown = value.usd, value.reason is not None
        self._cost = self._reader.open_cost(self._name, at)

    def move(self, usd: Decimal) -> None:
        """Let so much leave the cost of what is open; less than nothing is what was bought."""
        left = self._cost - usd
        if usd > 0 and self._cost > 0:
            self._usd = (self._usd * max(left, ZERO) / self._cost).quantize(CENT) if left > 0 else ZERO
        self._cost = left

    @property
    def change(self) -> Decimal:
        """What has become of it since the period began."""
        return self._usd - self._begun

    @property
    def partial(self) -> bool:
        """Whether that is not known."""
        return self._doubtful or (self._unknown and bool(self._cost))
