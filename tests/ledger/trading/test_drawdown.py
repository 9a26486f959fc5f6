"""The tree of hours grows as time goes on, and what was asked before stays right."""

from __future__ import annotations

from decimal import Decimal

from exporter.ledger.trading.drawdown import HOUR_US, Drawdown


def test_asked_again_after_a_long_time_it_knows_the_old_falls() -> None:
    """A fall of 5, then years later one of 3: the deepest since the beginning is the old one."""
    drawdown = Drawdown()
    drawdown.add(1 * HOUR_US, Decimal(10))
    drawdown.add(2 * HOUR_US, Decimal(-5))
    assert drawdown.since(0) == 5
    drawdown.add(100_000 * HOUR_US, Decimal(-3))
    assert drawdown.since(0) == 8
    assert drawdown.since(50_000 * HOUR_US) == 3
    assert drawdown.since(200_000 * HOUR_US) == 0
