"""The past and the present of a seeded world: one story per service."""

from __future__ import annotations

from exporter.simulator.anthropic.story import Spending
from exporter.simulator.kalshi.story import Trading
from exporter.simulator.sales.story import Selling
from exporter.simulator.world import World


def begin(world: World, seed: int, *, speed: float, days: int) -> World:
    """Give `world` its past up to now, and the stories that carry it on; return it."""
    start = world.clock()
    world.stories = [
        Trading(world.kalshi, seed, start, days, speed),
        Spending(world.anthropic, seed, start, days, speed),
        Selling(world.sales, seed, start, days, speed),
    ]
    return world
