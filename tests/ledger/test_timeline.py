"""Amounts packed small, and exact all the same."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger.timeline import Timeline

EDGE = 2**31


@pytest.mark.parametrize("large", [EDGE - 1, EDGE, -EDGE + 1, -EDGE, 10**18 - 1])
def test_an_amount_that_needs_more_room_changes_no_other(large: int) -> None:
    """The first amount of more than nine digits makes room for all, at whatever exponent and place."""
    dice = random.Random(large)
    timeline, booked = Timeline(), list[tuple[int, Decimal]]()
    for number in range(200):
        digits = large if number == 100 else dice.randrange(-5_000, 5_000)
        at, amount = dice.randrange(1_000), Decimal(digits).scaleb(-dice.randrange(7))
        timeline.add(at, amount)
        booked.append((at, amount))
        if number % 10 == 0:
            start = dice.randrange(1_000)
            assert timeline.since("window", start) == sum(
                (amount for at, amount in booked if at >= start), Decimal(0)
            )
    assert timeline.total == sum((amount for _, amount in booked), Decimal(0))


def test_small_amounts_take_thirteen_bytes() -> None:
    """Of which a million are kept; a large one widens its own timeline alone."""
    timeline = Timeline()
    timeline.add(1, Decimal("0.45"))
    assert (timeline._times.itemsize, timeline._digits.itemsize, timeline._exponents.itemsize) == (8, 4, 1)
    timeline.add(2, Decimal("99999999.99"))
    assert timeline._digits.itemsize == 8
    assert timeline.total == Decimal("100000000.44")


AMOUNTS = st.decimals(-(10**36), 10**36, allow_nan=False, allow_infinity=False, places=24)


@given(
    st.lists(st.tuples(st.integers(0, 50), AMOUNTS), max_size=20),
    st.lists(st.tuples(st.integers(-1, 51), st.integers(0, 51)), min_size=1, max_size=20),
)
def test_a_window_is_what_is_dated_from_its_start_until_now(
    booked: list[tuple[int, Decimal]], moves: list[tuple[int, int]]
) -> None:
    """To the last digit, wherever now moves to, and whatever is booked in between."""
    timeline, there, waiting = Timeline(), list[tuple[int, Decimal]](), list(booked)
    for now, start in moves:
        for at, amount in waiting[:2]:
            timeline.add(at, amount)
            there.append((at, amount))
        del waiting[:2]
        timeline.until(now)
        counted = [(at, amount) for at, amount in there if at <= now]
        assert timeline.counted == sum(amount for _, amount in counted)
        assert timeline.since("w", start) == sum(amount for at, amount in counted if at >= start)
        assert timeline.total == sum(amount for _, amount in there)
        assert sum(timeline.ahead().values()) == timeline.total - timeline.counted


def test_what_was_taken_back_before_its_time_is_not_ahead() -> None:
    """A sale that is dated ahead and then void: nothing waits."""
    timeline = Timeline()
    timeline.until(5)
    timeline.add(9, Decimal(7))
    assert timeline.ahead() == {9: Decimal(7)}
    timeline.add(9, Decimal(-7))
    assert timeline.ahead() == {}


def test_the_first_amount_is_one_that_was_not_taken_back() -> None:
    """What came and went leaves no trace, whatever came after it."""
    timeline = Timeline()
    assert timeline.first() is None
    for at, amount in ((30, "1"), (10, "5"), (20, "2"), (10, "-5"), (20, "-2")):
        timeline.add(at, Decimal(amount))
    assert timeline.first() == 30
    timeline.add(30, Decimal(-1))
    assert timeline.first() is None
