"""What the books of all kinds of sources have in common.

A ledger keeps one book for each source: a venue's, a shop's, or one of API cost. Each has a journal of its
own that balances by itself, and states its own components; the figures of the company are sums over books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from exporter.ledger.doubt import Doubt, reasons
from exporter.ledger.journal import Journal
from exporter.money import ZERO
from exporter.records import Change, SourceInfo
from exporter.snapshot import Figure, Grade, Opening, Reason, Window
from exporter.times import to_us

AHEAD = timedelta(seconds=2)
"""How far ahead of now an answer may be dated: a `Date` header is in whole seconds, and a clock is slewed."""

CLOCK = "clock"
"""The code of every reason that two clocks contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is known about a source's answers: their time, and the trouble since, if any.

    `freshness` is the age at which its figures count as old. `as_of` None: it never answered.
    `history` says what is missing of its past; nothing when that is whole. `clock` says that its clock and
    ours contradict each other; nothing while they agree.
    """

    as_of: datetime | None = None
    last_success: datetime | None = None
    freshness: timedelta = timedelta(minutes=5)
    error: str = ""
    sentence: str = ""
    since: datetime | None = None
    history: tuple[str, ...] = ()
    clock: str = ""

    def grade(self, now: datetime) -> Grade:
        """Grade the source itself: missing until it answered, stale when its answer is old, or dated ahead of
        now, for then nobody knows how old it is."""
        if self.as_of is None:
            return Grade.MISSING
        return Grade.STALE if now - self.as_of > self.freshness or self.ahead(now) else Grade.FINAL

    def ahead(self, now: datetime) -> bool:
        """Tell whether the last answer is dated ahead of now."""
        return self.as_of is not None and self.as_of - now > AHEAD

    def trouble(self, source: str, now: datetime) -> Reason:
        """Say why the source has no answer, or an old one."""
        if self.sentence:
            return Reason(source, self.error, self.sentence)
        if self.as_of is None:
            return Reason(source, "no_answer", "no answer yet")
        if self.ahead(now):
            return Reason(source, CLOCK, "the last answer is dated ahead of now")
        return Reason(source, "old_answer", "the last answer is old")


@dataclass(frozen=True, slots=True)
class Span:
    """A window as it is `now`: `start` is None for all time, `begin` is then when the first event was."""

    window: Window
    start: datetime | None
    begin: datetime
    now: datetime

    @property
    def start_us(self) -> int | None:
        """The start as timelines count."""
        return None if self.start is None else to_us(self.start)


@dataclass(frozen=True, slots=True)
class Part:
    """A component of one window as its book sees it: what it comes to, and what is doubtful about it."""

    usd: Decimal
    grade: Grade = Grade.FINAL
    because: tuple[Reason, ...] = ()

    def doubted(self, doubts: Iterable[Doubt], component: str, start: datetime | None) -> Part:
        """Return the part as it is with what speaks against it: `partial` at best, with the reasons."""
        against = reasons(doubts, component, start)
        if not against:
            return self
        return Part(self.usd, min(self.grade, Grade.PARTIAL), (*self.because, *against))

    def figure(self, source: str, state: SourceState, now: datetime) -> Figure:
        """Return the figure that the source's answers allow: none before the first, an old one when late."""
        if state.as_of is None:
            return Figure(None, Grade.MISSING, None, (state.trouble(source, now),))
        grade, because = self.grade, self.because
        if state.history:
            grade = min(grade, Grade.PARTIAL)
            because = (*because, *(Reason(source, "history", what) for what in state.history))
        if state.clock:
            # Its events are dated by its clock and windows end by ours, so what they hold is not certain.
            grade = min(grade, Grade.PARTIAL)
            because = (*because, Reason(source, CLOCK, state.clock))
        if state.grade(now) is Grade.STALE and grade is not Grade.MISSING:
            grade, because = Grade.STALE, (state.trouble(source, now), *because)
        return Figure(None if grade is Grade.MISSING else self.usd, grade, state.as_of, because)


class SourceBook(Protocol):
    """The books of one source. Feed it in any order; equal records give equal figures."""

    info: SourceInfo
    journal: Journal

    def apply(self, change: Change) -> None:
        """Take one change of a record. What it moves is posted by `post`, at the latest."""

    def post(self) -> list[str]:
        """Post what is outstanding; return the scopes that came out of order and wait to be restated."""

    def components(
        self, spans: Sequence[Span], freshness: timedelta, openings: Mapping[str, Opening]
    ) -> dict[Window, dict[str, Part]]:
        """Return the components of each window by name. `openings` has the windows that were asked for."""

    def doubts(self) -> Sequence[Doubt]:
        """Return what speaks against its components as a whole, whatever each of them says of itself."""

    def kept(self) -> object:
        """Return what of it is made of records alone, to be written at once. Nothing is outstanding then."""

    def resume(self, kept: object) -> None:
        """Go on from what was kept of a book of this kind. For one that has taken nothing yet."""


def total(parts: Iterable[Figure]) -> Figure:
    """Return the sum with the worst grade and the oldest time of its parts; missing if a part is."""
    figures = list(parts)
    if len(figures) == 1:
        return figures[0]
    grade = min((figure.grade for figure in figures), default=Grade.MISSING)
    because = tuple(dict.fromkeys(reason for figure in figures for reason in figure.because))
    as_of = min((figure.as_of for figure in figures if figure.as_of is not None), default=None)
    if grade is Grade.MISSING:
        return Figure(None, grade, as_of, because)
    return Figure(
        sum((figure.usd for figure in figures if figure.usd is not None), ZERO), grade, as_of, because
    )
