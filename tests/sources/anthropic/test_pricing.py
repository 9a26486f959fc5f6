"""List prices: the published table, the rules on top of it, and what has no price."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from exporter.sources.anthropic.pricing import (
    CORRECTIONS,
    EVERY_KIND,
    KINDS,
    LONG_PROMPT,
    LONG_WINDOW,
    SAME_PRICE,
    Estimate,
    Kind,
    Override,
    Prices,
)
from exporter.sources.anthropic.settings import PRICE_KINDS

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
    worth = Prices().estimate({kind: count}, searches, model=model, tier=tier, geo=geo, speed=speed, on=on)
    return None if worth is None else worth.low


def unit_price(model: str, kind: Kind, on: date) -> Decimal | None:
    return Prices().unit(model, kind, on)


def line(
    model: str = "claude-opus-5-5",
    prices: Prices | None = None,
    window: str = "",
    on: date = TODAY,
    **tokens: int,
) -> Estimate | None:
    """Return the estimate of a line of several kinds of tokens."""
    counts: dict[Kind, int] = {kind: tokens.get(kind, 0) for kind in KINDS}
    return (prices or Prices()).estimate(
        counts,
        tokens.get("searches", 0),
        model=model,
        tier="standard",
        geo="global",
        speed="standard",
        on=on,
        context_window=window,
    )


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


@pytest.mark.parametrize(("name", "kind", "until", "earlier"), CORRECTIONS)
def test_every_correction_is_still_needed(name: str, kind: Kind, until: date, earlier: Decimal) -> None:
    """A correction repeats nothing that the package says by itself after the day it ends."""
    assert unit_price(name, kind, until) != earlier


def test_a_date_behind_the_name_changes_nothing() -> None:
    """Reports give the dated id or the alias."""
    for name in ("claude-opus-5-5-20260922", "claude-opus-4-5", "claude-opus-4-1", *SAME_PRICE):
        assert unit_price(name, "output", TODAY) is not None
    assert unit_price("claude-mythos-5-1-20260801", "cache_read", TODAY) == D("0.25") / MILLION


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-9", "claude-opus-5-6", "gpt-4o", "unknown", "", "claude",
        "claude-opus-4-10", "claude-opus-4-8-turbo", "claude-sonnet-4-6-fast", "claude-haiku-4-55",
    ],
)  # fmt: skip
def test_an_unknown_model_has_no_price(model: str) -> None:
    """Unknown is not free, and a name that only begins like a known one is unknown."""
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


def test_fast_mode_of_a_model_ends_with_its_last_day() -> None:
    """Opus 4.8 loses fast mode at the end of November; what is called that later has no known price."""
    assert cost(model="claude-opus-4-8", speed="fast", on=date(2026, 11, 30)) == 10
    assert cost(model="claude-opus-4-8", speed="fast", on=date(2026, 12, 1)) is None
    assert cost(model="claude-opus-4-8", on=date(2026, 12, 1)) == 5


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


# The parts of an estimate.


def test_an_estimate_is_told_by_kind() -> None:
    """Tokens of each kind and searches, and together they are the cost."""
    worth = line(
        uncached_input=MILLION, cache_write_5m=MILLION, cache_write_1h=MILLION, cache_read=MILLION,
        output=MILLION, searches=7,
    )  # fmt: skip
    assert worth is not None
    assert dict(worth.kinds) == {
        "uncached_input": 4, "cache_write_5m": 5, "cache_write_1h": 8, "cache_read": D("0.20"), "output": 20,
        "web_search": D("0.07"),
    }  # fmt: skip
    assert sum(cost for _, cost in worth.kinds) == worth.low == worth.high == D("37.27")


def test_what_the_cache_saved_is_the_price_without_it_less_the_price_with_it() -> None:
    """Every token of the prompt would have been input; a cache that is only written to costs money."""
    read = line(cache_read=MILLION, output=MILLION, searches=7)
    assert read is not None
    assert (read.uncached, read.low) == (D("24.07"), D("20.27"))
    written = line(cache_write_1h=MILLION)
    assert written is not None
    assert (written.uncached, written.low) == (4, 8)


# A price that depends on what usage does not show.


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-haiku-5-5-20261007"])
def test_long_prompts_make_a_range(model: str) -> None:
    """Whether calls had more than 100k tokens of prompt is not reported; searches cost the same anyhow."""
    worth = line(model, uncached_input=5 * MILLION, cache_read=MILLION, output=2 * MILLION, searches=3)
    assert worth is not None
    assert (worth.low, worth.high) == (D("1.54"), D("7.58"))
    assert sum(cost for _, cost in worth.kinds) == worth.low
    assert worth.uncached == D("1.63")


def test_calls_that_together_stay_below_the_limit_are_certain() -> None:
    """No prompt of an hour is longer than all of them; what is written does not count."""
    limit, _ = LONG_PROMPT["claude-haiku-5-5"]
    within = line("claude-haiku-5-5", uncached_input=limit - 1, cache_read=1, output=MILLION)
    beyond = line("claude-haiku-5-5", uncached_input=limit - 1, cache_read=2, output=MILLION)
    assert within is not None
    assert beyond is not None
    assert within.low == within.high
    assert beyond.low < beyond.high == 5 * beyond.low


def test_a_window_of_long_prompts_is_certain_too() -> None:
    """Above 200k is above 100k; below 200k says nothing."""
    long = line("claude-haiku-5-5", window=LONG_WINDOW, output=MILLION, uncached_input=MILLION)
    short = line("claude-haiku-5-5", window="0-200k", output=MILLION, uncached_input=MILLION)
    assert long is not None
    assert short is not None
    assert (long.low, long.high, long.uncached) == (3, 3, 3)
    assert sum(cost for _, cost in long.kinds) == 3
    assert (short.low, short.high) == (D("0.60"), 3)


def test_other_models_have_one_price_whatever_the_length() -> None:
    """From 4.6 on a long prompt costs no more a token."""
    worth = line("claude-sonnet-5-5", uncached_input=9 * MILLION)
    assert worth is not None
    assert worth.low == worth.high == 18


# Prices that the settings state.


def stated(*entries: str) -> Prices:
    """Return prices with overrides written as model, kind, first day and dollars."""
    rows = [entry.split() for entry in entries]
    return Prices([Override(m, kind, date.fromisoformat(day), D(price)) for m, kind, day, price in rows])


def test_a_stated_price_makes_an_unknown_model_known() -> None:
    """`all` is every kind but those with a price of their own, whichever comes first."""
    prices = stated("claude-nova-1 output 2026-11-01 30", "claude-nova-1 all 2026-11-01 6")
    worth = line("claude-nova-1-20261030", prices, uncached_input=MILLION, cache_read=MILLION, output=MILLION)
    assert worth is not None
    assert dict(worth.kinds) == {"uncached_input": 6, "cache_read": 6, "output": 30}
    assert line("claude-nova-1", prices, on=date(2026, 10, 31), output=1) is None
    assert line("claude-nova-12", prices, output=1) is None


def test_a_kind_nobody_stated_stays_unknown() -> None:
    """Half a price list prices what it lists; what the cache saved is unknown without a price of input."""
    prices = stated("claude-nova-1 cache_read 2026-11-01 1")
    assert line("claude-nova-1", prices, output=1) is None
    read = line("claude-nova-1", prices, cache_read=MILLION)
    assert read is not None
    assert (read.low, read.uncached) == (1, None)


def test_the_newest_stated_price_of_a_day_counts() -> None:
    """A price changes on a UTC day and stays until the next change; the days before keep theirs."""
    prices = stated(
        "claude-opus-5-5 output 2026-11-10 18",
        "claude-opus-5-5 all 2026-11-20 7",
        "claude-opus-5-5 output 2026-11-01 19",
    )
    worth = [
        line(prices=prices, on=date(2026, *day), output=MILLION)
        for day in ((10, 31), (11, 1), (11, 10), (11, 20))
    ]
    assert [each and each.low for each in worth] == [20, 19, 18, 7]


def test_factors_apply_to_a_stated_price() -> None:
    """A batch in the US is half of a tenth more of whatever the price is."""
    worth = stated("claude-nova-1 all 2026-11-01 6").estimate(
        {"output": MILLION}, 0, model="claude-nova-1", tier="batch", geo="us", speed="standard", on=TODAY
    )
    assert worth is not None
    assert worth.low == D("3.3")


def test_settings_and_prices_know_the_same_kinds() -> None:
    """A kind that the settings accept is one that is priced."""
    assert set(PRICE_KINDS) == {*KINDS, EVERY_KIND}
