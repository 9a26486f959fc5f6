"""How our books compare with the venue's own view of them, market by market, figure by figure.

Rule:   no row is a row of zero: contracts that we hold and the venue does not list are a difference of all of
        them. A difference counts once it was there in several readings in a row (`confirmation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.trading.positions import Book
from exporter.money import ZERO
from exporter.records import VenuePosition

CheckedFigure = Literal["position", "exposure", "realised", "fees"]

FIGURES: tuple[CheckedFigure, ...] = ("position", "exposure", "realised", "fees")
"""What the venue states of an open market: signed contracts, then dollars."""

OF_LOTS: tuple[CheckedFigure, ...] = ("exposure", "realised")
"""What depends on which contracts a partial close consumes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference in one figure (ours minus theirs) and the market it is in."""

    size: Decimal
    scope: str = ""


NONE = Difference(ZERO)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One figure of one market that the venue has stated otherwise for several readings in a row.

    `difference` is ours minus theirs; `at` is when the venue last changed its row, None where it has none.
    """

    figure: CheckedFigure
    scope: str
    difference: Decimal
    at: datetime | None


class Reconciliation:
    """The venue's newest view, and where ours differs.

    `book` finds our book of a scope, if there is one; `held` says in which scopes we hold contracts.
    """

    def __init__(self, book: Callable[[str], Book | None], held: Callable[[], Iterable[str]]) -> None:
        self._book, self._held = book, held
        self._heard = False
        """Whether the venue has stated its view to this process."""
        self._venue: dict[str, VenuePosition] = {}
        self._unread: Set[str] = frozenset()
        self._off: dict[CheckedFigure, dict[str, Decimal]] = {figure: {} for figure in FIGURES}
        self._untied: dict[CheckedFigure, dict[str, int]] = {figure: {} for figure in FIGURES}
        """For how many readings in a row each difference was there."""
        self._counting: dict[CheckedFigure, dict[str, Decimal]] = {figure: {} for figure in FIGURES}
        self._worst: dict[CheckedFigure, Difference] = {}
        """The largest of each figure, once it was asked for, for as long as it is known."""
        self._rules: dict[str, tuple[bool, bool]] = {}
        self._other_rule: set[str] = set()
        """Where the venue states what the other lot rule comes to: our figure is right by its own rule."""

    def restore(self, confirmed: Mapping[CheckedFigure, Mapping[str, Decimal]]) -> None:
        """Take the differences that counted before a restart; they stand until the venue answers again."""
        for figure, markets in confirmed.items():
            self._off[figure] = dict(markets)
            self._untied[figure] = dict.fromkeys(markets, CONFIRMING_READINGS)
            self._counting[figure] = dict(markets)
        self._worst.clear()

    def observe(self, positions: Iterable[VenuePosition], unread: Set[str] = frozenset()) -> None:
        """Take the venue's view of all markets it lists: what it does not list, it does not hold.

        Its rows of `unread` markets could not be read, "" among them may be any: nothing is known of these.
        """
        before, self._venue = self._venue, {position.scope: position for position in positions}
        were, self._unread = self._unread, unread
        changed = before.keys() - self._venue.keys()
        if not self._heard or were != unread:
            self._heard = True
            changed = {*changed, *self._held(), *(scope for off in self._off.values() for scope in off)}
        for scope in changed:
            self.compare(scope)
        for scope, stated in self._venue.items():
            known = before.get(scope)
            if known is None or not known.same_view(stated):
                self.compare(scope)
        for figure, off in self._off.items():
            untied = self._untied[figure]
            untied = self._untied[figure] = {scope: untied.get(scope, 0) + 1 for scope in off}
            self._counting[figure] = {
                scope: size for scope, size in off.items() if untied[scope] >= CONFIRMING_READINGS
            }
        self._worst.clear()

    def compare(self, scope: str) -> None:
        """Compare one market anew, because either side of it has changed."""
        if not self._heard:
            return
        self._forget(scope)
        self._rules.pop(scope, None)
        self._other_rule.discard(scope)
        theirs, ours = self._venue.get(scope), self._book(scope)
        if ours is not None and ours.settled:
            return
        if theirs is None:
            if ours is not None and ours.position and self._unread.isdisjoint((scope, "")):
                self._differs("position", scope, ours.position)
                self._differs("exposure", scope, ours.cost)
            return
        mine = ours if ours is not None else Book(scope, theirs.ticker)
        stated = (mine.position, mine.cost, mine.realised, mine.fees)
        for figure, our, their in zip(FIGURES, stated, _view(theirs), strict=True):
            if our != their:
                self._differs(figure, scope, our - their)
        if mine.cost != mine.other.cost:
            self._rules[scope] = (mine.cost == theirs.exposure, mine.other.cost == theirs.exposure)
            realised = mine.realised - mine.cost + mine.other.cost
            if (mine.other.cost, realised) == (theirs.exposure, theirs.realised):
                self._other_rule.add(scope)

    def ties(self, scope: str, mine: Book) -> bool:
        """Tell whether a book is what the venue states of a market, whichever lot rule it goes by."""
        theirs = self._venue.get(scope)
        if not self._heard or mine.settled:
            return False
        if theirs is None:
            return not mine.position
        ours = mine.position, mine.fees, mine.realised - mine.cost
        return ours == (theirs.position, theirs.fees, theirs.realised - theirs.exposure)

    def worst(self, figure: CheckedFigure) -> Difference:
        """Return the largest difference of a figure, of those that count if any does; zero when all agree."""
        worst = self._worst.get(figure)
        if worst is None:
            among = self._counting[figure] or self._off[figure]
            scope = max(among, key=lambda scope: (abs(among[scope]), scope), default="")
            worst = self._worst[figure] = Difference(among.get(scope, ZERO), scope)
        return worst

    def confirmed(self, figure: CheckedFigure) -> Mapping[str, Decimal]:
        """Return the differences of a figure that count, by market."""
        return self._counting[figure]

    def contradictions(self) -> list[Contradiction]:
        """Return all differences that count, but for those that the choice of a lot rule explains."""
        return [
            Contradiction(figure, scope, size, self._changed(scope))
            for figure in FIGURES
            if self._counting[figure]
            for scope, size in sorted(self.confirmed(figure).items())
            if not (scope in self._other_rule and figure in OF_LOTS)
        ]

    def lot_rules(self) -> tuple[int, int, int]:
        """Return in how many markets the lot rules differ, and in how many ours and the other one ties."""
        ties = self._rules.values()
        return len(ties), sum(ours for ours, _ in ties), sum(other for _, other in ties)

    def _differs(self, figure: CheckedFigure, scope: str, size: Decimal) -> None:
        self._off[figure][scope] = size
        counting = self._counting[figure]
        if self._untied[figure].get(scope, 0) >= CONFIRMING_READINGS:
            counting[scope] = size
            if len(counting) == 1:  # until now the worst was one of those that do not count
                self._worst.pop(figure, None)
        elif counting:
            return
        worst = self._worst.get(figure)
        if worst is not None and (abs(size), scope) > (abs(worst.size), worst.scope):
            self._worst[figure] = Difference(size, scope)

    def _forget(self, scope: str) -> None:
        for figure, off in self._off.items():
            if off.pop(scope, None) is not None:
                self._counting[figure].pop(scope, None)
                if self._worst.get(figure, NONE).scope == scope:
                    del self._worst[figure]

    def _changed(self, scope: str) -> datetime | None:
        theirs = self._venue.get(scope)
        return None if theirs is None else theirs.at


def _view(stated: VenuePosition) -> tuple[Decimal, ...]:
    return stated.position, stated.exposure, stated.realised, stated.fees
