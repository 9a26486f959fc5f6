"""What the live lists have dropped: cutoffs that move with the clock, and who has passed them.

Source: Kalshi trade API, "Historical Data" (read 2026-11).
Rule:   fills go by their own time, settled markets by their settlement, positions as whole events
        once all their markets have settled. Positions are in both lists for `overlap`. A settlement
        row has no second home: it leaves with its position.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exporter.simulator.clock import DAY
from exporter.simulator.kalshi.market import Market, event_of
from exporter.simulator.kalshi.records import Fill, Position, Settlement

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Archive:
    """How long rows stay in the live lists; without `retention` they stay for ever.

    `positions` is the retention of settled positions and settlement rows (default: the same);
    cutoffs move in steps of `step`.
    """

    retention: timedelta | None = None
    positions: timedelta | None = None
    overlap: timedelta = DAY
    step: timedelta = DAY
    ignores_subaccount: bool = False  # /historical/fills has been seen to serve all of them regardless


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The cutoffs at one moment."""

    trades: datetime
    markets: datetime
    positions: datetime
    departed: datetime  # positions whose event ended before this have left the live list too

    def fill_is_live(self, fill: Fill) -> bool:
        """Say whether /portfolio/fills still has it; else /historical/fills does."""
        return fill.time >= self.trades

    def market_is_live(self, market: Market) -> bool:
        """Say whether /markets still has it."""
        return market.settled_at is None or market.settled_at >= self.markets


def cutoffs(archive: Archive, opened: datetime, now: datetime) -> Cutoffs:
    """Return the cutoffs at `now`; they lie at the account's first moment while nothing is archived."""
    if archive.retention is None:
        return Cutoffs(opened, opened, opened, opened)
    trades = _floor(now - archive.retention, archive.step)
    positions = _floor(now - (archive.positions or archive.retention), archive.step)
    return Cutoffs(trades, trades, positions, positions - archive.overlap)


class Events:
    """The end of every event: when its last market settled, or that one has not."""

    def __init__(self, positions: Iterable[Position], settlements: Iterable[Settlement]) -> None:
        self.ends: dict[str, datetime] = {}
        never = datetime.max.replace(tzinfo=UTC)
        for row in settlements:
            self._extend(row.event_ticker, row.time)
        for position in positions:
            settled = position.settled and position.updated is not None
            self._extend(event_of(position.ticker), (position.updated or never) if settled else never)

    def ended_before(self, event: str, moment: datetime) -> bool:
        """Say whether all of an event was over before `moment`."""
        return event in self.ends and self.ends[event] < moment

    def _extend(self, event: str, moment: datetime) -> None:
        self.ends[event] = max(moment, self.ends.get(event, moment))


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step
