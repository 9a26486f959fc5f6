"""What API cost is measured against: limits and budgets that only the user can know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Credit:
    """A prepaid credit as it stood when the day `since` began; no API states one."""

    usd: Decimal
    since: date


@dataclass(frozen=True, slots=True)
class Plan:
    """`budget` is for a calendar month, `workspaces` likewise by workspace id; all of it may be unset.

    `drift` is the share of a bill by which an estimate may be off before the check fails.
    """

    budget: Decimal | None = None
    workspaces: Mapping[str, Decimal] = field(default_factory=dict)
    credit: Credit | None = None
    drift: Decimal | None = None


NO_PLAN = Plan()
