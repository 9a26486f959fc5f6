"""How our books compare with the venue's own view of them, market by market, figure by figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from exporter.ledger.trading.positions import Book
from exporter.money import ZERO
from exporter.records import VenuePosition

FIGURES = ("position", "exposure", "realised", "fees")
"""What the venue states of an open market: signed contracts, then dollars."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference in one figure (ours minus theirs) and the market it is in."""

    size: Decimal
    scope: str = ""


NONE = Difference(ZERO)


class Reconciliation:
    """The venue's newest view, and where ours differs. `book` finds our book of a scope, if there is one."""

    def __init__(self, book: Callable[[str], Book | None]) -> None:
        self._book = book
        self._venue: dict[str, VenuePosition] = {}
        self._off: dict[str, dict[str, Decimal]] = {figure: {} for figure in FIGURES}
        self._worst: dict[str, Difference] = {}
        """The largest of each figure, once it was asked for, for as long as it is known."""
        self._rules: dict[str, tuple[bool, bool]] = {}

    def observe(self, positions: Iterable[VenuePosition]) -> None:
        """Take the venue's view of all markets it lists; the others it no longer speaks of."""
        before, self._venue = self._venue, {position.scope: position for position in positions}
        for scope in before.keys() - self._venue.keys():
            self._forget(scope)
        for scope, stated in self._venue.items():
            known = before.get(scope)
            if known is None or not known.same_view(stated):
                self.compare(scope)

    def compare(self, scope: str) -> None:
        """Compare one market anew, because either side of it has changed."""
        self._forget(scope)
        theirs, ours = self._venue.get(scope), self._book(scope)
        if theirs is None or (ours is not None and ours.settled):
            return
        mine = ours if ours is not None else Book(scope, theirs.ticker)
        stated = (mine.position, mine.cost, mine.realised, mine.fees)
        for figure, our, their in zip(FIGURES, stated, _view(theirs), strict=True):
            if our != their:
                self._differs(figure, scope, our - their)
        if mine.cost != mine.other.cost:
            self._rules[scope] = (mine.cost == theirs.exposure, mine.other.cost == theirs.exposure)

    def worst(self, figure: str) -> Difference:
        """Return the largest difference of a figure; zero when all markets agree."""
        worst = self._worst.get(figure)
        if worst is None:
            off = self._off[figure]
            scope = max(off, key=lambda scope: (abs(off[scope]), scope), default="")
            worst = self._worst[figure] = Difference(off.get(scope, ZERO), scope)
        return worst

    def lot_rules(self) -> tuple[int, int, int]:
        """Return in how many markets the lot rules differ, and in how many ours and the other one ties."""
        ties = self._rules.values()
        return len(ties), sum(ours for ours, _ in ties), sum(other for _, other in ties)

    def _differs(self, figure: str, scope: str, size: Decimal) -> None:
        self._off[figure][scope] = size
        worst = self._worst.get(figure)
        if worst is not None and (abs(size), scope) > (abs(worst.size), worst.scope):
            self._worst[figure] = Difference(size, scope)

    def _forget(self, scope: str) -> None:
        for figure, off in self._off.items():
            if off.pop(scope, None) is not None and self._worst.get(figure, NONE).scope == scope:
                del self._worst[figure]
        self._rules.pop(scope, None)


def _view(stated: VenuePosition) -> tuple[Decimal, ...]:
    return stated.position, stated.exposure, stated.realised, stated.fees
