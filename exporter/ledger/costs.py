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
from exporter.records import BilledDay, BilledLine, KeyUsage, Landing, UsageHour, UsageLine
from exporter.times import to_us

HOUR_US = 3_600_000_000
HOURS = 24

PRICED_TIERS = ("standard", "batch")
"""Tiers with a public price; usage of another one is named with its tier, for it is the reason."""

SETTLES_AFTER = timedelta(hours=24)
"""A finished day may be billed in part at first; a day after its end the bill is taken as final.
Later revisions still replace it."""

USAGE_LATE = timedelta(hours=2)
"""Usage that is not known so long after its end is missing, not late: it comes within an hour, and an
empty hour is believed and recorded an hour after its end."""


@dataclass(slots=True)
class CostDay:
    """What is known of one UTC day. Hours count from midnight; `unpriced` is tokens by model."""

    day: date
    billed: Decimal | None = None
    bill_lines: tuple[BilledLine, ...] = ()
    estimated: dict[int, Decimal] = field(default_factory=dict)
    unpriced: dict[int, dict[str, int]] = field(default_factory=dict)
    hours: dict[int, tuple[UsageLine, ...]] = field(default_factory=dict)
    keys: KeyUsage | None = None
    landings: dict[int, Landing] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        return datetime.combine(self.day, time(), UTC)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=1)

    def take(self, record: BilledDay | UsageHour | KeyUsage | Landing) -> None:
        """Take what a source or the store says about the day, replacing what it said before."""
        match record:
            case BilledDay():
                self.billed, self.bill_lines = record.amount, record.lines
            case UsageHour():
                self._usage(record)
            case KeyUsage():
                self.keys = record
            case Landing():
                self.landings[record.number] = record

    def _usage(self, record: UsageHour) -> None:
        hour = record.at.hour
        self.hours[hour] = record.lines
        self.estimated[hour] = sum((line.cost for line in record.lines if line.cost is not None), ZERO)
        self.unpriced[hour] = {}
        for line in record.lines:
            if line.cost is None:
                models = self.unpriced[hour]
                model = line.model if line.tier in PRICED_TIERS else f"{line.model} ({line.tier} tier)"
                models[model] = models.get(model, 0) + line.tokens

    def settled(self, now: datetime) -> bool:
        """Tell whether the day is billed and old enough for the bill to be taken as final."""
        return self.billed is not None and now >= self.end + SETTLES_AFTER

    def missing_hours(self, now: datetime) -> int:
        """Return how many hours of a finished day without a bill should be known by now and are not."""
        if self.billed is not None or now < self.end + USAGE_LATE:
            return 0
        return HOURS - len(self.estimated)

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
        component = "api_cost_estimated" if self.billed is None else "api_cost_billed"
        return [self._entry(hour, component, cost) for hour, cost in self.by_hour().items() if cost]

    def by_hour(self) -> dict[int, Decimal]:
        """Return the day's cost by hour: the bill spread over them, or what each is estimated at."""
        return self.estimated if self.billed is None else self._spread(self.billed)

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
