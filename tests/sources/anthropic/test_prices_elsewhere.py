"""List prices against a second table that somebody else keeps from other evidence (model-prices)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import model_prices
import pytest

from exporter.sources.anthropic.pricing import FAST_MODELS, KINDS, LONG_PROMPT, Kind, Prices
from tests.sources.anthropic.test_pricing import ROWS

D = Decimal
MILLION = 1_000_000
DAYS = (date(2026, 10, 1), date(2026, 10, 6), date(2026, 10, 7), date(2026, 11, 22))
"""Before and after the prices of October changed, the day they did, and the day of the table."""

MODELS = [model for model, _ in ROWS]
TIERS = ("standard", "batch")
Case = tuple[str, str, Kind, date]

UNKNOWN_THERE = {
    "claude-fable-5-2": "of November 2026, after its last reading",
    "claude-mythos-5-2": "of November 2026, after its last reading",
}
"""Models that the other table lacks, and why."""

DIFFER: dict[Case, str] = {}
"""Prices in which the two differ, and why ours is kept: none, in November 2026."""


def ours(model: str, tier: str, kind: Kind, on: date, speed: str = "standard") -> Decimal | None:
    """Return our price of a million tokens, in dollars."""
    worth = Prices().estimate({kind: MILLION}, 0, model=model, tier=tier, geo="global", speed=speed, on=on)
    return None if worth is None else worth.low


def theirs(model: str, mode: str | None, kind: Kind, on: date) -> Decimal | None:
    """Return the other table's price of a million tokens, in dollars."""
    rates = model_prices.rates(model, at=f"{on}T12:00:00Z", mode=mode, provider="anthropic")
    return None if rates is None else of(rates, kind, rates.input, rates.cache_write_1h_multiple)


def of(rates: Any, kind: Kind, price_in: float, hour: float) -> Decimal:
    """Return the price of a kind; floats as they are written."""
    found = {
        "uncached_input": rates.input,
        "cache_write_5m": rates.cache_write,
        "cache_write_1h": None,
        "cache_read": rates.cache_read,
        "output": rates.output,
    }[kind]
    return D(str(price_in)) * D(str(hour)) if found is None else D(str(found))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tier", TIERS)
def test_two_tables_agree_but_for_known_differences(model: str, tier: str) -> None:
    """Each difference is listed with its reason; one that is no more fails too, so the list stays true."""
    for kind in KINDS:
        for on in DAYS:
            mine = ours(model, tier, kind, on)
            other = theirs(model, "batch" if tier == "batch" else None, kind, on)
            assert mine is not None
            assert (other is None) == (model in UNKNOWN_THERE)
            if other is not None:
                differs = (model, tier, kind, on) in DIFFER
                assert (mine != other) == differs, f"{kind} on {on}: {mine} here, {other} there"


@pytest.mark.parametrize("model", FAST_MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_two_tables_agree_on_fast_mode(model: str, kind: Kind) -> None:
    """Fast mode is priced apart there, and a factor here."""
    other = theirs(model, "fast", kind, DAYS[-1])
    assert (other is None) == (model in UNKNOWN_THERE)
    if other is not None:
        assert ours(model, "standard", kind, DAYS[-1], "fast") == other


def test_no_other_model_has_fast_mode() -> None:
    """What has no fast price there has none here."""
    fast = {model for model in MODELS if model_prices.rates(model, mode="fast", at="2026-11-22T12:00:00Z")}
    assert fast == FAST_MODELS.keys() - UNKNOWN_THERE.keys()


@pytest.mark.parametrize("model", MODELS)
def test_long_prompts_cost_more_where_both_say_so(model: str) -> None:
    """The limit and the factor are theirs, too, and no other model has a limit in force."""
    rates = model_prices.rates(model, at="2026-11-22T12:00:00Z", provider="anthropic")
    if rates is None:
        assert model in UNKNOWN_THERE
        return
    assert bool(rates.tiers) == (model in LONG_PROMPT)
    for tier in rates.tiers:
        limit, times = LONG_PROMPT[model]
        assert tier.above == limit
        for kind in KINDS:
            price = of(tier, kind, tier.input, rates.cache_write_1h_multiple)
            plain = ours(model, "standard", kind, DAYS[-1])
            assert plain is not None
            assert price == plain * times
