"""What usage would cost by list price, until the bill says what it did cost.

Source: genai-prices for unit prices; Anthropic "Pricing" and "Service tiers" (read 2026-09) for the rules
        it does not know: batch, region, fast mode, web search.
Units:  dollars, Decimal, exact; prices are per token.
Quirk:  the package prices whole calls and charges big ones by a higher tier, so a day's sum comes out up
        to five times too high. It is asked for the price of a handful of tokens, and we multiply.
        Haiku 5.5 costs five times as much in calls with more than 100k tokens of prompt, which usage does
        not show: its estimate is the lower bound, and the bill settles it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from genai_prices import Usage, calc_price

from exporter.money import ZERO

Kind = Literal["uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output"]
KINDS: tuple[Kind, ...] = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output")

HANDFUL = 1_000  # tokens asked for: far below every tier, and a power of ten, so the division is exact
BATCH = Decimal("0.5")
US_REGION = Decimal("1.1")
FAST = Decimal(2)
WEB_SEARCH = Decimal("0.01")  # ten dollars a thousand, no discount in batches
PRICED_TIERS = {"standard": Decimal(1), "batch": BATCH}
"""Priority capacity is billed apart and the flex tiers have no public price: those stay unpriced."""

SAME_PRICE = {"claude-mythos-5": "claude-fable-5", "claude-mythos-5-1": "claude-fable-5-1"}
"""Models the package lacks, priced as their twin (2026-11, genai-prices 0.2.3)."""

OVERRIDES: tuple[tuple[str, Kind, date, Decimal], ...] = (
    # (model, kind, first day the package is right, dollars per token before that day)
    ("claude-sonnet-5-5", "cache_read", date(2026, 10, 7), Decimal("0.00000020")),
)
"""Where the package disagrees with the published prices, each with the day until which it does."""

NO_REGION_PREMIUM = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[0-5])?$)")
"""Models before Claude 4.6; the premium for `us` came with that generation."""

FAST_MODELS = frozenset(
    {"claude-opus-5-5", "claude-opus-5", "claude-opus-4-8", "claude-fable-5-2", "claude-mythos-5-2"}
)
"""Where fast mode has a published price. Elsewhere it was withdrawn or never offered: unpriced."""

_DATED = re.compile(r"-\d{8}$")


def estimate(
    tokens: Mapping[Kind, int],
    web_searches: int,
    *,
    model: str,
    tier: str,
    geo: str,
    speed: str,
    on: date,
) -> Decimal | None:
    """Return what a line of usage costs by list price, in dollars.

    None when any of its tokens has no known price: unknown is not zero.
    """
    cost = WEB_SEARCH * web_searches
    factor = _factor(model, tier, geo, speed)
    for kind, count in tokens.items():
        if count == 0:
            continue
        price = unit_price(model, kind, on)
        if price is None or factor is None:
            return None
        cost += price * factor * count
    return cost


@lru_cache(maxsize=4_096)
def unit_price(model: str, kind: Kind, on: date) -> Decimal | None:
    """Return the standard list price of one token in dollars on a UTC day; None for an unknown model.

    Standard means: not batch, not fast, no region asked for.
    """
    plain = _plain(model)
    for name, what, until, earlier in OVERRIDES:
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
    price = found.total_price / HANDFUL
    return price if price > ZERO else None  # a price of nothing means the package knows none


def _factor(model: str, tier: str, geo: str, speed: str) -> Decimal | None:
    """Return what multiplies the standard price; None when a part of it has no published price."""
    factor = PRICED_TIERS.get(tier)
    if factor is None:
        return None
    if geo == "us":
        factor *= Decimal(1) if NO_REGION_PREMIUM.match(_plain(model)) else US_REGION
    elif geo not in ("global", "not_available"):
        return None
    if speed == "fast":
        return factor * FAST if tier == "standard" and _plain(model) in FAST_MODELS else None
    return factor if speed == "standard" else None


def _plain(model: str) -> str:
    """Return the model id without a trailing date of eight digits."""
    return _DATED.sub("", model)
