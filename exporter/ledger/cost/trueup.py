"""How good an estimate was: a finished day's bill beside what stood there before it came.

Rule:   the estimate is the one the first bill replaced, if all 24 hours were known to it. It is compared
        with what it estimated: token cost by model, and web searches. Everything else on the bill
        (code execution, sessions, models without a price) was never estimated and is no drift.
        bill = estimate + drift + not estimated, to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from exporter.ledger.cost.day import HOURS, CostDay
from exporter.money import ZERO
from exporter.records import BilledLine

RATIO = Decimal("0.0001")
OTHER = "other"
"""What a line of a bill goes by that says nothing of itself but its amount."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One model, or the whole day. `beyond` is the part of the drift that the estimate's range left open."""

    estimate: Decimal
    high: Decimal
    billed: Decimal

    @property
    def drift(self) -> Decimal:
        return self.billed - self.estimate

    @property
    def ratio(self) -> Decimal | None:
        """The drift as a share of what was billed; None when nothing was."""
        return share(self.drift, self.billed)

    @property
    def beyond(self) -> Decimal:
        """How far the bill lies outside the range; zero inside."""
        if self.billed < self.estimate:
            return self.drift
        return max(ZERO, self.billed - self.high)


@dataclass(frozen=True, slots=True)
class TrueUp:
    """One finished day. `total` sums the models; `unestimated` is the rest of the bill."""

    day: date
    billed: Decimal
    total: Drift
    unestimated: Decimal
    models: dict[str, Drift]

    @property
    def off(self) -> Decimal | None:
        """How far the models were off beyond their ranges, as a share of what was billed for them."""
        return share(sum((abs(drift.beyond) for drift in self.models.values()), ZERO), self.total.billed)


def true_up(day: CostDay) -> TrueUp | None:
    """Return the comparison; None while the day is not billed, or when its estimate was not whole."""
    first = day.bill_changes.get(1)
    if day.billed is None or day.in_pieces or first is None or first.hours < HOURS:
        return None
    billed = billed_by_name(day.bill_lines)
    models = {
        row.name: Drift(row.cost, row.cost if row.high is None else row.high, billed.get(row.name, ZERO))
        for row in first.estimate
        if row.cost is not None
    }
    total = Drift(
        sum((drift.estimate for drift in models.values()), ZERO),
        sum((drift.high for drift in models.values()), ZERO),
        sum((drift.billed for drift in models.values()), ZERO),
    )
    return TrueUp(day.day, day.billed, total, day.billed - total.billed, models)


def billed_by_name(lines: Iterable[BilledLine]) -> dict[str, Decimal]:
    """Return a bill by model, and by cost type where it names none."""
    found: dict[str, Decimal] = {}
    for line in lines:
        name = line.model or line.cost_type or OTHER
        found[name] = found.get(name, ZERO) + line.amount
    return found


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return part of whole to four decimals; None where nothing is divided."""
    return (part / whole).quantize(RATIO) if whole else None
