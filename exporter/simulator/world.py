"""The world behind the simulated services: three books, one clock, and stories that move them.

A world made by hand is empty and stands still: a test adds what it needs. A seeded world has a past
and goes on by itself; everything in it follows from the seed, the moment it began, and `now`.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Protocol

from exporter.simulator.anthropic import book as anthropic
from exporter.simulator.anthropic.memory import UsageMemory
from exporter.simulator.clock import Clock, real_clock
from exporter.simulator.kalshi.account import Account
from exporter.simulator.sales import book as sales


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
