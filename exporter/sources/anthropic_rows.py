"""The answers of the two reports, and the records made of them.

Source: Anthropic "Get Cost Report" and "Get Messages Usage Report" (read 2026-08, live behaviour to 2026-11).
Units:  `amount` is a decimal string of cents; tokens are integers, their kinds disjoint.
Quirk:  a null workspace is the default one, because we always group by workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from exporter.records import BilledDay, BilledLine, UsageHour, UsageLine
from exporter.sources.pricing import Kind, Prices
from exporter.sources.shapes import CentString, Label, Moment, Shape, Text, Tokens

DEFAULT_WORKSPACE = "default"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
Complaint = Callable[[str, str], Exception]
Line = TypeVar("Line", bound=Shape)


class CostRow(Shape):
    amount: CentString  # a credit is negative
    currency: Literal["USD"]
    workspace_id: Text | None
    description: Text
    cost_type: Text  # the list of types grows; money of an unknown type is still money
    model: Label | None
    service_tier: Label | None
    token_type: Label | None
    context_window: Label | None
    inference_geo: Label | None

    @property
    def identity(self) -> Hashable:
        """What tells a row of a day from the others; the parsed fields may be equal in two rows."""
        return (self.workspace_id, self.description)

    def line(self) -> BilledLine:
        """Return the line of the bill, in dollars."""
        return BilledLine(
            workspace=self.workspace_id or DEFAULT_WORKSPACE,
            description=self.description,
            amount=self.amount,
            cost_type=self.cost_type,
            model=self.model or "",
            token_type=self.token_type or "",
            tier=self.service_tier or "",
            context_window=self.context_window or "",
            geo=self.inference_geo or "",
        )


class CacheCreation(Shape):
    ephemeral_5m_input_tokens: Tokens
    ephemeral_1h_input_tokens: Tokens


class ServerToolUse(Shape):
    web_search_requests: Tokens


class UsageRow(Shape):
    uncached_input_tokens: Tokens
    cache_creation: CacheCreation
    cache_read_input_tokens: Tokens
    output_tokens: Tokens
    server_tool_use: ServerToolUse
    workspace_id: Text | None
    model: Text
    service_tier: Text
    inference_geo: Text
    speed: Text

    @property
    def identity(self) -> Hashable:
        """What tells a row of an hour from the others: everything it is grouped by."""
        return (self.workspace_id, self.model, self.service_tier, self.inference_geo, self.speed)

    def line(self, at: datetime, prices: Prices) -> UsageLine:
        """Return the line with its estimate at the prices of that day."""
        tokens: dict[Kind, int] = {
            "uncached_input": self.uncached_input_tokens,
            "cache_write_5m": self.cache_creation.ephemeral_5m_input_tokens,
            "cache_write_1h": self.cache_creation.ephemeral_1h_input_tokens,
            "cache_read": self.cache_read_input_tokens,
            "output": self.output_tokens,
        }
        searches = self.server_tool_use.web_search_requests
        worth = prices.estimate(
            tokens,
            searches,
            on=at.date(),
            model=self.model,
            tier=self.service_tier,
            geo=self.inference_geo,
            speed=self.speed,
        )
        return UsageLine(
            workspace=self.workspace_id or DEFAULT_WORKSPACE,
            model=self.model,
            tier=self.service_tier,
            geo=self.inference_geo,
            speed=self.speed,
            uncached_input=tokens["uncached_input"],
            cache_write_5m=tokens["cache_write_5m"],
            cache_write_1h=tokens["cache_write_1h"],
            cache_read=tokens["cache_read"],
            output=tokens["output"],
            web_searches=searches,
            cost=None if worth is None else worth.low,
            cost_high=None if worth is None else worth.high,
            costs=() if worth is None else worth.kinds,
            uncached=None if worth is None else worth.uncached,
        )


class Bucket(Shape):
    starting_at: Moment
    ending_at: Moment


class CostBucket(Bucket):
    results: list[CostRow]

    def record(self) -> BilledDay:
        """Return the day's bill."""
        return BilledDay(day=self.starting_at.date(), lines=tuple(row.line() for row in self.results))


class UsageBucket(Bucket):
    results: list[UsageRow]

    def record(self, prices: Prices) -> UsageHour:
        """Return the hour's usage with its estimates."""
        return UsageHour(
            at=self.starting_at, lines=tuple(row.line(self.starting_at, prices) for row in self.results)
        )


class Report(Shape):
    has_more: bool
    next_page: str | None

    def follow(self, complain: Complaint) -> str | None:
        """Return the token of the next page; None on the last."""
        if self.has_more and not self.next_page:
            raise complain("next_page", "is empty although there is more")
        return self.next_page if self.has_more else None


class CostReport(Report):
    data: list[CostBucket]


class UsageReport(Report):
    data: list[UsageBucket]


class Organization(Shape):
    name: Text


def check(
    buckets: Iterable[CostBucket | UsageBucket],
    width: timedelta,
    asked: tuple[datetime, datetime],
    complain: Complaint,
) -> None:
    """Raise unless every bucket is one of those asked for, of the right width, with distinct rows."""
    start, end = asked
    for bucket in buckets:
        if (bucket.starting_at - start) % width or not start <= bucket.starting_at < end:
            raise complain("data.starting_at", "is not the start of a bucket that was asked for")
        if bucket.ending_at - bucket.starting_at != width:
            raise complain("data.ending_at", "does not end the bucket where it should")
        if _repeats([row.identity for row in bucket.results]):
            raise complain("data.results", "names one thing in two rows")


def _repeats(identities: Sequence[Hashable]) -> bool:
    return len(set(identities)) < len(identities)
