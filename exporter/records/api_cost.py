"""What an API costs: bills by the day, usage by the hour and by key, and who is who.

Units: dollars as Decimal, positive; tokens as int; a day is a UTC day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """What a day's bill has for one thing; `identity` tells it from the day's other lines.

    What the report does not say of a row is empty.
    """

    workspace: str
    description: str
    amount: Decimal
    cost_type: str
    model: str
    token_type: str
    tier: str = ""
    context_window: str = ""
    geo: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """Everything that is said of it but the amount: two kinds of tokens may share a description."""
        return (
            self.workspace,
            self.description,
            self.cost_type,
            self.model,
            self.token_type,
            self.tier,
            self.context_window,
            self.geo,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledDay:
    """The bill of one finished UTC day, whole: a later revision replaces all its lines."""

    kind: ClassVar[str] = "billed_day"
    source: str
    day: date
    lines: tuple[BilledLine, ...]

    @property
    def amount(self) -> Decimal:
        """What the day costs, in dollars."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def at(self) -> datetime:
        """The UTC midnight the day starts at."""
        return datetime.combine(self.day, time(), UTC)

    @property
    def key(self) -> str:
        return self.day.isoformat()

    @property
    def scope(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """Tokens of one (workspace, model, tier, region, speed) in an hour and their estimated cost.

    `cost` is dollars by list price; None when no price is known, which is not zero. Where the price
    depends on what no report shows, it is the lowest it can be, and `cost_high` the highest.
    `costs` is `cost` by kind of token and `web_search`; `uncached` is what the line would have cost had
    there been no cache. `unknown` are tokens of kinds that have no price here, by the report's own names:
    they are in no other count. Where there is no `cost`, searches of the web may still have one in `costs`.
    The last four are absent in records of before they were kept.
    """

    workspace: str
    model: str
    tier: str
    geo: str
    speed: str
    uncached_input: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    output: int
    web_searches: int
    cost: Decimal | None
    cost_high: Decimal | None = None
    context_window: str = ""
    costs: tuple[tuple[str, Decimal], ...] = ()
    uncached: Decimal | None = None
    unknown: tuple[tuple[str, int], ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells it from the other lines of its hour."""
        return (self.workspace, self.model, self.tier, self.geo, self.speed, self.context_window)

    @property
    def highest(self) -> Decimal | None:
        """The upper bound of `cost`: the same where the price is certain."""
        return self.cost if self.cost_high is None else self.cost_high

    @property
    def tokens(self) -> int:
        """All tokens of the line; the kinds are disjoint."""
        return self.uncached_input + self.cache_write_5m + self.cache_write_1h + self.cache_read + self.output


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageHour:
    """Usage of the UTC hour that starts at `at`, whole: a later revision replaces all its lines."""

    kind: ClassVar[str] = "usage_hour"
    source: str
    at: datetime
    lines: tuple[UsageLine, ...]

    @property
    def key(self) -> str:
        return self.at.strftime("%Y-%m-%dT%H")

    @property
    def scope(self) -> str:
        return self.at.date().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsageLine:
    """Tokens of one (API key, workspace, model, tier, context window) in a day.

    `api_key` is empty for usage that was not made with a key. `cost` is dollars where the service says
    what each key cost; None where it does not, and the day's bill must be spread over the keys.
    """

    api_key: str
    workspace: str
    model: str
    tier: str
    context_window: str
    uncached_input: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    output: int
    web_searches: int
    cost: Decimal | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells it from the other lines of its day."""
        return (self.api_key, self.workspace, self.model, self.tier, self.context_window)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsage:
    """Who used what on one UTC day, whole: a later revision replaces all its lines."""

    kind: ClassVar[str] = "key_usage"
    source: str
    day: date
    lines: tuple[KeyUsageLine, ...]

    @property
    def at(self) -> datetime:
        """The UTC midnight the day starts at."""
        return datetime.combine(self.day, time(), UTC)

    @property
    def key(self) -> str:
        return self.day.isoformat()

    @property
    def scope(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRow:
    """One row of a day's estimate: a model's tokens, or the web searches.

    `cost` and `high` are the bounds in dollars, None when nothing of it had a price; `unpriced` is tokens.
    """

    name: str
    cost: Decimal | None
    high: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillChange:
    """A day's bill arrived, or changed: what it is now, and what stood there before it.

    The store notes one with each revision of a BilledDay. `before` is None for the first, which then
    holds the estimate it replaced: `hours` is how many of the day's hours that one knew.
    """

    kind: ClassVar[str] = "landing"
    source: str
    day: date
    number: int
    amount: Decimal
    before: Decimal | None
    estimate: tuple[EstimateRow, ...]
    hours: int
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.day.isoformat()}#{self.number}"

    @property
    def scope(self) -> str:
        return self.day.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The name of a workspace at Anthropic; names are not unique and change."""

    source: str
    workspace_id: str
    name: str
    archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The name of an API key at Anthropic; `workspace` is empty for a key of the whole organization."""

    source: str
    key_id: str
    name: str
    status: str
    workspace: str
