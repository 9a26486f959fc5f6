"""What usage would cost by list price, until the bill says what it did cost.

Source: genai-prices for unit prices; Anthropic "Pricing" and "Service tiers" (read 2026-09) for the rules
        it does not know: batch, region, fast mode, web search, long prompts.
Units:  dollars, Decimal, exact; prices are per token.
Quirk:  the package prices whole calls and charges big ones by a higher tier, so a day's sum comes out up
        to five times too high. It is asked for the price of a handful of tokens, and we multiply.
        Haiku 5.5 costs five times as much in calls with more than 100k tokens of prompt, which usage does
        not show: its estimate is a range, and the bill settles it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from genai_prices import Usage, calc_price

from exporter.money import ZERO

Kind = Literal["uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output"]
KINDS: tuple[Kind, ...] = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output")
PROMPT: tuple[Kind, ...] = KINDS[:-1]
EVERY_KIND = "all"
SEARCH_KIND = "web_search"

HANDFUL = 1_000  # tokens asked for: far below every tier, and a power of ten, so the division is exact
MILLION = 1_000_000
BATCH = Decimal("0.5")
US_REGION = Decimal("1.1")
FAST = Decimal(2)
WEB_SEARCH = Decimal("0.01")  # ten dollars a thousand, no discount in batches
PRICED_TIERS = {"standard": Decimal(1), "batch": BATCH}
"""Priority capacity is billed apart and the flex tiers have no public price: those stay unpriced."""

SAME_PRICE = {"claude-mythos-5": "claude-fable-5", "claude-mythos-5-1": "claude-fable-5-1"}
"""Models the package lacks, priced as their twin (2026-11, genai-prices 0.2.3)."""

ALIASED = ("-0", "-latest")
"""What the package adds to some ids. It also knows models by how their names begin, and would price a
`claude-opus-4-10` as the `claude-opus-4-1` of two years before: another id than asked for is no price."""

CORRECTIONS: tuple[tuple[str, Kind, date, Decimal], ...] = (
    # (model, kind, first day the package is right, dollars per token before that day)
    ("claude-sonnet-5-5", "cache_read", date(2026, 10, 7), Decimal("0.00000020")),
)
"""Where the package disagrees with the published prices, each with the day until which it does."""

NO_REGION_PREMIUM = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[0-5])?$)")
"""Models before Claude 4.6; the premium for `us` came with that generation."""

FAST_MODELS: Mapping[str, date] = {
    "claude-opus-5-5": date.max,
    "claude-opus-5": date.max,
    "claude-opus-4-8": date(2026, 11, 30),
    "claude-fable-5-2": date.max,
    "claude-mythos-5-2": date.max,
}
"""Where fast mode has a published price, and its last day. Elsewhere it was withdrawn or never offered."""

LONG_PROMPT: Mapping[str, tuple[int, Decimal]] = {"claude-haiku-5-5": (100_000, Decimal(5))}
"""Tokens of prompt above which a whole call costs so many times as much."""

LONG_WINDOW = "200k-1M"
"""The context window that only holds prompts above every limit of LONG_PROMPT."""

_DATED = re.compile(r"-\d{8}$")


@dataclass(frozen=True, slots=True)
class Override:
    """A price that the settings state: dollars for a million tokens of a kind, from a UTC day on."""

    model: str
    kind: str
    since: date
    price: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a line of usage costs: from `low` to `high`, and `low` by kind.

    `uncached` is the same tokens without a cache, at the low price; None where input has no known price.
    """

    low: Decimal
    high: Decimal
    kinds: tuple[tuple[str, Decimal], ...]
    uncached: Decimal | None


class Prices:
    """List prices by model, kind and day: what the settings state, else what is published."""

    def __init__(self, overrides: Sequence[Override] = ()) -> None:
        # The last that applies wins: the newest, and on one day a kind's own before that for all.
        self._overrides = sorted(overrides, key=lambda one: (one.since, one.kind != EVERY_KIND))

    def estimate(
        self,
        tokens: Mapping[Kind, int],
        web_searches: int,
        *,
        model: str,
        tier: str,
        geo: str,
        speed: str,
        on: date,
        context_window: str = "",
    ) -> Estimate | None:
        """Return what a line of usage costs by list price.

        None when any of its tokens has no known price: unknown is not zero.
        """
        factor = _factor(model, tier, geo, speed, on)
        used = {kind: count for kind, count in tokens.items() if count}
        prompt = sum(count for kind, count in used.items() if kind in PROMPT)
        unit = {kind: self.unit(model, kind, on) for kind in used}
        plain_input = self.unit(model, "uncached_input", on) if prompt else ZERO
        if used and (factor is None or None in unit.values()):
            return None
        least, most = _long_prompts(model, prompt, context_window)
        base = {kind: (unit[kind] or ZERO) * (factor or ZERO) * count for kind, count in used.items()}
        total, searched = sum(base.values(), ZERO), searches(web_searches)
        extra = sum((cost for _, cost in searched), ZERO)
        uncached = None
        if plain_input is not None:
            without = base.get("output", ZERO) + plain_input * (factor or ZERO) * prompt
            uncached = without * least + extra
        kinds: dict[str, Decimal] = {kind: cost * least for kind, cost in base.items()}
        return Estimate(
            low=total * least + extra,
            high=total * most + extra,
            kinds=(*kinds.items(), *searched),
            uncached=uncached,
        )

    def unit(self, model: str, kind: Kind, on: date) -> Decimal | None:
        """Return the standard list price of one token in dollars on a UTC day; None for an unknown model.

        Standard means: not batch, not fast, no region asked for, no long prompt.
        """
        plain = _plain(model)
        for one in reversed(self._overrides):
            if one.model in (model, plain) and one.kind in (kind, EVERY_KIND) and one.since <= on:
                return one.price / MILLION
        return _published(model, plain, kind, on)


def searches(count: int) -> tuple[tuple[str, Decimal], ...]:
    """Return what searches of the web cost, under their name; nothing where there were none."""
    return ((SEARCH_KIND, WEB_SEARCH * count),) if count else ()


@lru_cache(maxsize=4_096)
def _published(model: str, plain: str, kind: Kind, on: date) -> Decimal | None:
    for name, what, until, earlier in CORRECTIONS:
        if plain == name and kind == what and on < until:
            return earlier
    known = (_from_package(name, kind, on) for name in (model, plain, SAME_PRICE.get(plain, plain)))
    return next((price for price in known if price is not None), None)


def _from_package(model: str, kind: Kind, on: date) -> Decimal | None:
    """Return a unit price of the package, whose input count includes the cached tokens."""
    asked = {
        "uncached_input": {"input_tokens": HANDFUL},
        "cache_write_5m": {"input_tokens": HANDFUL, "cache_write_tokens": HANDFUL},
        "cache_write_1h": {
            "input_tokens": HANDFUL,
            "cache_write_tokens": HANDFUL,
            "cache_write_1h_tokens": HANDFUL,
        },
        "cache_read": {"input_tokens": HANDFUL, "cache_read_tokens": HANDFUL},
        "output": {"output_tokens": HANDFUL},
    }[kind]
    noon = datetime.combine(on, time(12), UTC)
    try:
        found = calc_price(Usage(**asked), model, provider_id="anthropic", genai_request_timestamp=noon)
    except LookupError:
        return None
    if found.model.id not in (model, *(_plain(model) + ending for ending in ("", *ALIASED))):
        return None
    price = found.total_price / HANDFUL
    return price if price > ZERO else None  # a price of nothing means the package knows none


def _factor(model: str, tier: str, geo: str, speed: str, on: date) -> Decimal | None:
    """Return what multiplies the standard price; None when a part of it has no published price."""
    factor = PRICED_TIERS.get(tier)
    if factor is None:
        return None
    if geo == "us":
        factor *= Decimal(1) if NO_REGION_PREMIUM.match(_plain(model)) else US_REGION
    elif geo not in ("global", "not_available"):
        return None
    if speed == "fast":
        offered = on <= FAST_MODELS.get(_plain(model), date.min)
        return factor * FAST if tier == "standard" and offered else None
    return factor if speed == "standard" else None


def _long_prompts(model: str, prompt: int, context_window: str) -> tuple[Decimal, Decimal]:
    """Return the least and the most that long prompts can multiply a line by.

    No call of a line has a longer prompt than all its calls together.
    """
    limit, times = LONG_PROMPT.get(_plain(model), (prompt, Decimal(1)))
    if prompt <= limit:
        return Decimal(1), Decimal(1)
    return (times, times) if context_window == LONG_WINDOW else (Decimal(1), times)


def _plain(model: str) -> str:
    """Return the model id without a trailing date of eight digits."""
    return _DATED.sub("", model)
