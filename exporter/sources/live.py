"""What a live feed brings: quotes as they move, and word that a reading is worth asking for.

A feed adds speed and nothing else: whatever it brings, REST would have brought later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from exporter.records import Mark

Status = Literal["live", "connecting"]


@dataclass(frozen=True, slots=True)
class Changed:
    """Something REST should be asked about: `fill` (with its id), `market_position`, a turn in a market's
    life (`determined`, `settled`), or `connected`, after which anything may have been missed."""

    reason: str
    fill_id: str | None = None


@dataclass(frozen=True, slots=True)
class LiveNews:
    """What came since the last time: the newest quotes of each market that moved, and what changed."""

    status: Status
    marks: tuple[Mark, ...]
    changes: tuple[Changed, ...]


class LiveObserver(Protocol):
    """Who counts what a live feed does; every label comes from a short list."""

    def live_connected(self, source: str, connected: bool) -> None:
        """The feed is live, or no longer."""

    def live_frame(self, source: str, kind: str, at: datetime) -> None:
        """A frame of this type came."""

    def live_dropped(self, source: str, reason: str) -> None:
        """A frame was not used, for its field or another reason."""

    def live_reconnected(self, source: str, reason: str) -> None:
        """A connection ended or failed, and a new one is tried."""


class LiveFeed(Protocol):
    """What a live feed can do. `run` is a task that ends by being cancelled; the rest is asked meanwhile."""

    @property
    def status(self) -> Status: ...

    async def run(self) -> None:
        """Connect, listen, and connect again."""

    async def news(self) -> LiveNews:
        """Wait until something came, and hand it over."""

    def follow(self) -> None:
        """Listen to the markets that are open now."""

    def compare(self, marks: Iterable[Mark]) -> None:
        """Hold the quotes of a reading against what came."""
