"""An amount with its certainty: how far it can be trusted, how old it is, and why it is not final."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Literal

from exporter.money import plain
from exporter.snapshot.definition import Stated, private, totals
from exporter.times import stamp

GradeWord = Literal["missing", "stale", "partial", "estimated", "final"]


class Grade(IntEnum):
    """How far a figure can be trusted, worst first; a sum takes the worst grade of its parts."""

    MISSING = 0
    STALE = 1
    PARTIAL = 2
    ESTIMATED = 3
    FINAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Reason(Stated, frozen=True):
    """Why a figure is not final: the source it lies with, a code that programs go by, a text for people.

    A text is never taken apart again: what a program needs to know is the code.
    """

    source: Annotated[str, totals("The source that it lies with.")]
    code: Annotated[str, totals("What it is, one word for each cause.")]
    text: Annotated[str, private("The same for people; it may name markets and models.")]


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount in dollars with its certainty; `usd` is None exactly when the grade is MISSING.

    `because` says what keeps the figure from being final.
    """

    usd: Decimal | None
    grade: Grade
    as_of: datetime | None
    because: tuple[Reason, ...] = ()

    def tree(self) -> dict[str, Any]:
        """Return the figure as JSON; absent parts have no key."""
        shown: dict[str, Any] = {"grade": self.grade.word}
        if self.usd is not None:
            shown["usd"] = plain(self.usd)
        if self.as_of is not None:
            shown["as_of"] = stamp(self.as_of)
        if self.because:
            shown["because"] = [
                {"source": each.source, "code": each.code, "text": each.text} for each in self.because
            ]
        return shown


@dataclass(frozen=True, slots=True)
class Opening:
    """The unrealised P&L that a stored snapshot stated, to measure a window's change from.

    `until` is when the next snapshot was published, None when that is not known.
    """

    usd: Decimal
    as_of: datetime
    grade: Grade
    until: datetime | None = None

    def holds(self, start: datetime) -> bool:
        """Tell whether this is the opening of a window that starts then, without another look.

        It is from its own time to the next snapshot's; before its time only as the earliest there is,
        which it was when it was looked up for a start before it.
        """
        return start < self.as_of or (self.until is not None and start < self.until)
