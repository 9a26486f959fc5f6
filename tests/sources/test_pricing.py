"""List prices: the published table, the rules on top of it, and what has no price."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from exporter.sources.pricing import KINDS, OVERRIDES, SAME_PRICE, Kind, estimate, unit_price

D = Decimal
TODAY = date(2026, 11, 22)
MILLION = 1_000_000

# Dollars per million tokens: input, output, write for 5 minutes, write for 1 hour, read, batch in, batch out.
TABLE = """
claude-fable-5-2            8     40    10     16    0.20   4     20
claude-mythos-5-2           8     40    10     16    0.20   4     20
claude-fable-5-1            10    50    12.50  20    0.25   5     25
claude-mythos-5-1           10    50    12.50  20    0.25   5     25
claude-fable-5              10    50    12.50  20    1.00   5     25
claude-mythos-5             10    50    12.50  20    1.00   5     25
claude-opus-5-5             4     20    5      8     0.20   2     10
claude-opus-5               5     25    6.25   10    0.50   2.50  12.50
claude-opus-4-8             5     25    6.25   10    0.50   2.50  12.50
claude-opus-4-7             5     25    6.25   10    0.50   2.50  12.50
claude-opus-4-6             5     25    6.25   10    0.50   2.50  12.50
claude-opus-4-5-20251101    5     25    6.25   10    0.50   2.50  12.50
claude-opus-4-1-20250805    15    75    18.75  30    1.50   7.50  37.50
claude-opus-4-20250514      15    75    18.75  30    1.50   7.50  37.50
claude-sonnet-5-5           2     10    2.50   4     0.10   1     5
claude-sonnet-5             2     10    2.50   4     0.20   1     5
claude-sonnet-4-6           3     15    3.75   6     0.30   1.50  7.50
claude-sonnet-4-5-20250929  3     15    3.75   6     0.30   1.50  7.50
claude-sonnet-4-20250514    3     15    3.75   6     0.30   1.50  7.50
claude-haiku-5-5            0.10  0.50  0.125  0.20  0.01   0.05  0.25
claude-haiku-4-5-20251001   1     5     1.25   2     0.10   0.50  2.50
claude-3-5-haiku-20241022   0.80  4     1      1.60  0.08   0.40  2
"""
ROWS = [(line.split()[0], [D(price) for price in line.split()[1:]]) for line in TABLE.strip().splitlines()]
ORDER: tuple[Kind, ...] = ("uncached_input", "output", "cache_write_5m", "cache_write_1h", "cache_read")


def cost(
    kind: Kind = "uncached_input",
    count: int = MILLION,
    *,
    model: str = "claude-opus-5-5",
    tier: str = "standard",
    geo: str = "global",
    speed: str = "standard",
    searches: int = 0,
    on: date = TODAY,
) -> Decimal | None:
    """Return the estimate of one kind of tokens; a million of them unless said otherwise."""
    return estimate({kind: count}, searches, model=model, tier=tier, geo=geo, speed=speed, on=on)


@pytest.mark.parametrize(("model", "prices"), ROWS)
def test_every_published_price_is_ours(model: str, prices: list[Decimal]) -> None:
    """The package, with our few corrections, agrees with the published table to the last digit."""
    assert [cost(kind, model=model) for kind in ORDER] == prices[:5]
    assert cost("uncached_input", model=model, tier="batch") == prices[5]
    assert cost("output", model=model, tier="batch") == prices[6]


@pytest.mark.parametrize(("model", "prices"), ROWS)
def test_a_batch_costs_half_on_any_day(model: str, prices: list[Decimal]) -> None:
    """The package knows batch prices from October 2026 on only; half is half before, too."""
    for kind in KINDS:
        full = cost(kind, model=model, on=date(2026, 11, 1))
        assert full is not None
        assert cost(kind, model=model, tier="batch", on=date(2026, 11, 1)) == full / 2
    assert cost("uncached_input", model=model, tier="batch", on=date(2026, 10, 1)) == prices[5]


def test_many_tokens_cost_many_times_one() -> None:
    """A day's sum is no call: it must not reach the higher prices for big calls."""
    assert cost(count=5_000 * MILLION, model="claude-haiku-5-5") == D(500)
    assert cost(count=5 * MILLION, model="claude-sonnet-4-5") == D(15)


def test_sonnet_reads_were_dearer_until_october() -> None:
    """The package does not keep the price before 2026-10-07; we do."""
    assert cost("cache_read", model="claude-sonnet-5-5", on=date(2026, 10, 6)) == D("0.20")
    assert cost("cache_read", model="claude-sonnet-5-5", on=date(2026, 10, 7)) == D("0.10")
    assert cost("cache_read", model="claude-sonnet-5-5-20260928", on=date(2026, 10, 6)) == D("0.20")


@pytest.mark.parametrize(("name", "kind", "until", "earlier"), OVERRIDES)
def test_every_correction_is_still_needed(name: str, kind: Kind, until: date, earlier: Decimal) -> None:
    """A correction repeats nothing that the package says by itself after the day it ends."""
    assert unit_price(name, kind, until) != earlier


def test_a_date_behind_the_name_changes_nothing() -> None:
    """Reports give the dated id or the alias."""
    for name in ("claude-opus-5-5-20260922", "claude-opus-4-5", "claude-opus-4-1", *SAME_PRICE):
        assert unit_price(name, "output", TODAY) is not None
    assert unit_price("claude-mythos-5-1-20260801", "cache_read", TODAY) == D("0.25") / MILLION


@pytest.mark.parametrize("model", ["claude-opus-9", "claude-opus-5-6", "gpt-4o", "unknown", "", "claude"])
def test_an_unknown_model_has_no_price(model: str) -> None:
    """Unknown is not free."""
    assert cost(model=model) is None
    assert cost(model=model, searches=5) is None


@pytest.mark.parametrize("tier", ["priority", "priority_on_demand", "flex", "flex_discount", "new"])
def test_a_tier_without_public_price_has_none(tier: str) -> None:
    """Priority is billed apart; flex has no price that anybody published."""
    assert cost(tier=tier) is None


def test_no_tokens_cost_nothing_even_without_price() -> None:
    """What was not used needs no price."""
    assert cost(count=0, model="unknown") == 0
    assert cost(count=0, tier="flex", searches=3) == D("0.03")


@pytest.mark.parametrize(
    ("model", "factor"),
    [
        ("claude-opus-4-6", D("1.1")), ("claude-sonnet-4-6", D("1.1")), ("claude-opus-5-5", D("1.1")),
        ("claude-haiku-5-5", D("1.1")), ("claude-fable-5", D("1.1")), ("claude-mythos-5-1", D("1.1")),
        ("claude-opus-4-5-20251101", D(1)), ("claude-opus-4-1", D(1)), ("claude-sonnet-4-20250514", D(1)),
        ("claude-haiku-4-5-20251001", D(1)), ("claude-3-5-haiku-20241022", D(1)),
    ],
)  # fmt: skip
def test_the_us_region_costs_a_tenth_more_from_claude_4_6_on(model: str, factor: Decimal) -> None:
    """The premium is on every kind of token of the newer models."""
    for kind in KINDS:
        usual = cost(kind, model=model)
        assert usual is not None
        assert cost(kind, model=model, geo="us") == usual * factor
        assert cost(kind, model=model, geo="not_available") == usual


def test_an_unknown_region_has_no_price() -> None:
    """A region we have not heard of may have its own premium."""
    assert cost(geo="eu") is None


@pytest.mark.parametrize(
    ("model", "price_in", "price_out"),
    [("claude-opus-5-5", 8, 40), ("claude-opus-5", 10, 50), ("claude-opus-4-8", 10, 50),
     ("claude-fable-5-2", 16, 80), ("claude-mythos-5-2", 16, 80)],
)  # fmt: skip
def test_fast_mode_costs_double(model: str, price_in: int, price_out: int) -> None:
    """Fast mode has published prices for a few models."""
    assert cost(model=model, speed="fast") == price_in
    assert cost("output", model=model, speed="fast") == price_out


def test_fast_mode_without_published_price_has_none() -> None:
    """It was withdrawn for some models, never offered for others, and does not go with batches."""
    assert cost(model="claude-opus-4-7", speed="fast") is None
    assert cost(model="claude-sonnet-5-5", speed="fast") is None
    assert cost(tier="batch", speed="fast") is None
    assert cost(speed="warp") is None


def test_factors_stack() -> None:
    """A batch in the US costs half of a tenth more; so does fast mode, doubled."""
    assert cost("cache_read", tier="batch", geo="us") == D("0.20") * D("0.55")
    assert cost("cache_read", speed="fast", geo="us") == D("0.20") * D("2.2")


def test_a_search_costs_a_cent_whatever_the_tier() -> None:
    """Ten dollars a thousand, without discount or premium."""
    assert cost(count=0, searches=1_000) == D(10)
    assert cost(count=0, searches=37, tier="batch", geo="us") == D("0.37")


def test_an_estimate_is_exact() -> None:
    """One token of a kind costs its unit price; nothing is rounded on the way."""
    assert cost("cache_read", 1, model="claude-haiku-5-5", tier="batch", geo="us") == D("0.0000000055")
