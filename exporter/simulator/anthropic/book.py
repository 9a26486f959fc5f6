"""What was used, what it truly cost, and what has been billed so far.

Source: Anthropic Usage and Cost Admin API (pages read 2026-08, behaviour reported until 2026-11).
Units:  tokens are integers; amounts are Decimal cents, as the cost report serves them.
Quirk:  a bill is a finished UTC day's, arrives late, and may be replaced later, up or down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from exporter.simulator.anthropic.dials import Dials
from exporter.simulator.anthropic.lines import HOUR, CostLine, Usage
from exporter.simulator.anthropic.prices import PriceList
from exporter.simulator.clock import Clock
from exporter.simulator.wire import parse_time


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines of one day as served from `lands_at` on; None where it is taken back."""

    lands_at: datetime
    lines: tuple[CostLine, ...] | None

    @property
    def cents(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.amount for line in self.lines or ()), Decimal(0))


@dataclass
class Book:
    """The organization: its usage, bills, workspaces and keys."""

    clock: Clock
    landing_delay: timedelta = timedelta(0)  # after the UTC midnight that ends a day
    dials: Dials = field(default_factory=Dials)
    prices: PriceList = field(default_factory=PriceList)
    default_workspace: str = "wrkspc_01SimDefault"  # only the analytics show it
    bills: dict[date, list[Bill]] = field(default_factory=dict)
    hours: dict[datetime, list[Usage]] = field(default_factory=dict)
    true_cents: dict[date, Decimal] = field(default_factory=dict)
    workspaces: list[dict[str, Any]] = field(default_factory=list)
    api_keys: list[dict[str, Any]] = field(default_factory=list)
    organization: dict[str, Any] = field(
        default_factory=lambda: {
            "id": "0a51c0de-0000-4000-8000-000000000001",
            "type": "organization",
            "name": "Simulated Company",
        }
    )
    version: int = 0  # grows when past usage is rewritten; closed buckets are remembered until then

    def bill(self, day: date, lines: Iterable[CostLine], *, lands_at: datetime | None = None) -> Bill:
        """Bill a day. It is served from `lands_at`: by default midnight plus `landing_delay`.

        A second call for the same day adds a later version of it.
        """
        return self._land(day, Bill(lands_at or end_of(day) + self.landing_delay, tuple(lines)))

    def withdraw(self, day: date, *, at: datetime | None = None) -> Bill:
        """Take a day back from `at` (default now) on, as if it had not landed; a later bill restores it."""
        return self._land(day, Bill(at or self.clock(), None))

    def _land(self, day: date, bill: Bill) -> Bill:
        self.bills.setdefault(day, []).append(bill)
        self.bills[day].sort(key=lambda version: version.lands_at)
        return bill

    def revise(self, day: date, lines: Iterable[CostLine], *, at: datetime | None = None) -> Bill:
        """Replace a day's lines from `at` (default now) on; the sum may rise or fall."""
        return self.bill(day, lines, lands_at=at or self.clock())

    def served(self, day: date, now: datetime) -> tuple[CostLine, ...] | None:
        """Return the day's lines as served at `now`; None while nothing has landed."""
        landed = [bill for bill in self.bills.get(day, ()) if bill.lands_at <= now]
        lines = landed[-1].lines if landed else None
        if lines is None or not self.dials.discount or not self.dials.reports_discounted:
            return lines
        return tuple(replace(line, amount=line.amount * self.paid) for line in lines)

    @property
    def paid(self) -> Decimal:
        """The share of the list price that is paid."""
        return 1 - self.dials.discount

    def true_cost(self, day: date) -> Decimal | None:
        """Return the day's real cost in cents: the last bill's sum unless the books know better."""
        if day in self.true_cents:
            return self.true_cents[day] * self.paid
        bills = self.bills.get(day)
        return bills[-1].cents * self.paid if bills else None

    def use(self, usage: Usage) -> None:
        """Add usage, at any minute."""
        hour = usage.minute.replace(minute=0, second=0, microsecond=0)
        self.hours.setdefault(hour, []).append(usage)
        if hour + HOUR < self.clock():
            self.version += 1

    def usage(self, at: datetime | str, model: str, **tokens: Any) -> None:
        """Add usage of `model` at a time; the keywords are the fields of Usage."""
        moment = parse_time(at) if isinstance(at, str) else at
        self.use(Usage(moment.replace(second=0, microsecond=0), model, **tokens))

    def workspace(self, id: str, name: str, *, archived_at: str | None = None) -> None:
        """Add a workspace to the list of names."""
        self.workspaces.append(self.named(id, name, archived_at=archived_at))

    def named(self, id: str, name: str, *, archived_at: str | None = None) -> dict[str, Any]:
        """Return a workspace as lists show it."""
        return {
            "id": id,
            "type": "workspace",
            "name": name,
            "created_at": "2026-06-01T09:00:00Z",
            "archived_at": archived_at,
            "display_color": "#6C5BB9",
            "tags": {},
        }

    def api_key(
        self,
        id: str,
        name: str,
        workspace_id: str | None = None,
        *,
        status: str = "active",
        newer_shape: bool = False,
    ) -> None:
        """Add a key to the list of names, in the older shape or the one of version 2026-10-21."""
        row: dict[str, Any] = {
            "id": id,
            "type": "api_key",
            "name": name,
            "status": status,
            "partial_key_hint": "sk-ant-api03-sim...AA",
            "created_at": "2026-06-01T09:00:00Z",
            "expires_at": None,
            "created_by": {"id": "user_01SimFounder", "type": "user"},
        }
        if newer_shape:
            scope = (
                {"type": "workspace", "workspace_id": workspace_id}
                if workspace_id
                else {"type": "organization"}
            )
            row |= {"principal": {"type": "user", "id": "user_01SimFounder"}, "scope": scope}
        else:
            row["workspace_id"] = workspace_id
        self.api_keys.append(row)


def start_of(day: date) -> datetime:
    """Return the UTC midnight that begins `day`."""
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime:
    """Return the UTC midnight that ends `day`."""
    return start_of(day) + timedelta(days=1)
