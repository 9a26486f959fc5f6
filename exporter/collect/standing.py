"""How each source stands: what was read last, what is wrong since when, its clock, and its live feed.

When the wall clock is set, what is held here is dated anew: a moment stays as long ago as it was. So ages go
by the monotonic clock, and what is shown is dated by the wall clock as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from exporter.collect.backlog import Reader
from exporter.ledger import SourceState
from exporter.snapshot.tree import LiveStatus
from exporter.sources.contract import Reading, Source

CLOCKS_AGREE = timedelta(minutes=1)
"""How far a source's clock may be from ours before figures are in doubt, where nothing else is set."""


class Standings:
    """What the turns and the feeds note, and snapshots state. `pasts` are the readers of long pasts."""

    def __init__(
        self,
        sources: Sequence[Source],
        pasts: Mapping[str, Reader],
        clocks_agree: timedelta = CLOCKS_AGREE,
    ) -> None:
        self._states = {source.name: SourceState(freshness=source.freshness) for source in sources}
        self._pasts, self._clocks_agree = pasts, clocks_agree
        self._reached: dict[str, datetime | None] = {}
        self._skews: dict[str, timedelta] = {}
        self.feeds: dict[str, tuple[LiveStatus, datetime]] = {}
        """How the live feed of each source that has one stands, `live`, `connecting` or `off`, since when."""

    def stated(self) -> dict[str, SourceState]:
        """Return how every source stands now."""
        ours = self.our_clock()
        return {
            name: replace(
                state,
                history=self._pasts[name].doubts if name in self._pasts else (),
                clock=ours or self._its_clock(name),
            )
            for name, state in self._states.items()
        }

    def our_clock(self) -> str:
        """Say what is wrong with our clock; nothing unless all sources that tell the time contradict it."""
        off = [skew for skew in self._skews.values() if abs(skew) > self._clocks_agree]
        if not off or len(off) < len(self._skews) or min(off) < timedelta(0) < max(off):
            return ""
        least = min(off, key=abs)
        way = "behind" if least > timedelta(0) else "ahead of"
        return f"this machine's clock is {_shown(least)} {way} every source that tells the time"

    def _its_clock(self, name: str) -> str:
        skew = self.skew(name)
        if abs(skew) <= self._clocks_agree:
            return ""
        way = "ahead of" if skew > timedelta(0) else "behind"
        return f"its clock is {_shown(skew)} {way} this machine's"

    def as_of(self, name: str) -> datetime | None:
        """Return the time that the last good reading of a source spoke of."""
        return self._states[name].as_of

    def reached(self, name: str) -> datetime | None:
        """Return how far a source's own time has come, by what it has shown."""
        return self._reached.get(name)

    def skew(self, name: str) -> timedelta:
        """Return how far a source's clock is ahead of ours, as it last said; nothing before that."""
        return self._skews.get(name, timedelta(0))

    def remember(
        self, name: str, as_of: datetime, last_success: datetime, reached: datetime | None = None
    ) -> None:
        """Take what was known of a source before this process began."""
        self._states[name] = replace(self._states[name], as_of=as_of, last_success=last_success)
        self._reached[name] = reached

    def succeeded(
        self, source: Source, reading: Reading, now: datetime, reached: datetime | None = None
    ) -> None:
        """Note a reading that was booked; what was wrong is over."""
        self._states[source.name] = SourceState(
            as_of=reading.as_of, last_success=now, freshness=source.freshness
        )
        self._reached[source.name] = reached
        if reading.skew is not None:
            self._skews[source.name] = reading.skew

    def failed(self, name: str, reason: str, sentence: str, now: datetime) -> None:
        """Note what is wrong, dated from its first failure."""
        known = self._states[name]
        since = known.since if known.error and known.since is not None else now
        self._states[name] = replace(known, error=reason, sentence=sentence, since=since)

    def feeding(self, name: str, status: LiveStatus, now: datetime) -> bool:
        """Note how the live feed of a source stands; tell whether that is news."""
        if name in self.feeds and self.feeds[name][0] == status:
            return False
        self.feeds[name] = status, now
        return True

    def stepped(self, step: timedelta) -> None:
        """Date everything anew by a wall clock that was set; a source's own time is what it was."""
        for name, state in self._states.items():
            self._states[name] = replace(
                state,
                as_of=_moved(state.as_of, step),
                last_success=_moved(state.last_success, step),
                since=_moved(state.since, step),
            )
        self._skews = {name: skew - step for name, skew in self._skews.items()}
        self.feeds = {name: (status, since + step) for name, (status, since) in self.feeds.items()}


def _moved(at: datetime | None, step: timedelta) -> datetime | None:
    return None if at is None else at + step


def _shown(skew: timedelta) -> str:
    """Return a difference of clocks as people say it, to the second: `2:00:03`, `40 days, 0:00:00`."""
    return str(timedelta(seconds=round(abs(skew).total_seconds())))
