"""Average cost and first in, first out: the same money, moved between realised and unrealised."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given

from exporter.ledger.trading.lots import AverageCost, FirstInFirstOut, LotRule
from exporter.ledger.trading.positions import replay
from exporter.records import Fill, Settlement
from tests.builders import NOW, fill
from tests.ledger.trading.test_positions import markets

FILLS = [
    fill("buy yes 10 @ 0.20", at=NOW),
    fill("buy yes 10 @ 0.60", at=NOW + timedelta(seconds=1)),
    fill("buy no 5 @ 0.50", at=NOW + timedelta(seconds=2)),
]


@pytest.mark.parametrize(
    ("rule", "realised", "cost"), [("average", "0.50", "6.00"), ("fifo", "1.50", "7.00")]
)
def test_rules_differ_only_while_the_position_is_open(rule: LotRule, realised: str, cost: str) -> None:
    """Five of twenty sold at 0.50: at 0.40 each on average, at 0.20 each when the oldest go first."""
    book, _ = replay("M", FILLS, rule)
    assert (book.realised, book.cost) == (Decimal(realised), Decimal(cost))


def test_a_close_may_consume_several_lots_and_part_of_one() -> None:
    """Twelve contracts: all of the first lot and two of the second."""
    lots = FirstInFirstOut()
    lots.add(Decimal(10), Decimal("0.20"))
    lots.add(Decimal(10), Decimal("0.60"))
    assert lots.take(Decimal(12), Decimal(20)) == Decimal("3.20")
    assert lots.cost == Decimal("4.80")
    assert lots.take(Decimal(8), Decimal(8)) == Decimal("4.80")
    assert lots.cost == 0


def test_average_cost_gives_the_rounding_back_with_the_last_contract() -> None:
    """A third rounded down twice leaves the rest to the third."""
    lots = AverageCost()
    lots.add(Decimal(3), Decimal("0.3333333"))
    parts = [lots.take(Decimal(1), Decimal(held)) for held in (3, 2, 1)]
    assert sum(parts) == Decimal("0.9999999")
    assert lots.cost == 0


@given(markets())
def test_sum_of_realised_and_open_cost_is_the_same_by_both_rules(
    market: tuple[list[Fill], Settlement],
) -> None:
    """Realised minus open cost is what the fills moved in cash; no rule can change it."""
    fills, row = market
    average, _ = replay("M", fills, "average")
    fifo, _ = replay("M", fills, "fifo")
    assert average.realised - average.cost == fifo.realised - fifo.cost
    assert (average.other.cost, fifo.other.cost) == (fifo.cost, average.cost)
    settled = [replay("M", [*fills, row], rule)[0].realised for rule in ("average", "fifo")]
    assert settled[0] == settled[1]
