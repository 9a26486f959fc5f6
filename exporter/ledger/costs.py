"""A day of API cost: the bill once it is there, until then what the usage is worth.

Rule:   the bill covers a whole UTC day; windows may cut a day. A billed day is spread over its
        hours by the estimated cost of each (evenly where usage says nothing), so that a cut
        window gets its share; the day's sum is the bill to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from exporter.ledger.journal import API_PAYABLE, Entry
from exporter.money import ZERO, to_micro
from exporter.records import BilledDay, UsageHour
from exporter.times import to_us

HOUR_US = 3_600_000_000
HOURS = 24

PRICED_TIERS = ("standard", "batch")
"""Tiers with a public price; usage of another one is named with its tier, for it is the reason."""

SETTLES_AFTER = timedelta(hours=24)
"""A finished day may be billed in part at first; a day after its end the bill is taken as final.
Later revisions still replace it."""


@dataclass(slots=True)
class CostDay:
    """What is known of one UTC day. Hours count from midnight; `unpriced` is tokens by model."""

    day: date
    billed: Decimal | None = None
    estimated: dict[int, Decimal] = field(default_factory=dict)
    unpriced: dict[int, dict[str, int]] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        return datetime.combine(self.day, time(), UTC)

    def bill(self, record: BilledDay) -> None:
        """Take the day's bill, replacing an earlier one."""
        self.billed = sum((line.amount for line in record.lines), ZERO)

    def usage(self, record: UsageHour) -> None:
        """Take the usage of one hour, replacing what was known of it."""
        hour = record.at.hour
        self.estimated[hour] = sum((line.cost for line in record.lines if line.cost is not None), ZERO)
        self.unpriced[hour] = {}
        for line in record.lines:
            if line.cost is None:
                models = self.unpriced[hour]
                model = line.model if line.tier in PRICED_TIERS else f"{line.model} ({line.tier} tier)"
                models[model] = models.get(model, 0) + line.tokens

    def settled(self, now: datetime) -> bool:
        """Tell whether the day is billed and old enough for the bill to be taken as final."""
        return self.billed is not None and now >= self.start + timedelta(days=1) + SETTLES_AFTER

    def unpriced_since(self, start: datetime) -> dict[str, int]:
        """Return the tokens without a price in the hours that begin at or after `start`, by model."""
        found: dict[str, int] = {}
        for hour, models in self.unpriced.items():
            if self.start + timedelta(hours=hour) >= start:
                for model, tokens in models.items():
                    found[model] = found.get(model, 0) + tokens
        return found

    def entries(self) -> list[Entry]:
        """Return the day as entries, one an hour; billed or estimated, never both."""
        if self.billed is None:
            return [
                self._entry(hour, "api_cost_estimated", cost) for hour, cost in self.estimated.items() if cost
            ]
        shares = self._spread(self.billed)
        return [self._entry(hour, "api_cost_billed", cost) for hour, cost in shares.items() if cost]

    def _spread(self, billed: Decimal) -> dict[int, Decimal]:
        weights = {hour: cost for hour, cost in self.estimated.items() if cost > 0}
        if not weights:
            weights = dict.fromkeys(range(HOURS), Decimal(1))
        total = sum(weights.values(), ZERO)
        shares = {hour: to_micro(billed * weight / total) for hour, weight in weights.items()}
        shares[max(shares)] += billed - sum(shares.values(), ZERO)
        return shares

    def _entry(self, hour: int, component: str, cost: Decimal) -> Entry:
        return Entry(to_us(self.start) + hour * HOUR_US, {component: cost, API_PAYABLE: -cost})
