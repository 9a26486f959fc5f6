"""With which other stretch of time a period is compared, by one of four named rules.

Rule:   a period that runs is compared as far as it has come: to the same day and the same local clock time of
        the other one, and no further than that one goes. A month, quarter or year has its days by their
        number in the month, other periods from their beginning. What is over is compared whole.
Clocks: the time of day is what a clock on the wall shows. An hour that comes twice is compared with its first
        coming; one that is skipped, with as long after its day began; no day with more than a day.
Money:  the difference comes first. A ratio is none where the base is no profit, or next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError
from exporter.money import ZERO, to_micro
from exporter.periods.period import (
    DAY,
    Period,
    around,
    days_later,
    days_words,
    month_count,
    months_later,
)
from exporter.times import midnight

ComparisonRule = Literal["same_point", "whole", "weekdays", "average_n"]
COMPARISON_RULES: tuple[ComparisonRule, ...] = get_args(ComparisonRule)

WEEKS_BACK = (52, 4)
"""A year, or about a month, with every weekday where it was."""

MAX_AVERAGED = 36
"""Three years of months: a mean of more says little of today's business."""

SMALLEST_BASE = Decimal(1)
"""Of less than a dollar a percent is less than a cent: the ratio would be one of rounding."""

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Elapsed:
    """A period as far as it has come: from its start up to a moment, which may be its end."""

    period: Period
    end: datetime

    @property
    def start(self) -> datetime:
        """The UTC moment it begins at, which is in it."""
        return self.period.start

    @property
    def whole(self) -> bool:
        """Whether it is all of its period."""
        return self.end == self.period.end

    @property
    def days(self) -> int:
        """How many local days it has, the one that it ends in counted, of `period.day_count`."""
        if self.end == self.start:
            return 0
        return Period.between(self.period.first, self._last, self.period.zone).day_count

    @property
    def words(self) -> str:
        """Its days as a sentence has them, how many of how many, and until when on the last of them."""
        last, clock = _local(self.end, self.period.zone)
        until = "" if self.end == midnight(last, self.period.zone) else f" until {clock:%H:%M}"
        days = f"{self.days} of {self.period.day_count} days"
        return f"{days_words(self.period.first, self._last)}{until} ({days})"

    @property
    def _last(self) -> date:
        return max(_local(self.end - MICROSECOND, self.period.zone)[0], self.period.first)


@dataclass(frozen=True, slots=True)
class PeriodComparison:
    """A period as far as it has come, and what it is compared with: one stretch, or several to average."""

    rule: ComparisonRule
    this: Elapsed
    others: tuple[Elapsed, ...]

    @property
    def words(self) -> str:
        """Both sides as a sentence has them."""
        mean = f"the mean of {len(self.others)}: " if self.rule == "average_n" else ""
        others = ", ".join(other.words for other in self.others)
        return f"{self.this.words} against {mean}{others}, {self.this.period.zone.key}"


Sides = tuple[Elapsed, tuple[Elapsed, ...]]
"""What is compared, and with what."""


def compare(
    period: Period,
    now: datetime,
    rule: ComparisonRule | None = None,
    *,
    year_ago: bool = False,
    weeks: int = WEEKS_BACK[0],
    count: int = 3,
) -> PeriodComparison:
    """Return what a period is compared with; without a rule `same_point` while it runs, then `whole`.

    `same_point` and `whole` take the period before it, or the same one a year ago; `weekdays` goes 52
    or 4 weeks back; `average_n` takes so many before it. PeriodError says what cannot be compared.
    """
    if now < period.start:
        raise PeriodError(f"{period.name} has not begun, so that there is nothing to compare.")
    rule = rule or ("whole" if period.is_over(now) else "same_point")
    this, others = _sides(period, now, rule, year_ago, weeks, count)
    if others[-1].end > this.start:
        raise PeriodError(f"{period.name} is too long for this: part of it would be compared with itself.")
    return PeriodComparison(rule, this, others)


def _sides(
    period: Period, now: datetime, rule: ComparisonRule, year_ago: bool, weeks: int, count: int
) -> Sides:
    if rule == "weekdays":
        return _weekdays(period, now, weeks)
    if rule == "average_n":
        if not 1 <= count <= MAX_AVERAGED:
            raise PeriodError(f"1 to {MAX_AVERAGED} periods are averaged, not {count}.")
        bases = [period.moved(-back) for back in range(count, 0, -1)]
    else:
        bases = [_year_ago(period) if year_ago else period.previous()]
    return Elapsed(period, min(now, period.end)), tuple(
        Elapsed(base, base.end if rule == "whole" else _same_point(period, now, base)) for base in bases
    )


def _weekdays(period: Period, now: datetime, weeks: int) -> Sides:
    """Return whole days and the same weekdays: the morning of a Monday is no Monday."""
    if weeks not in WEEKS_BACK:
        raise PeriodError(
            f"Weekdays are compared {WEEKS_BACK[0]} or {WEEKS_BACK[1]} weeks back, not {weeks}."
        )
    today, _ = _local(now, period.zone)
    end = period.end if period.is_over(now) else midnight(today, period.zone)
    if end == period.start:
        raise PeriodError(
            f"{period.name} has no whole day yet to compare by weekdays: same_point takes its hours."
        )
    first, last = (days_later(day, -7 * weeks) for day in (period.first, period.last))
    base = Period(period.kind if period.kind in ("day", "week") else "range", first, last, period.zone)
    there = base.end if period.is_over(now) else midnight(days_later(today, -7 * weeks), period.zone)
    return Elapsed(period, end), (Elapsed(base, there),)


def _same_point(period: Period, now: datetime, base: Period) -> datetime:
    """Return the moment at which the base had come as far as the period has come now."""
    if period.is_over(now):
        return base.end
    zone, (day, clock) = period.zone, _local(now, period.zone)
    if period.in_months:
        month = months_later(base.first, month_count(period.first, day) - 1)
        there = month + (day.day - 1) * DAY
        if there.month != month.month:
            return midnight(there.replace(day=1), zone)
    else:
        there = base.first + (day - period.first)
    return min(datetime.combine(there, clock, zone).astimezone(UTC), midnight(there + DAY, zone))


def _year_ago(period: Period) -> Period:
    """Return the same months, the week of the same number, or as many days from the same date."""
    first, last, zone = period.first, period.last, period.zone
    if period.in_months:
        return Period.of_months(months_later(first, -12), months_later(last, -12), zone)
    if period.kind == "week":
        year, week, _ = first.isocalendar()
        # The year before may have no week 53. 28 December is in the last that it has.
        week = min(week, date(year - 1, 12, 28).isocalendar().week)
        return Period.holding("week", date.fromisocalendar(year - 1, week, 1), zone)
    month = months_later(first, -12)
    begin = month.replace(day=min(first.day, around("month", month)[1].day))
    return Period(period.kind, begin, begin + (last - first), zone)


def _local(moment: datetime, zone: ZoneInfo) -> tuple[date, time]:
    """Return the day that a moment is in, and what the clock shows; of two passes of an hour, the first."""
    local = moment.astimezone(zone)
    # Where clocks went back over midnight, the day that they show again is over.
    if midnight(local.date() + DAY, zone) <= moment:
        return local.date() + DAY, time()
    return local.date(), local.time().replace(fold=0)


@dataclass(frozen=True, slots=True)
class MoneyChange:
    """What is more now than then, in dollars; and as a share of then, where that means something."""

    usd: Decimal
    ratio: Decimal | None


def compared(now: Decimal, then: Decimal) -> MoneyChange:
    """Compare two amounts: exactly in dollars, to a millionth as a ratio.

    A loss is no base: from -120 to +80 is no percentage.
    """
    difference = now - then
    return MoneyChange(difference, to_micro(difference / then) if then >= SMALLEST_BASE else None)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of some amounts, with the exact sum that it is made of."""

    total: Decimal
    count: int

    @classmethod
    def of(cls, amounts: Sequence[Decimal]) -> Mean:
        """Return the mean of one amount or more."""
        return cls(sum(amounts, ZERO), len(amounts))

    @property
    def usd(self) -> Decimal:
        """The mean to the micro-dollar, half to even: the sum is what is exact."""
        return to_micro(self.total / self.count)
