"""What was used, what it truly cost, and what has been billed so far.

Source: Anthropic Usage and Cost Admin API (pages read 2026-08, behaviour reported until 2026-11).
Units:  tokens are integers; amounts are Decimal cents, as the cost report serves them.
Quirk:  a bill is a finished UTC day's, arrives late, and may be replaced later, up or down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from exporter.simulator.clock import Clock
from exporter.simulator.wire import parse_time

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CostLine:
    """One billed line. (day, workspace, description) is its identity; parsed fields may repeat."""

    amount: Decimal
    description: str
    cost_type: str = "tokens"
    workspace_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    token_type: str | None = None
    context_window: str | None = None
    inference_geo: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used within one minute by one key and model.

    `long_prompt` is true above 100k tokens: the price depends on it, yet no report shows it.
    """

    minute: datetime
    model: str
    uncached_input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0
    web_searches: int = 0
    api_key_id: str | None = None
    workspace_id: str | None = None
    account_id: str | None = None
    service_account_id: str | None = None
    service_tier: str = "standard"
    context_window: str = "0-200k"
    inference_geo: str = "global"
    speed: str = "standard"
    long_prompt: bool = False
    visible_at: datetime | None = None  # None: at once


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines of one day as served from `lands_at` on."""

    lands_at: datetime
    lines: tuple[CostLine, ...]

    @property
    def cents(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.amount for line in self.lines), Decimal(0))


@dataclass
class Book:
    """The organization: its usage, bills, workspaces and keys."""

    clock: Clock
    landing_delay: timedelta = timedelta(0)  # after the UTC midnight that ends a day
    landing: str = "missing"  # how a finished day looks before it lands: "missing" or "empty"
    ordinary_key_status: int = 403  # some see 401
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
        bill = Bill(lands_at or end_of(day) + self.landing_delay, tuple(lines))
        self.bills.setdefault(day, []).append(bill)
        self.bills[day].sort(key=lambda version: version.lands_at)
        return bill

    def revise(self, day: date, lines: Iterable[CostLine], *, at: datetime | None = None) -> Bill:
        """Replace a day's lines from `at` (default now) on; the sum may rise or fall."""
        return self.bill(day, lines, lands_at=at or self.clock())

    def served(self, day: date, now: datetime) -> tuple[CostLine, ...] | None:
        """Return the day's lines as served at `now`; None while nothing has landed."""
        landed = [bill for bill in self.bills.get(day, ()) if bill.lands_at <= now]
        return landed[-1].lines if landed else None

    def true_cost(self, day: date) -> Decimal | None:
        """Return the day's real cost in cents: the last bill's sum unless the books know better."""
        if day in self.true_cents:
            return self.true_cents[day]
        bills = self.bills.get(day)
        return bills[-1].cents if bills else None

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
        self.workspaces.append(
            {
                "id": id,
                "type": "workspace",
                "name": name,
                "created_at": "2026-06-01T09:00:00Z",
                "archived_at": archived_at,
                "display_color": "#6C5BB9",
                "tags": {},
            }
        )

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
