"""A day of API cost: the bill once it is there, until then what the usage is worth.

Rule:   the bill covers a whole UTC day; windows may cut a day. A billed day is spread over its
        hours by the estimated cost of each (evenly where usage says nothing), so that a cut
        window gets its share; the day's sum is the bill to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import add

from exporter.ledger.journal import API_PAYABLE, Entry
from exporter.money import ZERO, to_micro
from exporter.records import BillChange, BilledDay, BilledLine, KeyUsage, UsageHour, UsageLine
from exporter.records.estimates import searched
from exporter.times import to_us

HOUR_US = 3_600_000_000
HOURS = 24

TOKEN_KINDS = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output")
"""The kinds that usage tells apart, disjoint; the order in which they are kept."""

HOUR = timedelta(hours=1)

PRICED_TIERS = ("standard", "batch")
"""Tiers with a public price; usage of another one is named with its tier, for it is the reason."""

NO_MODEL = "a model without a name"

Unpriced = tuple[str, str]
"""A model, and why its usage has no price: `model` for one that no table knows, else what of it."""

SETTLES_AFTER = timedelta(hours=24)
"""A finished day may be billed in part at first; a day after its end the bill is taken as final.
Later revisions still replace it."""

USAGE_LATE = timedelta(hours=2)
"""Usage that is not known so long after its end is missing, not late: it comes within an hour, and an
empty hour is believed and recorded an hour after its end."""


@dataclass(slots=True)
class CostDay:
    """What is known of one UTC day of a source.

    Hours count from midnight; one without an estimate is not known.

    `range` is how much more an hour may have cost than estimated, `saved` what its cache saved,
    `unpriced` is tokens by model and reason, `tokens` all of them by model, as `TOKEN_KINDS`. `lines` are
    kept until the day is settled: a year of them would be most of what the ledger weighs.
    `revision` counts what was taken, so that whatever is made of the day is known to be old.
    """

    day: date
    source: str = ""
    billed: Decimal | None = None
    bill_lines: tuple[BilledLine, ...] = ()
    estimated: dict[int, Decimal] = field(default_factory=dict)
    range: dict[int, Decimal] = field(default_factory=dict)
    saved: dict[int, Decimal] = field(default_factory=dict)
    unpriced: dict[int, dict[Unpriced, int]] = field(default_factory=dict)
    tokens: dict[int, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    lines: dict[int, tuple[UsageLine, ...]] = field(default_factory=dict)
    keys: KeyUsage | None = None
    bill_changes: dict[int, BillChange] = field(default_factory=dict)
    revision: int = 0
    start: datetime = field(init=False)
    end: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.start = datetime.combine(self.day, time(), UTC)
        self.end = self.start + timedelta(days=1)

    @property
    def known(self) -> bool:
        """Tell whether anything is known of what the day cost."""
        return self.billed is not None or bool(self.estimated)

    def take(self, record: BilledDay | UsageHour | KeyUsage | BillChange) -> None:
        """Take what a source or the store says about the day, replacing what it said before."""
        self.revision += 1
        match record:
            case BilledDay():
                self.billed, self.bill_lines = record.amount, record.lines
            case UsageHour():
                self._usage(record)
            case KeyUsage():
                self.keys = record
            case BillChange():  # pragma: no branch - mypy knows that there is no other
                self.bill_changes[record.number] = record

    def _usage(self, record: UsageHour) -> None:
        hour = record.at.hour
        unpriced: dict[Unpriced, int] = {}
        tokens: dict[str, tuple[int, ...]] = {}
        cost, extra, saved = ZERO, ZERO, ZERO
        for line in record.lines:
            counts = tuple(getattr(line, kind) for kind in TOKEN_KINDS)
            before = tokens.get(line.model, (0,) * len(TOKEN_KINDS))
            tokens[line.model] = tuple(map(add, before, counts))
            for kind, count in line.unknown:
                new = (line.model or NO_MODEL, f"new kind {kind}")
                unpriced[new] = unpriced.get(new, 0) + count
            if line.cost is None or line.highest is None:
                what = (line.model or NO_MODEL, _why(line))
                unpriced[what] = unpriced.get(what, 0) + line.tokens
                cost += searched(line)
                continue
            cost += line.cost
            extra += line.highest - line.cost
            saved += ZERO if line.uncached is None else line.uncached - line.cost
        self.estimated[hour], self.range[hour], self.saved[hour] = cost, extra, saved
        self.unpriced[hour], self.tokens[hour], self.lines[hour] = unpriced, tokens, record.lines

    def compact(self) -> None:
        """Forget the lines of the usage; what a settled day is asked for is kept by the hour."""
        self.lines.clear()

    def settled(self, now: datetime) -> bool:
        """Tell whether the day is billed and old enough for the bill to be taken as final."""
        return self.billed is not None and now >= self.end + SETTLES_AFTER

    def missing_hours(self, now: datetime) -> int:
        """Return how many hours of a finished day without a bill should be known by now and are not."""
        if self.billed is not None or now < self.end + USAGE_LATE:
            return 0
        return HOURS - len(self.estimated)

    def unpriced_since(self, start: datetime) -> dict[Unpriced, int]:
        """Return the tokens without a price in the hours that begin at or after `start`."""
        first, found = self.hour_of(start), dict[Unpriced, int]()
        for hour, models in self.unpriced.items():
            if hour >= first:
                for what, tokens in models.items():
                    found[what] = found.get(what, 0) + tokens
        return found

    def hour_of(self, moment: datetime) -> int:
        """Return the first hour that begins at or after a moment, and so is in a window that starts then."""
        return min(HOURS, max(0, -((self.start - moment) // HOUR)))

    def begun(self, now: datetime) -> int:
        """Return how many of its hours have begun."""
        return min(HOURS, max(0, (now - self.start) // HOUR + 1))

    def cost(self, first: int = 0, last: int = HOURS) -> Decimal:
        """Return what the hours from `first` to before `last` cost."""
        if self.billed is not None and first == 0 and last == HOURS:
            return self.billed
        return sum((cost for hour, cost in self.by_hour().items() if first <= hour < last), ZERO)

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


def _why(line: UsageLine) -> str:
    """Say why a line has no price."""
    if line.tier not in PRICED_TIERS:
        return f"{line.tier or 'no'} tier"
    return "model" if line.speed == "standard" else f"{line.speed} mode"
