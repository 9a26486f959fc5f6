"""Rate limit of the log: a trouble that lasts is said when it begins, once a minute, and when it is over.

A source that is asked every second and fails for an hour is one trouble, not 3 600; so is a full disk, which
fails every reading and every snapshot. What else the log has to say would be lost among them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("northstar")

REMIND_SECONDS = 60.0
"""Between two lines about the same: often enough for who looks at the end of a log, and no more."""

STORE = "the database"
"""The one trouble that all have who cannot write."""


@dataclass(slots=True)
class Outage:
    """A trouble that is not over: since when, how often, and how often since it was last said."""

    since: float
    failures: int = 0
    unsaid: int = 0
    said: bool = False


class Outages:
    """The troubles of one process. One that comes and goes is said no more often than one that stays."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._open: dict[str, Outage] = {}
        self._said: dict[tuple[str, str], float] = {}

    def failed(self, what: str, reason: str, sentence: str, level: int = logging.ERROR) -> None:
        """Note a failure, and say so if the same has not been said just before; another reason is news."""
        now = self._monotonic()
        outage = self._open.setdefault(what, Outage(now))
        outage.failures += 1
        outage.unsaid += 1
        if now - self._said.get((what, reason), float("-inf")) < REMIND_SECONDS:
            return
        self._said = {known: at for known, at in self._said.items() if now - at < REMIND_SECONDS}
        self._said[what, reason] = now
        times = f" ({outage.unsaid} failures since the last line)" if outage.unsaid > 1 else ""
        log.log(level, "%s%s", sentence, times)
        outage.unsaid, outage.said = 0, True

    def over(self, what: str) -> None:
        """Note that it works, and say so if it was said that it does not."""
        outage = self._open.pop(what, None)
        if outage is not None and outage.said:
            log.info(
                "%s: works again after %.0f s, failures=%d",
                what,
                self._monotonic() - outage.since,
                outage.failures,
            )
