"""The venue's rate limit: its token bucket, kept here so that we stop before it refuses.

Source: Kalshi trade API, "Rate Limits and Tiers", `/account/limits` and
        `/account/endpoint_costs` (read 2026-11).
Units:  tokens, and tokens a second. A request costs ten unless the venue lists another price for it.
Quirk:  a refusal says nothing about when to come back, so the only way to be polite is to count.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Annotated

from aiolimiter import AsyncLimiter
from pydantic import Field

from exporter.errors import SourceError
from exporter.sources.paging import Collector
from exporter.sources.shapes import Shape, Text

OUR_SHARE = 0.75
"""The bucket belongs to the account, and whoever trades with it needs the rest: a quarter is five
requests a second in the smallest tier, enough for a program that looks at a few markets."""

BASIC_REFILL, BASIC_CAPACITY, BASIC_COST = 200, 400, 10
"""The smallest tier, by the documentation; real accounts of it were seen with a larger bucket."""

REREAD_AFTER = 3_600.0
"""A tier changes with the month's volume; an hour late costs nothing but speed."""

NO_ANSWER = tuple(range(400, 500))
"""Whatever the refusal: the limits are a courtesy, and the smallest tier is always right."""

_PREFIX = re.compile(r"^/trade-api/v2(?=/)")
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]


class ReadLimit(Shape):
    refill_rate: Tokens
    bucket_capacity: Tokens


class AccountLimits(Shape):
    read: ReadLimit


class EndpointCost(Shape):
    method: Text
    path: Text
    cost: Tokens


class Costs(Shape):
    default_cost: Tokens
    endpoint_costs: list[EndpointCost]


class TokenBucket:
    """Our share of the account's bucket. `spend` waits until a request may be sent.

    `pace` gives seconds that only go forward.
    """

    def __init__(self, *, share: float = OUR_SHARE, pace: Callable[[], float] = time.monotonic) -> None:
        self._share, self._pace = share, pace
        self._costs: Mapping[re.Pattern[str], int] = {}
        self._default_cost = BASIC_COST
        self._read_at: float | None = None
        self._spent, self._seen = 0.0, 0.0
        self._set(BASIC_REFILL, BASIC_CAPACITY)

    @property
    def available(self) -> float:
        """Tokens of our share that could be spent now."""
        return self._capacity - self._used()

    async def spend(self, method: str, path: str) -> None:
        """Take what a request costs out of the bucket; wait for it if need be."""
        cost = min(self.cost(method, path), self._capacity)
        await self._bucket.acquire(cost)
        self._spent, self._seen = self._used() + cost, self._pace()

    def cost(self, method: str, path: str) -> float:
        """Return the tokens that a request takes."""
        asked = f"{method} {_PREFIX.sub('', path)}"
        return next(
            (cost for known, cost in self._costs.items() if known.fullmatch(asked)), self._default_cost
        )

    async def refresh(self, collector: Collector) -> None:
        """Read limits and prices, at most once an hour; what cannot be read stays as it was."""
        now = self._pace()
        if self._read_at is not None and now - self._read_at < REREAD_AFTER:
            return
        self._read_at = now
        try:
            limits = await collector.one_or_none("/account/limits", AccountLimits, tolerate=NO_ANSWER)
            costs = await collector.one_or_none("/account/endpoint_costs", Costs, tolerate=NO_ANSWER)
        except SourceError:
            return
        if limits is not None:
            await self._change(limits.read.refill_rate, limits.read.bucket_capacity)
        if costs is not None:
            self._default_cost = costs.default_cost
            self._costs = {_pattern(row): row.cost for row in costs.endpoint_costs}

    async def _change(self, refill: int, capacity: int) -> None:
        """Go on with another bucket, as full as the old one: a new one would allow a second burst."""
        if (refill * self._share, capacity * self._share) == (self._refill, self._capacity):
            return
        used = self._used()
        self._set(refill, capacity)
        self._spent, self._seen = min(used, self._capacity), self._pace()
        if self._spent:
            await self._bucket.acquire(self._spent)

    def _set(self, refill: int, capacity: int) -> None:
        self._refill, self._capacity = refill * self._share, capacity * self._share
        self._bucket = AsyncLimiter(self._capacity, self._capacity / self._refill)

    def _used(self) -> float:
        return max(0.0, self._spent - (self._pace() - self._seen) * self._refill)


def _pattern(row: EndpointCost) -> re.Pattern[str]:
    """Return what an entry such as `GET /portfolio/orders/:id` stands for."""
    parts = [
        "[^/]+" if part.startswith((":", "{")) else re.escape(part)
        for part in _PREFIX.sub("", row.path).split("/")
    ]
    return re.compile(f"{re.escape(row.method)} {'/'.join(parts)}")
