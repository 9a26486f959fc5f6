"""Which markets a venue is asked for again, and when: at once, then ever less often while in question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

FIRST_WAIT = 10.0
"""Seconds to the second time: what is listed late is mostly late by seconds."""

LONGEST_WAIT = 6 * 3600.0
"""What no row explains for hours will hardly be explained by asking; it is not forgotten either."""

AT_ONCE = 5
"""Markets in one turn. At a reading each 10 seconds that is at most 12 calls, 6 % of the smallest budget."""


class Inquiries:
    """Keeps for each market when it may be asked for next. `monotonic` is in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waits: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
        self._suspects: dict[str, set[str]] = defaultdict(set)

    def suspect(self, source: str, scopes: Collection[str]) -> None:
        """Note markets with a row that is not listed any more; each is asked for once."""
        self._suspects[source].update(scopes)

    def due(self, source: str, in_question: Collection[str]) -> list[str]:
        """Return the markets to ask for now, the longest due first, and set when each is due again."""
        now, suspects = self._monotonic(), self._suspects[source]
        if not in_question and not suspects:
            self._waits[source].clear()
            return []
        waits = {scope: self._waits[source].get(scope, (now, FIRST_WAIT)) for scope in in_question}
        ready = sorted(suspects)[:AT_ONCE]
        suspects.difference_update(ready)
        others = sorted((at, scope) for scope, (at, _) in waits.items() if at <= now and scope not in ready)
        ready += [scope for _, scope in others[: AT_ONCE - len(ready)]]
        for scope in ready:
            if scope in waits:
                wait = waits[scope][1]
                waits[scope] = now + wait, min(2 * wait, LONGEST_WAIT)
        self._waits[source] = waits
        return ready
