"""What contradicts figures, or is missing from them: whatever rests on it is `partial` until it is over.

A figure is not final while anything that is known speaks against it: rows that disagree, a row that was set
aside, a total of the venue that differs. A doubt says what it touches, so that only those figures lose their
grade: lines of the statement, and the windows that reach back to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from exporter.snapshot import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One thing that speaks against figures of a source.

    `components` are the lines that rest on it. `at` is when it happened at the latest: a window that starts
    later does not rest on it; None: it may have been at any time. `since` is when it happened at the
    earliest, None where nobody knows. `scope` is the market it lies in, "" where it lies in none.
    """

    components: frozenset[str]
    reason: Reason
    at: datetime | None = None
    since: datetime | None = None
    scope: str = ""

    def touches(self, component: str, start: datetime | None) -> bool:
        """Tell whether a line of a window that starts then, None for all time, rests on it."""
        return component in self.components and (start is None or self.at is None or self.at >= start)


DOUBTS_NAMED = 3
"""How many reasons of one kind a figure names: the others are as many sentences again."""


def reasons(doubts: Iterable[Doubt], component: str, start: datetime | None) -> tuple[Reason, ...]:
    """Return why a line of a window that starts then is in doubt: a few reasons of each code."""
    told: dict[str, list[Reason]] = {}
    for doubt in doubts:
        if doubt.touches(component, start):
            of_code = told.setdefault(doubt.reason.code, [])
            if doubt.reason not in of_code and len(of_code) < DOUBTS_NAMED:
                of_code.append(doubt.reason)
    return tuple(reason for of_code in told.values() for reason in of_code)
