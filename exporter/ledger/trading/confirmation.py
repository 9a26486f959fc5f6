"""When a difference from the venue's view counts: after it was there in several readings in a row.

The venue's lists are not read in one moment. A fill between two of them is in one list and not yet in the
other, and the next reading takes the difference back; on a busy account that happens all day. A check
that fails and holds again every few seconds would teach people not to look at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from exporter.money import ZERO

CONFIRMING_READINGS = 3
"""Half a minute at the usual pace. Trades would have to come between the lists three times in a row."""


class Confirmation:
    """Counts, for each check, the readings in a row that did not tie."""

    def __init__(self) -> None:
        self._untied: dict[str, int] = {}

    def restore(self, failing: Iterable[str]) -> None:
        """Take which checks failed before a restart, which is no reason to doubt it anew."""
        self._untied = dict.fromkeys(failing, CONFIRMING_READINGS)

    def take(self, ties: Mapping[str, bool]) -> None:
        """Take whether each check ties with the reading that was just booked."""
        self._untied = {name: 0 if tied else self._untied.get(name, 0) + 1 for name, tied in ties.items()}

    def confirmed(self, name: str) -> bool:
        """Tell whether the check has failed to tie for long enough to count."""
        return self._untied.get(name, 0) >= CONFIRMING_READINGS


class Standing:
    """What the venue's cash is off by, and since when it is that much.

    A value that comes and goes between two readings is none; so another one takes its place only after as
    many readings as a difference needs to count.
    """

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._size = ZERO
        self._other: tuple[Decimal, datetime] | None = None
        self._readings = 0

    def restore(self, size: Decimal, since: datetime) -> None:
        """Take what stood before a restart."""
        self._size, self.since = size, since

    def take(self, size: Decimal, at: datetime) -> None:
        """Take what it is off by in the reading of a time."""
        if size == self._size:
            self._readings = 0
        elif not size or not self._size:
            self._stands(size, at)
        else:
            if self._other is None or size != self._other[0] or not self._readings:
                self._other = size, at
            self._readings += 1
            if self._readings >= CONFIRMING_READINGS:
                self._stands(*self._other)

    def stepped(self, step: timedelta) -> None:
        """Date it anew, by a wall clock that was set."""
        if self.since is not None:
            self.since += step

    def _stands(self, size: Decimal, since: datetime) -> None:
        self._size, self.since, self._readings = size, since if size else None, 0
