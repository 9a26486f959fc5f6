"""The two ways to say what a partial close has cost: average cost, and first in first out.

The venue does not publish which one its `realized_pnl` follows. Both agree again once a position is
flat or settled, so only an account with open, partly closed positions can tell them apart.

Units:  dollars and contracts, Decimal; `count` is positive, `price` is that of the side held.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from exporter.simulator.kalshi.fees import MICRO
from exporter.simulator.kalshi.market import ZERO

RULES = ("average", "fifo")


@dataclass(slots=True)
class AverageCost:
    """Every contract held has cost the same; a share is rounded half-even to 0.000001."""

    cost: Decimal = ZERO
    realised: Decimal = ZERO
    held: Decimal = ZERO

    def open(self, count: Decimal, price: Decimal) -> None:
        """Add contracts."""
        self.cost += count * price
        self.held += count

    def close(self, count: Decimal, proceeds: Decimal) -> Decimal:
        """Take `count` contracts out for `proceeds` dollars in all; return what that realised."""
        share = self.cost
        if count != self.held:  # the last contract takes the rest, rounding included
            share = (self.cost * count / self.held).quantize(MICRO, ROUND_HALF_EVEN)
        self.cost -= share
        self.held -= count
        self.realised += proceeds - share
        return proceeds - share


@dataclass(slots=True)
class FirstInFirstOut:
    """The oldest contracts leave first, each at its own cost."""

    cost: Decimal = ZERO
    realised: Decimal = ZERO
    lots: deque[tuple[Decimal, Decimal]] = field(default_factory=deque)

    def open(self, count: Decimal, price: Decimal) -> None:
        """Add contracts."""
        self.lots.append((count, price))
        self.cost += count * price

    def close(self, count: Decimal, proceeds: Decimal) -> Decimal:
        """Take `count` contracts out for `proceeds` dollars in all; return what that realised."""
        share = ZERO
        while count:
            number, price = self.lots.popleft()
            taken = min(number, count)
            if taken < number:
                self.lots.appendleft((number - taken, price))
            share += taken * price
            count -= taken
        self.cost -= share
        self.realised += proceeds - share
        return proceeds - share


Book = AverageCost | FirstInFirstOut
