"""Amounts packed small, and exact all the same."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from exporter.errors import LedgerError
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


def test_an_amount_beyond_eighteen_digits_is_refused_whole() -> None:
    """Nothing of it is added."""
    timeline = Timeline()
    with pytest.raises(LedgerError, match="more digits"):
        timeline.add(1, Decimal(2**63))
    assert (len(timeline), timeline.total) == (0, 0)
