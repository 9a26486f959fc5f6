"""The past and the present of a seeded world: one story per service."""

from __future__ import annotations

from datetime import timedelta

from exporter.simulator.anthropic.story import Spending
from exporter.simulator.clock import Clock, real_clock
from exporter.simulator.kalshi.archive import Archive
from exporter.simulator.kalshi.crowd import Crowd
from exporter.simulator.kalshi.story import Trading
from exporter.simulator.sales.story import Selling
from exporter.simulator.world import World

YEAR = timedelta(days=365)


def begin(world: World, seed: int, *, speed: float, days: int) -> World:
    """Give `world` its past up to now, and the stories that carry it on; return it."""
    start = world.clock()
    world.stories = [
        Trading(world.kalshi, seed, start, days, speed),
        Spending(world.anthropic, seed, start, days, speed),
        Selling(world.sales, seed, start, days, speed),
    ]
    return world


def seeded(
    seed: int = 1,
    clock: Clock = real_clock,
    *,
    speed: float = 1.0,
    days: int = 45,
    fills: int = 0,
    span: timedelta = YEAR,
    retention: timedelta | None = None,
) -> World:
    """Return a world with `days` of past that goes on by itself, `speed` times as busy as usual.

    Before them lie `fills` more fills over `span`. With `retention` the venue's live lists go back
    only so far; without it nothing is archived.
    """
    world = begin(World(clock), seed, speed=speed, days=days)
    world.kalshi.archive = Archive(retention)
    if fills:
        world.kalshi.add_crowd(Crowd(fills, world.kalshi.opened - span, span, seed))
    return world
