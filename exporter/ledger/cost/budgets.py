"""Budgets, burn rate, the month's end and how long a credit lasts: the days of cost, looked ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from exporter.ledger.cost.cost_by import CostByMemory
from exporter.ledger.cost.day import CostDay
from exporter.ledger.cost.forecast import HISTORY, DayCost, Outlook, Range
from exporter.ledger.cost.plan import Credit
from exporter.ledger.cost.spending import Spending
from exporter.ledger.cost.trueup import true_up
from exporter.money import ZERO, to_micro
from exporter.times import midnight

STEPS = (50, 80, 100)
"""Percent of a budget at which it is worth a word: half, nearly all, all."""

BURN_DAYS = 7
"""Finished days that the burn rate averages: a whole week, so that weekends weigh as they do."""

RUNWAY_DAYS = 366
"""How far ahead a credit is followed; what lasts longer is no concern of today's."""

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Gone:
    """When a sum of money is used up: at the earliest, as expected, at the latest; None if not in time."""

    earliest: date | None
    expected: date | None
    latest: date | None


@dataclass(frozen=True, slots=True)
class Budget:
    """A month's budget; `step` is the highest of STEPS that was reached, 0 before the first."""

    usd: Decimal
    spent: Decimal
    step: int
    gone: Gone
    forecast: Range | None


class Ahead:
    """The days of cost in the reporting zone, and what follows from them as of `now`."""

    def __init__(
        self, spending: Sequence[Spending], zone: ZoneInfo, now: datetime, parts: CostByMemory
    ) -> None:
        self._spending, self._zone, self._parts = spending, zone, parts
        self.today = now.astimezone(zone).date()
        self.month = self.today.replace(day=1)
        self.end = (self.month + 31 * DAY).replace(day=1)
        begin, end = midnight(self.today, zone), midnight(self.today + DAY, zone)
        hours = Decimal((end - now) // HOUR) / Decimal((end - begin) // HOUR)
        self._left = to_micro(hours)
        self._since = min(self.month, self.today - HISTORY * DAY)
        first = self.today - (HISTORY + 7) * DAY
        recent = [day for each in spending for date_, day in each.days.items() if date_ >= first]
        compared = [found for day in recent if (found := true_up(day)) is not None]
        self._gaps = [found.billed - found.total.estimate for found in compared]
        self.outlook = Outlook(self.today, self.days(), self._gaps, left=self._left)

    def days(self, workspace: str | None = None) -> dict[date, DayCost]:
        """Return the known days that a forecast looks at, by date of the zone."""
        found: dict[date, DayCost] = {}
        number = 0
        while self._since + number * DAY <= self.today:
            day = self._since + number * DAY
            cost = self._day(day, workspace)
            if cost is not None:
                found[day] = cost
            number += 1
        return found

    def burn_rate(self) -> tuple[Decimal, int] | None:
        """Return dollars a day over the last finished days that are known, and how many those are."""
        behind = [self.today - number * DAY for number in range(1, BURN_DAYS + 1)]
        known = [self.outlook.finished(day).mid for day in behind if self.outlook.knows(day)]
        return (to_micro(sum(known, ZERO) / len(known)), len(known)) if known else None

    def forecast(self) -> Range | None:
        """Return what this calendar month will have cost."""
        return self.outlook.sum(self.month, self.end)

    def budget(self, usd: Decimal, workspace: str | None = None) -> Budget:
        """Return how a month's budget stands, of all cost or of one workspace."""
        days = self.days(workspace) if workspace is not None else self.days()
        gaps = self._gaps if workspace is None else []
        outlook = self.outlook if workspace is None else Outlook(self.today, days, gaps, left=self._left)
        spent = sum((cost.amount for day, cost in days.items() if day >= self.month), ZERO)
        return Budget(
            usd=usd,
            spent=spent,
            step=max((step for step in STEPS if spent * 100 >= usd * step), default=0),
            gone=_gone(outlook, usd, self.month, self.end),
            forecast=outlook.sum(self.month, self.end),
        )

    def credit(self, credit: Credit) -> tuple[Decimal, Gone]:
        """Return what is left of a credit, and when it is used up."""
        start = midnight(credit.since, self._zone)
        days = (day for each in self._spending for day in each.days.values())
        since = (day for day in days if day.end > start)
        left = credit.usd - sum((day.cost(day.hour_of(start)) for day in since), ZERO)
        if left <= 0:
            return left, self._was_gone(credit)
        # Today's own cost is in both: what it will come to in all replaces what it is already.
        so_far = self.outlook.so_far
        return left, _gone(self.outlook, left + so_far, self.today, self.today + RUNWAY_DAYS * DAY)

    def _was_gone(self, credit: Credit) -> Gone:
        """Return the day that used a credit up, which is certain."""
        spent, day = ZERO, credit.since
        while day < self.today:
            cost = self._day(day, None)
            spent += ZERO if cost is None else cost.amount
            if spent >= credit.usd:
                break
            day += DAY
        return Gone(day, day, day)

    def _day(self, day: date, workspace: str | None) -> DayCost | None:
        """Return one day of the zone, of all sources that had begun by then; None if one is unknown."""
        begun = [each for each in self._spending if each.first is not None and each.first <= day]
        found = [self._day_of(each, day, workspace) for each in begun or self._spending[:1]]
        known = [cost for cost in found if cost is not None]
        if not known or len(known) < len(found):
            return None
        return DayCost(
            sum((cost.amount for cost in known), ZERO),
            sum((cost.extra for cost in known), ZERO),
            all(cost.billed for cost in known),
        )

    def _day_of(self, spending: Spending, day: date, workspace: str | None) -> DayCost | None:
        """Return a source's day of the zone, made of the hours of one or two UTC days."""
        start, end = midnight(day, self._zone), midnight(day + DAY, self._zone)
        amount, extra, billed, place = ZERO, ZERO, True, start.date()
        while place <= (end - HOUR).date():
            stated = spending.days.get(place)
            place += DAY
            if stated is None or not stated.known:
                if day < self.today:
                    return None
                billed = False  # of the running day not everything can be known
                continue
            first, last = stated.hour_of(start), stated.hour_of(end)
            amount += self._cost(stated, first, last, workspace)
            billed &= not stated.in_pieces
            if stated.billed is None:
                billed = False
                extra += sum((more for hour, more in stated.range.items() if first <= hour < last), ZERO)
        return DayCost(amount, extra, billed)

    def _cost(self, day: CostDay, first: int, last: int, workspace: str | None) -> Decimal:
        if workspace is None:
            return day.cost(first, last)
        return self._parts.of(day, first, last).by["workspace"].get(workspace, ZERO)


def _gone(outlook: Outlook, limit: Decimal, start: date, end: date) -> Gone:
    return Gone(*outlook.reaches(limit, start, end)) if outlook.enough else Gone(None, None, None)
