"""Rows of the analytics: the same usage and its price, told apart by up to five dimensions.

Source: the types of the official client 2.12 (2026-11); no independent report of live behaviour was found.
Units:  amounts are decimal strings of cents, after the discount; `list_amount` is before it.
Quirk:  there are rows only where something was used. The default workspace has its real id, a region that
        was not asked for is null, and `cost_type` and `token_type` make more rows without counting as such.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from exporter.simulator.anthropic.book import Book, start_of
from exporter.simulator.anthropic.lines import HOUR, CostLine, Usage
from exporter.simulator.anthropic.memory import snap
from exporter.simulator.anthropic.prices import Tally
from exporter.simulator.wire import exact, rfc3339

BETA = "analytics-usage-cost-2026-08-24"
LONGEST, REACH = timedelta(days=31), timedelta(days=365)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
FANS = ("cost_type", "token_type")
DIMENSIONS = (
    "actor", "actor_type", "agent_id", "api_key_id", "claude_tag_category", "claude_tag_user_id",
    "context_window", "deployment_id", "environment_id", "inference_geo", "model", "organization_id",
    "product", "rbac_group_id", "service_tier", "session_id", "slack_channel_id", "speed",
    "user_profile_id", "workspace_id",
)  # fmt: skip
ORDERS = {
    "cost": ("amount", "list_amount", "time"),
    "usage": ("total_tokens", "output_tokens", "uncached_input_tokens", "requests", "time"),
}
ANALYTICS_FILTERS = {
    "api_key_ids[]": "api_key_id",
    "context_windows[]": "context_window",
    "inference_geos[]": "inference_geo",
    "models[]": "model",
    "service_tiers[]": "service_tier",
    "speeds[]": "speed",
    "workspace_ids[]": "workspace_id",
}
COUNTED = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output")
Values = dict[str, Any]


@dataclass
class Row:
    """What one combination of the dimensions used and cost; `parts` is the cost by what it fans out to."""

    begin: datetime
    end: datetime
    group: Values
    fanned: tuple[str, ...]
    what: Literal["cost", "usage"]
    paid: Decimal
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    searches: int = 0
    requests: int = 0
    parts: dict[tuple[str | None, ...], Decimal] = field(default_factory=dict)

    def add(self, values: Values, usage: Usage | None, costs: list[CostLine]) -> None:
        """Count a usage line and what it cost."""
        if usage is not None:
            for name in COUNTED:
                self.tokens[name] += int(getattr(usage, name))
            self.searches += usage.web_searches
            self.requests += 1
        for line in costs:
            part = tuple(getattr(line, name) for name in self.fanned)
            self.parts[part] = self.parts.get(part, Decimal(0)) + line.amount

    def rank(self, by: str) -> Any:
        """Return what rows are ordered by."""
        if by == "time":
            return self.begin
        if by in ("amount", "list_amount"):
            return sum(self.parts.values(), Decimal(0))
        if by == "requests":
            return self.requests
        tokens = {"output_tokens": ("output",), "uncached_input_tokens": ("uncached_input",)}.get(by, COUNTED)
        return sum(self.tokens[name] for name in tokens)

    def lines(self) -> list[Values]:
        """Return the row, or the rows it fans out to, as they are answered."""
        frame = {"starting_at": rfc3339(self.begin), "ending_at": rfc3339(self.end)}
        if self.what == "usage":
            return [frame | {"group": self.group, "usage": self._usage()}]
        return [
            frame
            | {
                "group": self.group | dict(zip(self.fanned, part, strict=True)),
                "cost": {
                    "amount": exact(amount * self.paid, 6),
                    "list_amount": exact(amount, 6),
                    "currency": "USD",
                    "requests": None if self.fanned else self.requests,
                },
            }
            for part, amount in self.parts.items()
        ]

    def _usage(self) -> Values:
        return {
            "uncached_input_tokens": self.tokens["uncached_input"],
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.tokens["cache_write_5m"],
                "ephemeral_1h_input_tokens": self.tokens["cache_write_1h"],
            },
            "cache_read_input_tokens": self.tokens["cache_read"],
            "output_tokens": self.tokens["output"],
            "total_tokens": sum(self.tokens.values()),
            "requests": self.requests,
            "server_tool_use": {"web_search_requests": self.searches},
        }


def renewed(book: Book, now: datetime) -> datetime:
    """Return the time that the answers speak of."""
    return snap(now - book.dials.refresh_delay, book.dials.refresh_every)


def analytics_rows(
    book: Book,
    what: Literal["cost", "usage"],
    begin: datetime,
    end: datetime,
    width: timedelta | None,
    groups: tuple[str, ...],
    wanted: dict[str, frozenset[str]],
    refreshed: datetime,
) -> list[Row]:
    """Return every row of a range, as of the last renewal."""
    known = refreshed if book.dials.running_hour else snap(refreshed, HOUR)
    fanned = tuple(name for name in FANS if name in groups)
    found: dict[tuple[Any, ...], Row] = {}
    for at, values, usage, costs in _events(book, begin, min(end, known)):
        if any((values[name] or "") not in allowed for name, allowed in wanted.items()):
            continue
        costs = costs if what == "cost" else []
        if what == "cost" and not costs:
            continue
        group: Values = {
            name: values.get(name) if name in groups else None
            for name in (*DIMENSIONS, *(FANS if what == "cost" else ()))
        }
        first = snap(at, width) if width else snap(begin, HOUR)
        last = first + width if width else snap(end, HOUR)
        row = found.setdefault((first, *group.values()), Row(first, last, group, fanned, what, book.paid))
        row.add(values, usage, costs)
    return list(found.values())


def _events(
    book: Book, begin: datetime, end: datetime
) -> list[tuple[datetime, Values, Usage | None, list[CostLine]]]:
    """Return all usage with its cost, and the costs that come without usage, in a range."""
    events: list[tuple[datetime, Values, Usage | None, list[CostLine]]] = []
    hour = snap(begin, HOUR)
    while hour < end:
        for usage in book.hours.get(hour, ()):
            if begin <= usage.minute < end and (usage.visible_at is None or usage.visible_at <= end):
                events.append((usage.minute, _values(book, usage), usage, _costs(book, usage)))
        hour += HOUR
    for day in book.bills:
        if begin <= start_of(day) < end:
            lines = [bill.lines for bill in book.bills[day] if bill.lines is not None]
            for line in lines[-1] if lines else ():
                if line.cost_type not in ("tokens", "web_search"):
                    where = dict.fromkeys(_NAMES) | {
                        "workspace_id": line.workspace_id or book.default_workspace
                    }
                    events.append((start_of(day), where, None, [line]))
    return events


_NAMES = ("api_key_id", "workspace_id", "model", "service_tier", "context_window", "inference_geo", "speed")


def _values(book: Book, usage: Usage) -> Values:
    values = {name: getattr(usage, name) for name in _NAMES}
    values["workspace_id"] = usage.workspace_id or book.default_workspace
    if usage.inference_geo == "not_available":
        values["inference_geo"] = None
    return values


def _costs(book: Book, usage: Usage) -> list[CostLine]:
    """Return what a usage line cost by list price."""
    tally = Tally()
    tally.add(usage, priority=book.dials.priority_cost)
    return list(tally.lines(usage.minute.date(), book.prices))
