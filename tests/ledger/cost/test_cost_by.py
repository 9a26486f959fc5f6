"""Cost by model, workspace, kind, tier and key: parts that sum to what they are parts of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger.cost.cost_by import DIMENSIONS, NONE, CostBy, cost_by, cost_parts
from exporter.ledger.cost.day import CostDay
from exporter.records import BilledDay, BilledLine, KeyUsage, KeyUsageLine, UsageHour
from tests.builders import NOW, bill, usage

DAY = NOW.date() - timedelta(days=2)
MIDNIGHT = NOW.replace(hour=0) - timedelta(days=2)


def billed(amount: str, **said: str) -> BilledLine:
    known = {
        "workspace": "default",
        "model": "claude-a",
        "tier": "standard",
        "context_window": "0-200k",
        "token_type": "output_tokens",
        "cost_type": "tokens",
    }
    return BilledLine(description=repr((amount, said)), amount=Decimal(amount), **(known | said))


def by_key(key: str, output: int = 0, searches: int = 0, **said: str) -> KeyUsageLine:
    known = {
        "workspace": "default",
        "model": "claude-a",
        "tier": "standard",
        "context_window": "0-200k",
    }
    return KeyUsageLine(
        api_key=key,
        uncached_input=0,
        cache_write_5m=0,
        cache_write_1h=0,
        cache_read=0,
        output=output,
        web_searches=searches,
        **(known | said),
    )


def day(
    *lines: BilledLine, keys: tuple[KeyUsageLine, ...] = (), hours: tuple[UsageHour, ...] = ()
) -> CostDay:
    found = CostDay(DAY)
    for hour in hours:
        found.take(hour)
    if lines:
        found.take(BilledDay(source="anthropic", day=DAY, lines=lines))
    found.take(KeyUsage(source="anthropic", day=DAY, lines=keys))
    return found


def sums(found: CostBy) -> set[Decimal]:
    return {sum(found.by[name].values(), Decimal(0)) for name in DIMENSIONS}


def test_a_bill_is_told_apart_in_the_words_of_usage() -> None:
    """Kinds of token are translated; a cost type, known or not, is money under its own name."""
    found = cost_by(
        day(
            billed("1"),
            billed("2", token_type="cache_creation.ephemeral_1h_input_tokens", tier="batch"),
            billed("4", model="", tier="", token_type="", cost_type="web_search", workspace="wrkspc_1"),
            billed("8", model="", tier="", token_type="", cost_type="agent_memory"),
        )
    )
    assert found.by["kind"] == {"output": 1, "cache_write_1h": 2, "web_search": 4, "agent_memory": 8}
    assert found.by["model"] == {"claude-a": 3, "none": 12}
    assert found.by["tier"] == {"standard": 1, "batch": 2, "none": 12}
    assert found.by["workspace"] == {"default": 11, "wrkspc_1": 4}
    assert sums(found) == {Decimal(15)}


def test_a_line_goes_to_the_keys_by_the_tokens_they_used_of_the_same() -> None:
    """Of another window, tier, model or workspace does not count; what nobody used is unallocated."""
    found = cost_by(
        day(
            billed("9"),
            billed("1", context_window="200k-1M"),
            billed("5", tier="batch"),
            billed("0.30", model="", tier="", token_type="", cost_type="web_search"),
            keys=(
                by_key("apikey_1", output=200, searches=1),
                by_key("apikey_2", output=100, searches=2),
                by_key("", output=50, context_window="200k-1M"),
            ),
        )
    )
    assert found.by["api_key"] == {
        "apikey_1": Decimal("6.10"),
        "apikey_2": Decimal("3.20"),
        "none": 1,
        "unallocated": 5,
    }
    assert sums(found) == {Decimal("15.30")}


def test_without_usage_by_key_nothing_is_allocated() -> None:
    """Unknown is not nobody."""
    assert cost_by(day(billed("9"))).by["api_key"] == {"unallocated": 9}


def test_an_estimated_day_is_told_apart_by_its_usage() -> None:
    """By kind where the estimate says so; hours outside the span do not count."""
    early, late = usage(MIDNIGHT, "1.00"), usage(MIDNIGHT + timedelta(hours=5), "3.00")
    split = replace(
        late.lines[0], costs=(("output", Decimal("2.5")), ("web_search", Decimal("0.5"))), web_searches=50
    )
    found = day(hours=(early, replace(late, lines=(split, replace(split, cost=None, costs=())))))
    assert cost_by(found).by["kind"] == {"tokens": 1, "output": Decimal("2.5"), "web_search": Decimal("0.5")}
    assert sums(cost_by(found, 1)) == {Decimal(3)}
    assert sums(cost_by(found, 0, 5)) == {Decimal(1)}


amounts = st.integers(-(10**6), 10**9).map(lambda units: Decimal(units) / 10**8)


@given(
    lines=st.lists(
        st.tuples(amounts, st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from(["", "o"])),
        min_size=1,
        max_size=8,
    ),
    tokens=st.lists(
        st.tuples(st.sampled_from("pqr"), st.integers(0, 10**9), st.sampled_from("xyz")), max_size=6
    ),
    costs=st.lists(st.tuples(st.integers(0, 23), amounts), max_size=5),
    cut=st.integers(0, 24),
)
def test_parts_always_sum_to_the_hours_they_are_of(
    lines: list[tuple[Decimal, str, str, str]],
    tokens: list[tuple[str, int, str]],
    costs: list[tuple[int, Decimal]],
    cut: int,
) -> None:
    """Every dimension, before and after any cut, to the last digit; credits included."""
    found = day(
        *(
            billed(str(amount), workspace=workspace, model=model, token_type=kind)
            for amount, workspace, model, kind in lines
        ),
        keys=tuple(by_key(key, output=count, model=model, workspace="a") for key, count, model in tokens),
        hours=tuple(usage(MIDNIGHT + timedelta(hours=hour), str(cost)) for hour, cost in costs),
    )
    before, after = cost_by(found, 0, cut), cost_by(found, cut)
    assert sums(before) == {found.cost(0, cut)}
    assert sums(after) == {found.cost(cut)}
    assert before.total + after.total == found.cost()


def test_a_share_of_what_no_part_is_known_of_belongs_to_none() -> None:
    """The parts sum to the share all the same."""
    share = CostBy().scaled(Decimal("1.50"))
    assert share.total == Decimal("1.50")
    assert all(by == {NONE: Decimal("1.50")} for by in share.by.values())


def test_the_parts_of_a_day_on_both_sides_of_a_cut_are_the_day() -> None:
    """Bill, estimate and tokens: an edge within an hour shares it, one ahead of now waits with what comes."""
    day = CostDay(NOW.date() - timedelta(days=3))
    for hour in range(24):
        day.take(usage(day.start + timedelta(hours=hour), "0.33"))
    day.take(usage(day.start, None, model="unpriced"))
    for billed in (None, bill(day.day, "10")):
        if billed is not None:
            day.take(billed)
        edge = day.start + timedelta(hours=18, minutes=30)
        sides = [cost_parts(day, day.start, edge, NOW), cost_parts(day, edge, day.end, NOW)]
        parts = [part for side in sides for part in side.values()]
        whole = cost_parts(day, day.start, day.end, NOW).values()
        assert sum(part.billed for part in parts) == sum(part.billed for part in whole) == day.cost_billed()
        assert sum(part.estimated for part in parts) == sum(part.estimated for part in whole)
        assert sum(part.estimated for part in whole) == day.cost_estimated()
        assert sum(part.unpriced for part in whole) == 1000
        # Nobody knows which half of the hour that is cut had its tokens.
        assert sum(part.quantity for part in parts) == sum(part.quantity for part in whole) - 1000
    running = cost_parts(day, day.start, day.end, day.start + timedelta(hours=2))
    assert sum(part.quantity for part in running.values()) == 3_000
    assert cost_parts(day, day.end, day.end + timedelta(days=1), NOW) == {}
