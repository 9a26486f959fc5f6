"""A period: whole days of the reporting zone, one after the other, and the moments between which they lie.

Rule:   a day begins at the first moment that it has (`exporter.times.midnight`) and ends where the next one
        begins: it has 23 or 25 hours where the clocks change, and no moment is in two days, or in none.
Weeks:  ISO 8601, Monday first; the year of a week is that of its Thursday.
Beware: a zone that moved across the date line lacks a day: Pacific/Apia had no 30 December 2011. No period
        consists of such a day alone, and none counts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError
from exporter.times import midnight

Unit = Literal["day", "week", "month", "quarter", "year"]
"""What the calendar has names for."""
UNITS: tuple[Unit, ...] = get_args(Unit)

PeriodKind = Literal[Unit, "months", "range"]
"""A unit; several whole months, which step by months; or any range of days, which steps by days."""

FIRST_YEAR, LAST_YEAR = 1970, 9998
"""Times are kept as microseconds since 1970, and the day after a period's last must still be a date."""
OUT_OF_YEARS = f"{FIRST_YEAR} to {LAST_YEAR} are the years that periods lie within."

MAX_PIECES = 3_700
"""Ten years of days. A table of more is read by nobody, and larger units have fewer pieces."""

MONTHS = {"month": 1, "quarter": 3, "year": 12}
"""The units that are whole months, and how many."""

DAY = timedelta(days=1)
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both of them in it, in the zone."""

    kind: PeriodKind
    first: date
    last: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if not _is(self.kind, self.first, self.last):
            raise ValueError(f"{self.first} to {self.last} is no {self.kind}")
        if self.first.year < FIRST_YEAR or self.last.year > LAST_YEAR:
            raise PeriodError(OUT_OF_YEARS)
        if self.start >= self.end:
            raise PeriodError(
                f"{self.zone.key} had no {day_words(self.first)}: its calendar skipped that day."
            )

    @classmethod
    def holding(cls, unit: Unit, day: date, zone: ZoneInfo) -> Period:
        """Return the day, week, month, quarter or year that a day is in."""
        return cls(unit, *around(unit, day), zone)

    @classmethod
    def between(cls, first: date, last: date, zone: ZoneInfo) -> Period:
        """Return the range of days, both of them in it."""
        return cls("day" if first == last else "range", first, last, zone)

    @classmethod
    def of_months(cls, first: date, last: date, zone: ZoneInfo) -> Period:
        """Return the months from one day's to another's: a month, quarter or year if they are one."""
        first, last = around("month", first)[0], around("month", last)[1]
        kinds: tuple[PeriodKind, ...] = ("month", "quarter", "year", "months")
        return cls(next(kind for kind in kinds if _is(kind, first, last)), first, last, zone)

    @property
    def start(self) -> datetime:
        """The UTC moment it begins at, which is in it."""
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The UTC moment it ends before."""
        return midnight(self.last + DAY, self.zone)

    @property
    def name(self) -> str:
        """Its text, which is read back as the same period."""
        first, last = self.first, self.last
        match self.kind:
            case "day":
                return f"{first}"
            case "week":
                return f"{first.isocalendar().year:04}-W{first.isocalendar().week:02}"
            case "month":
                return _month_text(first)
            case "quarter":
                return f"{first.year:04}-Q{(first.month + 2) // 3}"
            case "year":
                return f"{first.year:04}"
            case "months":
                return f"{_month_text(first)}..{_month_text(last)}"
        return f"{first}..{last}"

    @property
    def words(self) -> str:
        """Its days as a sentence has them, with the zone."""
        return f"{days_words(self.first, self.last)}, {self.zone.key}"

    @property
    def in_months(self) -> bool:
        """Whether it is whole months by its kind, and steps by months."""
        return self.kind == "months" or self.kind in MONTHS

    @property
    def day_count(self) -> int:
        """How many days it has, whatever hours they have: one that the zone skipped is none."""
        # Clocks have changed by seven hours at most, and by a day where one was skipped: the nearest
        # whole number of days is the right one.
        return (self.end - self.start + DAY / 2) // DAY

    def days(self) -> Iterator[date]:
        """Yield its days, the first one first, without any that the zone skipped."""
        start = self.start
        for ordinal in range(self.first.toordinal(), self.last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            end = midnight(day + DAY, self.zone)
            if start < end:
                yield day
            start = end

    def holds(self, moment: datetime) -> bool:
        """Say whether a moment is in it."""
        return self.start <= moment < self.end

    def is_over(self, now: datetime) -> bool:
        """Say whether it has ended."""
        return self.end <= now

    def next(self) -> Period:
        """Return the one after it, of the same kind and length."""
        return self.moved(1)

    def previous(self) -> Period:
        """Return the one before it, of the same kind and length."""
        return self.moved(-1)

    def moved(self, by: int) -> Period:
        """Return the one that is so many of its own length later, or earlier.

        Months go by months, whatever days they have; days go by days. A day that the zone skipped is
        passed over.
        """
        if self.in_months:
            months = by * month_count(self.first, self.last)
            first, last = (months_later(day, months) for day in (self.first, self.last))
            last = around("month", last)[1]
        else:
            days = by * (self.last.toordinal() - self.first.toordinal() + 1)
            first, last = days_later(self.first, days), days_later(self.last, days)
        if self.kind == "day" and midnight(first, self.zone) == midnight(first + DAY, self.zone):
            first = last = first + (DAY if by > 0 else -DAY)
        return Period(self.kind, first, last, self.zone)


def split(period: Period, by: Unit) -> list[Period]:
    """Return the period in pieces, one after the other, without a gap.

    A unit that the period cuts is clipped: it is a range then, or of one day a day, so that a piece is
    whole exactly if its kind is `by`.
    """
    pieces = list(islice(_pieces(period, by), MAX_PIECES + 1))
    if len(pieces) > MAX_PIECES:
        raise PeriodError(f"{period.name} has more than {MAX_PIECES:,} {by}s: ask for larger pieces.")
    return pieces


def _pieces(period: Period, by: Unit) -> Iterator[Period]:
    zone, day = period.zone, period.first
    while day <= period.last:
        first, last = around(by, day)
        whole = period.first <= first and last <= period.last
        first, last = max(first, period.first), min(last, period.last)
        day = last + DAY
        if midnight(first, zone) < midnight(day, zone):
            yield Period(by, first, last, zone) if whole else Period.between(first, last, zone)


def around(unit: Unit, day: date) -> tuple[date, date]:
    """Return the first and the last day of the unit that a day is in."""
    if unit == "day":
        return day, day
    if unit == "week":
        monday = day - day.weekday() * DAY
        return monday, monday + 6 * DAY
    length = MONTHS[unit]
    first = day.replace(month=(day.month - 1) // length * length + 1, day=1)
    # No month has more than 31 days: so many after the first of the last one, the next one has begun.
    beyond = first.replace(month=first.month + length - 1) + 31 * DAY
    return first, beyond.replace(day=1) - DAY


def _is(kind: PeriodKind, first: date, last: date) -> bool:
    """Say whether the days are what the kind says."""
    if kind == "range":
        return first < last
    if kind == "months":
        whole = first.day == 1 and first < last == around("month", last)[1]
        return whole and not any(_is(unit, first, last) for unit in ("month", "quarter", "year"))
    return (first, last) == around(kind, first)


def month_count(first: date, last: date) -> int:
    """Return how many months there are from one day's to another's, both of them counted."""
    return (last.year - first.year) * 12 + last.month - first.month + 1


def days_later(day: date, days: int) -> date:
    """Return the day so many days later, or earlier."""
    ordinal = day.toordinal() + days
    if not date(FIRST_YEAR, 1, 1).toordinal() <= ordinal <= date(LAST_YEAR, 12, 31).toordinal():
        raise PeriodError(OUT_OF_YEARS)
    return date.fromordinal(ordinal)


def months_later(day: date, months: int) -> date:
    """Return the first day of the month that is so many later, or earlier."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise PeriodError(OUT_OF_YEARS)
    return date(year, month + 1, 1)


def _month_text(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def day_words(day: date) -> str:
    """Return a day as a sentence has it."""
    return f"{day.day} {MONTH_NAMES[day.month - 1]} {day.year}"


def days_words(first: date, last: date) -> str:
    """Return the days from one to another as a sentence has them; what they share is said once."""
    if first == last:
        return day_words(first)
    shared = (first.year == last.year) + ((first.year, first.month) == (last.year, last.month))
    begin = day_words(first).split()[: 3 - shared]
    return f"{' '.join(begin)} to {day_words(last)}"
