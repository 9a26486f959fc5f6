"""What a month will cost, from the days behind it.

Method: a coming day costs what the same weekday cost on average over the last four weeks. How far days
        strayed from the other days of their weekday gives the range: a day is as cheap as one in twenty
        was, or as dear as one in twenty. Days stray by themselves, so that of n days grows with the root
        of n; and weeks stray as a whole, as habits and prices do, so the farthest of the four adds to
        each day. A finished day without a bill is corrected by how the last bills differed from their
        estimates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from exporter.money import ZERO, to_micro

HISTORY = 28
"""Days looked back: four of each weekday. A longer memory would follow a change too late."""

ENOUGH = 14
"""Fewer known days give no forecast: two of each weekday are the least that can differ."""

TAIL_PERCENT = 5
"""Of the days behind, so many in a hundred lie beyond each end of the range."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, with the expected amount between them."""

    low: Decimal
    mid: Decimal
    high: Decimal

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.mid + other.mid, self.high + other.high)


NOTHING = Range(ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class DayCost:
    """A day so far: its cost, how much more it may be, and whether it is billed. Unknown days have none."""

    amount: Decimal
    extra: Decimal = ZERO
    billed: bool = True


class Outlook:
    """What days cost from `today` on, told from those before it; `left` is the share of today to come.

    `days` is what is known of each day, `gaps` what the last bills were minus their estimates.
    """

    def __init__(
        self, today: date, days: Mapping[date, DayCost], gaps: Sequence[Decimal], *, left: Decimal
    ) -> None:
        self.today, self._days, self._left = today, days, left
        self._gap = _range(gaps) if gaps else NOTHING
        behind = (today - DAY * number for number in range(1, HISTORY + 1))
        self._past = {day: self.finished(day) for day in behind if day in days}
        self.known = len(self._past)
        strayed = {day: self._strayed(day) for day in self._past}
        self._spread = _range(list(strayed.values())) if self.enough else NOTHING
        self._weeks = _weeks(today, strayed) if self.enough else NOTHING

    @property
    def so_far(self) -> Decimal:
        """What today has cost already."""
        return self._days[self.today].amount if self.today in self._days else ZERO

    def knows(self, day: date) -> bool:
        """Tell whether a day's cost is known."""
        return day in self._days

    @property
    def enough(self) -> bool:
        """Tell whether enough is known for a forecast."""
        return self.known >= ENOUGH

    def finished(self, day: date) -> Range:
        """Return what a day that is over costs: its bill, or its estimate with what bills came to differ."""
        known = self._days[day]
        if known.billed:
            return Range(known.amount, known.amount, known.amount)
        return Range(
            max(ZERO, known.amount + self._gap.low),
            max(ZERO, known.amount + self._gap.mid),
            max(known.amount + known.extra, known.amount + self._gap.high),
        )

    def coming(self, day: date) -> Range:
        """Return what a day from today on will cost.

        Today it is at least what it is already, and beyond what is usual if its rest is as usual.
        """
        mid = self._usual(day.weekday())
        low, high = max(ZERO, mid + self._spread.low), max(mid, mid + self._spread.high)
        if day != self.today or day not in self._days:
            return Range(low, mid, high)
        spent = self._days[day].amount
        return Range(
            max(low, spent), max(mid, spent + mid * self._left), max(high, spent + high * self._left)
        )

    def path(self, start: date, end: date) -> Iterator[tuple[date, Range]]:
        """Yield each day of [start, end) with the sum from the start to it; unknown past days add nothing."""
        known, ahead, coming = NOTHING, ZERO, 0
        for number in range((end - start).days):
            day = start + DAY * number
            if day > self.today:
                coming += 1
                ahead += self._usual(day.weekday())
            elif day == self.today:
                known += self.coming(day)
            elif day in self._days:
                known += self.finished(day)
            yield day, known + self._range_of(ahead, coming)

    def _range_of(self, mid: Decimal, days: int) -> Range:
        """Return the range around what so many days to come are expected to cost together."""
        root = to_micro(Decimal(days).sqrt())
        low = root * min(ZERO, self._spread.low) + days * self._weeks.low
        high = root * max(ZERO, self._spread.high) + days * self._weeks.high
        return Range(max(ZERO, mid + low), mid, mid + high)

    def sum(self, start: date, end: date) -> Range | None:
        """Return what [start, end) will have cost; None while too little is known."""
        if not self.enough:
            return None
        return list(self.path(start, end))[-1][1] if start < end else NOTHING

    def reaches(self, limit: Decimal, start: date, end: date) -> tuple[date | None, date | None, date | None]:
        """Return the days on which the sum reaches a limit: at the earliest, expected, and at the latest.

        None for one that does not come before `end`.
        """
        first, expected, latest = None, None, None
        for day, total in self.path(start, end):
            first = day if first is None and total.high >= limit else first
            expected = day if expected is None and total.mid >= limit else expected
            if total.low >= limit:
                latest = day
                break
        return first, expected, latest

    def _usual(self, weekday: int, without: date | None = None) -> Decimal:
        """Return the mean of a weekday's past costs; of all days where no such weekday is known."""
        others = [cost.mid for day, cost in self._past.items() if day != without]
        alike = [
            cost.mid for day, cost in self._past.items() if day != without and day.weekday() == weekday
        ] or others
        return to_micro(sum(alike, ZERO) / len(alike)) if alike else ZERO

    def _strayed(self, day: date) -> Decimal:
        return self._past[day].mid - self._usual(day.weekday(), without=day)


def _range(values: Sequence[Decimal]) -> Range:
    """Return the range that leaves TAIL_PERCENT of the values beyond each end, with their mean."""
    ordered = sorted(values)
    cut = (len(ordered) - 1) * TAIL_PERCENT // 100
    mean = to_micro(sum(ordered, ZERO) / len(ordered))
    return Range(ordered[cut], mean, ordered[-1 - cut])


def _weeks(today: date, strayed: Mapping[date, Decimal]) -> Range:
    """Return how far the means of the weeks behind lie apart: the cheapest and the dearest."""
    means = []
    for week in range(HISTORY // 7):
        days = [today - DAY * number for number in range(7 * week + 1, 7 * week + 8)]
        known = [strayed[day] for day in days if day in strayed]
        if known:
            means.append(to_micro(sum(known, ZERO) / len(known)))
    return Range(min(ZERO, *means), ZERO, max(ZERO, *means))
