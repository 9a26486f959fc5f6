"""When a difference from the venue's view counts: after it was there in several readings in a row.

The venue's lists are not read in one moment. A fill between two of them is in one list and not yet in the
other, and the next reading takes the difference back; on a busy account that happens all day. A check
that fails and holds again every few seconds would teach people not to look at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
