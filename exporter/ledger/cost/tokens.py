"""Tokens of a span of hours, what their cache saved, and the bounds of what is not billed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from operator import add

from exporter.ledger.cost.cost_by import MonthOf
from exporter.ledger.cost.day import HOURS, TOKEN_KINDS, CostDay, Cut
from exporter.ledger.cost.trueup import share
from exporter.money import ZERO

NO_TOKENS = (0,) * len(TOKEN_KINDS)


@dataclass(slots=True)
class Used:
    """Tokens by kind, as TOKEN_KINDS, and by model. `low` to `high` is the estimate of unbilled hours."""

    kinds: tuple[int, ...] = NO_TOKENS
    by_model: dict[str, int] = field(default_factory=dict)
    saved: Decimal = ZERO
    low: Decimal = ZERO
    high: Decimal = ZERO

    @property
    def hit_ratio(self) -> Decimal | None:
        """Tokens read from a cache as a share of those of all prompts; None without a prompt."""
        prompt = sum(self.kinds) - self.kinds[TOKEN_KINDS.index("output")]
        return share(Decimal(self.kinds[TOKEN_KINDS.index("cache_read")]), Decimal(prompt))

    def add(self, other: Used) -> None:
        self.kinds = tuple(map(add, self.kinds, other.kinds))
        for model, count in other.by_model.items():
            self.by_model[model] = self.by_model.get(model, 0) + count
        self.saved += other.saved
        self.low += other.low
        self.high += other.high

    def shared(self, cut: Cut) -> Used:
        """Return what of a cut hour's use is in the window; of a token that is cut, nothing."""
        return Used(
            tuple(count * cut.inside // cut.of for count in self.kinds),
            {model: count * cut.inside // cut.of for model, count in self.by_model.items()},
            *map(cut.share, (self.saved, self.low, self.high)),
        )


def used(day: CostDay, first: int = 0, last: int = HOURS) -> Used:
    """Return what was used in a day's hours from `first` to before `last`."""
    found = Used()
    for hour, models in day.tokens.items():
        if not first <= hour < last:
            continue
        found.saved += day.saved[hour]
        if day.billed is None:
            found.low += day.estimated[hour]
            found.high += day.estimated[hour] + day.range[hour]
        for model, counts in models.items():
            found.by_model[model] = found.by_model.get(model, 0) + sum(counts)
            found.kinds = tuple(map(add, found.kinds, counts))
    if day.billed is not None:
        rest = day.cost_estimated(first, last)
        found.low += rest
        found.high += rest
    return found


class UsedMemory:
    """The same of whole days and months, made once for each revision."""

    def __init__(self) -> None:
        self._whole: dict[tuple[str, date], tuple[int, Used]] = {}
        self._months: dict[date, tuple[MonthOf, Used]] = {}

    def since(self, months: Mapping[date, Sequence[CostDay]], start: datetime | None, now: datetime) -> Used:
        """Return what was used in the hours that begin at or after `start`, of days grouped by month, and the
        share of the hour that it cuts."""
        found = Used()
        for month, days in months.items():
            if start is not None and days[-1].end <= start:
                continue
            if start is None or days[0].start >= start:
                found.add(self._month(month, days))
                continue
            for day in days:
                if day.end > start:
                    first = day.hour_of(start)
                    found.add(used(day, first) if first else self._day(day))
                    if cut := day.cut(start, now):
                        found.add(used(day, cut.hour, cut.hour + 1).shared(cut))
        return found

    def _day(self, day: CostDay) -> Used:
        known = self._whole.get((day.source, day.day))
        if known is None or known[0] != day.revision:
            known = self._whole[day.source, day.day] = (day.revision, used(day))
        return known[1]

    def _month(self, month: date, days: Sequence[CostDay]) -> Used:
        made_of = days[-1].day, tuple(day.revision for day in days)
        known = self._months.get(month)
        if known is None or known[0] != made_of:
            total = Used()
            for day in days:
                total.add(self._day(day))
            known = self._months[month] = (made_of, total)
        return known[1]
