"""The answers of the reports and of the analytics that are alike, and the lines made of them.

Source: Anthropic "Get Cost Report" and "Get Messages Usage Report" (read 2026-08, live behaviour to 2026-11).
Units:  `amount` is a decimal string of cents; tokens are integers, their kinds disjoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from exporter.records import KeyUsageLine, UsageLine
from exporter.sources.anthropic.pricing import KINDS, Kind, Prices
from exporter.sources.paging import Params
from exporter.sources.shapes import Shape, Text, Tokens

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

Complaint = Callable[[str, str], Exception]


class CacheCreation(Shape):
    ephemeral_5m_input_tokens: Tokens
    ephemeral_1h_input_tokens: Tokens


class ServerToolUse(Shape):
    web_search_requests: Tokens


class UsageCounts(Shape):
    """Counts of tokens and searches; every usage row of both families has them."""

    uncached_input_tokens: Tokens
    cache_creation: CacheCreation
    cache_read_input_tokens: Tokens
    output_tokens: Tokens
    server_tool_use: ServerToolUse

    @property
    def tokens(self) -> dict[Kind, int]:
        return {
            "uncached_input": self.uncached_input_tokens,
            "cache_write_5m": self.cache_creation.ephemeral_5m_input_tokens,
            "cache_write_1h": self.cache_creation.ephemeral_1h_input_tokens,
            "cache_read": self.cache_read_input_tokens,
            "output": self.output_tokens,
        }

    @property
    def searches(self) -> int:
        return self.server_tool_use.web_search_requests

    @property
    def counts(self) -> dict[str, Any]:
        """The fields of a line that are counted."""
        return dict(self.tokens) | {"web_searches": self.searches}


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


def usage_line(use: Use, tally: UsageCounts, at: datetime, prices: Prices) -> UsageLine:
    """Return a line of usage with its estimate at the prices of that day."""
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
        costs=() if worth is None else worth.kinds,
        uncached=None if worth is None else worth.uncached,
    )


def key_line(use: KeyUse, tally: UsageCounts | None) -> KeyUsageLine:
    """Return a line of usage by key; without a tally one that used no tokens."""
    counts = dict.fromkeys((*KINDS, "web_searches"), 0) if tally is None else tally.counts
    return KeyUsageLine(**use._asdict(), **counts)


class Organization(Shape):
    name: Text


class Paged(Shape):
    has_more: bool
    next_page: str | None

    def follow(self, complain: Complaint) -> str | None:
        """Return the token of the next page; None on the last."""
        if self.has_more and not self.next_page:
            raise complain("next_page", "is empty although there is more")
        return self.next_page if self.has_more else None


def check_bounds(
    starts_and_ends: Iterable[tuple[datetime, datetime]],
    width: timedelta,
    asked: tuple[datetime, datetime],
    complain: Complaint,
) -> None:
    """Raise unless every bucket is one of those asked for, of the right width."""
    start, end = asked
    for begins, ends in starts_and_ends:
        if (begins - start) % width or not start <= begins < end:
            raise complain("data.starting_at", "is not the start of a bucket that was asked for")
        if ends - begins != width:
            raise complain("data.ending_at", "does not end the bucket where it should")


def span(start: datetime, end: datetime) -> Params:
    """Return the two parameters that say from when to when."""
    return [("starting_at", f"{start:%Y-%m-%dT%H:%M:%SZ}"), ("ending_at", f"{end:%Y-%m-%dT%H:%M:%SZ}")]


def groups(*names: str) -> Params:
    """Return what rows are told apart by."""
    return [("group_by[]", name) for name in names]
