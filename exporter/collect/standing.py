"""How each source stands: what was read last, what is wrong since when, and its live feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from exporter.collect.backlog import Reader
from exporter.ledger import SourceState
from exporter.snapshot.tree import LiveStatus
from exporter.sources.contract import Source


class Standings:
    """What the turns and the feeds note, and snapshots state. `pasts` are the readers of long pasts."""

    def __init__(self, sources: Sequence[Source], pasts: Mapping[str, Reader]) -> None:
        self._states = {source.name: SourceState(freshness=source.freshness) for source in sources}
        self._pasts = pasts
        self.feeds: dict[str, tuple[LiveStatus, datetime]] = {}
        """How the live feed of each source that has one stands, `live`, `connecting` or `off`, since when."""

    def stated(self) -> dict[str, SourceState]:
        """Return how every source stands now."""
        return {
            name: replace(state, history=self._pasts[name].doubts) if name in self._pasts else state
            for name, state in self._states.items()
        }

    def as_of(self, name: str) -> datetime | None:
        """Return the time that the last good reading of a source spoke of."""
        return self._states[name].as_of

    def remember(self, name: str, as_of: datetime, last_success: datetime) -> None:
        """Take what was known of a source before this process began."""
        self._states[name] = replace(self._states[name], as_of=as_of, last_success=last_success)

    def succeeded(self, source: Source, as_of: datetime, now: datetime) -> None:
        """Note a reading that was booked; what was wrong is over."""
        self._states[source.name] = SourceState(as_of=as_of, last_success=now, freshness=source.freshness)

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
