"""The answers of the reports and of the analytics that are alike, and the lines made of them.

Source: Anthropic "Get Cost Report" and "Get Messages Usage Report" (read 2026-08, live behaviour to 2026-11).
Units:  `amount` is a decimal string of cents; tokens are integers, their kinds disjoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import ConfigDict

from exporter.errors import OddRow
from exporter.records import BilledLine, KeyUsageLine, UsageLine
from exporter.sources.anthropic.pricing import KINDS, Kind, Prices, searches
from exporter.sources.paging import Params
from exporter.sources.shapes import MAX_TOKENS, Shape, Text, Tokens

BASE = "/v1/organizations"
DEFAULT_WORKSPACE = "default"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

USED_BY = ("model", "service_tier", "inference_geo", "speed", "workspace_id")
"""What a price depends on, and the workspace: five groups are the most that the service takes."""

USED_BY_KEY = ("api_key_id", "workspace_id", "model", "service_tier", "context_window")
"""Who used what: five groups again, so region and speed stay away."""

USAGE_SETTLED = timedelta(hours=1)
"""An empty hour or day of usage is believed this long after its end. Usage is minutes late, seldom up to an
hour; believed earlier, the running hour would count as known to be free. Once believed it is recorded,
because an hour that nobody recorded is unknown."""

BILL_SETTLED = timedelta(hours=48)
"""An empty day is believed this long after its end. Bills land within a day; believed earlier, a bill that
is merely late would replace the day's estimate by zero."""

FLAT, TOTAL = "cache_creation_input_tokens", "total_tokens"
"""Sums, no kinds of their own: the first is in replies of the Messages API, the second in the analytics."""

_KIND = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
MOST_KINDS, OTHER_KIND = 10, "other_tokens"
"""New kinds of tokens that are told apart. A report that adds more has become another one."""

Complaint = Callable[[str, str], Exception]


@dataclass(frozen=True, slots=True)
class UsedInRow:
    """What was used: tokens by kind, searches, and tokens of kinds that nobody here knows a price of."""

    tokens: Mapping[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    searches: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: UsedInRow) -> UsedInRow:
        names = (*self.unknown, *(name for name in other.unknown if name not in self.unknown))
        return UsedInRow(
            {kind: self.tokens[kind] + other.tokens[kind] for kind in KINDS},
            self.searches + other.searches,
            {name: self.unknown.get(name, 0) + other.unknown.get(name, 0) for name in names},
        )

    @property
    def counts(self) -> dict[str, Any]:
        """The fields of a line that are counted."""
        return dict(self.tokens) | {"web_searches": self.searches}


class CacheCreation(Shape):
    """Tokens written to a cache by how long it lives; a lifetime that is left out was not used."""

    model_config = ConfigDict(extra="allow")

    ephemeral_5m_input_tokens: Tokens = 0
    ephemeral_1h_input_tokens: Tokens = 0


class ServerToolUse(Shape):
    web_search_requests: Tokens


class UsageCounts(Shape):
    """Counts of tokens and searches; every usage row of both families has them."""

    model_config = ConfigDict(extra="allow")

    uncached_input_tokens: Tokens
    cache_creation: CacheCreation
    cache_read_input_tokens: Tokens
    output_tokens: Tokens
    server_tool_use: ServerToolUse

    @property
    def tally(self) -> UsedInRow:
        tokens: dict[Kind, int] = {
            "uncached_input": self.uncached_input_tokens,
            "cache_write_5m": self.cache_creation.ephemeral_5m_input_tokens,
            "cache_write_1h": self.cache_creation.ephemeral_1h_input_tokens,
            "cache_read": self.cache_read_input_tokens,
            "output": self.output_tokens,
        }
        return UsedInRow(tokens, self.server_tool_use.web_search_requests, self._unknown(tokens))

    def _unknown(self, tokens: Mapping[Kind, int]) -> dict[str, int]:
        """Return tokens of kinds that are not known here, by the names that the report gives them.

        What the report states as a sum, of all tokens or of those written to a cache, may show that there are
        some without naming them. Another field of tokens is a part of the others where the sum has no room.
        """
        more = self.model_extra or {}
        lifetimes = self.cache_creation.model_extra or {}
        found = {f"cache_creation.{name}": count for name, count in _counted(lifetimes).items()}
        written = tokens["cache_write_5m"] + tokens["cache_write_1h"] + sum(found.values())
        beside = _counted({name: more[name] for name in more if name.endswith("_tokens")})
        flat, total = beside.pop(FLAT, 0), beside.pop(TOTAL, None)
        if flat > written:
            found[FLAT] = flat - written
        known = sum(tokens.values()) + sum(found.values())
        if total is None or total > known:
            found |= beside
        if total is not None and total > known + sum(beside.values()):
            found[TOTAL] = total - known - sum(beside.values())
        return found


def _counted(fields: Mapping[str, Any]) -> dict[str, int]:
    """Return the fields that count something, each within reason. Their names are labels: bounded, too."""
    found: dict[str, int] = {}
    for name, count in fields.items():
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            named = name if _KIND.fullmatch(name) and len(found) < MOST_KINDS else OTHER_KIND
            found[named] = found.get(named, 0) + min(count, MAX_TOKENS)
    return found


class Use(NamedTuple):
    """What an hour's usage is grouped by."""

    workspace: str
    model: str
    tier: str
    geo: str
    speed: str


class KeyUse(NamedTuple):
    """What a day's usage by key is grouped by."""

    api_key: str
    workspace: str
    model: str
    tier: str
    context_window: str


def usage_line(use: Use, tally: UsedInRow, at: datetime, prices: Prices) -> UsageLine:
    """Return a line of usage with its estimate at the prices of that day.

    A model without a price may have searched the web all the same, and searches have one.
    """
    worth = prices.estimate(
        tally.tokens,
        tally.searches,
        on=at.date(),
        model=use.model,
        tier=use.tier,
        geo=use.geo,
        speed=use.speed,
    )
    return UsageLine(
        **use._asdict(),
        **tally.counts,
        cost=None if worth is None else worth.low,
        cost_high=None if worth is None else worth.high,
        costs=searches(tally.searches) if worth is None else worth.kinds,
        uncached=None if worth is None else worth.uncached,
        unknown=tuple(tally.unknown.items()),
    )


def key_line(use: KeyUse, tally: UsedInRow | None) -> KeyUsageLine:
    """Return a line of usage by key; without a tally one that used no tokens."""
    return KeyUsageLine(**use._asdict(), **(tally or UsedInRow()).counts)


def summed(lines: Iterable[BilledLine]) -> tuple[BilledLine, ...]:
    """Return the lines of a bill, those that differ in nothing but their amounts as one."""
    found: dict[tuple[str, ...], BilledLine] = {}
    for line in lines:
        known = found.get(line.identity)
        found[line.identity] = line if known is None else replace(known, amount=known.amount + line.amount)
    return tuple(found.values())


class Organization(Shape):
    name: Text


class Paged(Shape):
    has_more: bool
    next_page: str | None = None

    def follow(self, complain: Complaint) -> str | None:
        """Return the token of the next page; None on the last."""
        if self.has_more and not self.next_page:
            raise complain("next_page", "is empty although there is more")
        return self.next_page if self.has_more else None


def check_bounds(
    begins: datetime, ends: datetime, width: timedelta, asked: tuple[datetime, datetime]
) -> None:
    """Raise OddRow unless a bucket is one of those asked for, of the right width."""
    start, end = asked
    if (begins - start) % width or not start <= begins < end:
        raise OddRow("starting_at", "is not the start of a bucket that was asked for")
    if ends - begins != width:
        raise OddRow("ending_at", "does not end the bucket where it should")


def span(start: datetime, end: datetime) -> Params:
    """Return the two parameters that say from when to when."""
    return [("starting_at", f"{start:%Y-%m-%dT%H:%M:%SZ}"), ("ending_at", f"{end:%Y-%m-%dT%H:%M:%SZ}")]


def groups(*names: str) -> Params:
    """Return what rows are told apart by."""
    return [("group_by[]", name) for name in names]
