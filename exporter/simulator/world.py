"""The world behind the simulated services: three books, one clock, and stories that move them.

A world made by hand is empty and stands still: a test adds what it needs. A seeded world has a past
and goes on by itself; everything in it follows from the seed, the moment it began, and `now`.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Protocol

from exporter.simulator.anthropic import book as anthropic
from exporter.simulator.anthropic.memory import UsageMemory
from exporter.simulator.clock import Clock, real_clock
from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.archive import Archive
from exporter.simulator.kalshi.crowd import Crowd
from exporter.simulator.sales import book as sales

YEAR = timedelta(days=365)


class Story(Protocol):
    """Something that happens in the world as time goes by."""

    def play(self, until: datetime) -> None:
        """Do everything that is due up to and including `until`, in the order of time."""


class World:
    """Books of the three services.

    The server reads them while it holds `lock`; hold it too when several changes belong together.
    """

    def __init__(self, clock: Clock = real_clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.kalshi = Account(clock)
        self.anthropic = anthropic.Book(clock)
        self.sales = sales.Book(clock)
        self.usage_memory = UsageMemory(self.anthropic)
        self.stories: list[Story] = []

    def advance(self) -> None:
        """Let everything happen that is due by now."""
        now = self.clock()
        with self.lock:
            for story in self.stories:
                story.play(now)


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
    from exporter.simulator.stories import begin  # the stories know the world, not the other way round

    world = begin(World(clock), seed, speed=speed, days=days)
    world.kalshi.archive = Archive(retention)
    if fills:
        world.kalshi.add_crowd(Crowd(fills, world.kalshi.opened - span, span, seed))
    return world
