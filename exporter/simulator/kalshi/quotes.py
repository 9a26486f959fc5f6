"""Quotes that wander: a pure function of a seed and the time.

A real random walk needs its past; a demo that is asked at any moment, twice or never, does not have
one. So the price is a sum of smooth noises of different periods: it moves every second, returns to
its centre, stays within bounds, and is the same whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exporter.simulator.kalshi.market import Quote

# (period in seconds, amplitude in dollars): a restless cent on top of slow tides.
OCTAVES = ((1.0, 0.008), (11.0, 0.015), (61.0, 0.025), (397.0, 0.05), (3001.0, 0.07))
LOWEST, HIGHEST = 0.03, 0.97
MASK = (1 << 64) - 1


def noise(seed: int, step: int) -> float:
    """Return an even-handed number in [-1, 1) for a lattice point (splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return (z ^ (z >> 31)) / (1 << 63) - 1.0


@dataclass(frozen=True, slots=True)
class Walk:
    """The wandering quote of one market around `centre` dollars."""

    seed: int
    centre: float
    tick: Decimal = Decimal("0.01")
    spread: int = 2  # ticks between bid and ask

    def __call__(self, now: datetime) -> Quote:
        """Return the quote at `now`."""
        steps = round(self.middle(now.timestamp()) / float(self.tick) - self.spread / 2)
        bid = self.tick * steps
        ask = bid + self.tick * self.spread
        size = Decimal(round(60 + 50 * noise(self.seed, int(now.timestamp())), 2)).quantize(Decimal("0.01"))
        return Quote(bid, ask, size, size + 12, bid + self.tick * (self.spread // 2))

    def middle(self, seconds: float) -> float:
        """Return the price between bid and ask in dollars, before rounding to ticks."""
        price = self.centre
        for number, (period, amplitude) in enumerate(OCTAVES):
            step, part = divmod(seconds / period, 1.0)
            left = noise(self.seed + number, int(step))
            right = noise(self.seed + number, int(step) + 1)
            price += amplitude * (left + (right - left) * part * part * (3 - 2 * part))
        return min(max(price, LOWEST), HIGHEST)
