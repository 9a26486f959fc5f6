"""An amount with its certainty: how far it can be trusted, how old it is, and why it is not final."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Literal, Self, get_args

from exporter.snapshot.definition import Stated, private, totals
from exporter.snapshot.texts import Moment, Usd, decimal, moment, usd
from exporter.times import unstamp

GradeWord = Literal["missing", "stale", "partial", "estimated", "final"]


class Grade(IntEnum):
    """How far a figure can be trusted, worst first; a sum takes the worst grade of its parts."""

    MISSING = 0
    STALE = 1
    PARTIAL = 2
    ESTIMATED = 3
    FINAL = 4

    @property
    def word(self) -> GradeWord:
        """The grade as a snapshot says it."""
        return WORDS[self]

    @classmethod
    def of(cls, word: GradeWord) -> Grade:
        """Return the grade that a snapshot says."""
        return cls(WORDS.index(word))


WORDS: tuple[GradeWord, ...] = get_args(GradeWord)


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

    @classmethod
    def of(cls, stated: StatedFigure) -> Self:
        """Return the figure that a snapshot states."""
        return cls(
            None if stated.usd is None else decimal(stated.usd),
            Grade.of(stated.grade),
            None if stated.as_of is None else unstamp(stated.as_of),
            stated.because,
        )

    def stated(self) -> StatedFigure:
        """Return the figure as a snapshot states it."""
        return StatedFigure(
            grade=self.grade.word,
            usd=None if self.usd is None else usd(self.usd),
            as_of=None if self.as_of is None else moment(self.as_of),
            because=self.because,
        )


class StatedFigure(Stated, frozen=True, kw_only=True):
    """An amount with its certainty. A figure graded `missing` has no `usd`: unknown is not zero."""

    grade: Annotated[GradeWord, totals("How far it can be trusted; a sum has the worst grade of its parts.")]
    usd: Annotated[Usd | None, totals("The amount; absent when it is missing.")] = None
    as_of: Annotated[Moment | None, totals("The time that the oldest part of it speaks of.")] = None
    because: Annotated[tuple[Reason, ...], totals("What keeps it from being final.")] = ()


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
