"""The statement of all groups: in each window the largest by name, the rest as one sum.

It is no part of the snapshot: with every price that moves, the unrealised P&L of a group would
change in seven windows, and a delta would be several times as large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from heapq import nsmallest
from typing import Any

from exporter.ledger import windows
from exporter.ledger.ledger import Ledger
from exporter.ledger.trading.groups import Tallies, Tally, event_of, series_of
from exporter.ledger.trading.portfolio import Portfolio
from exporter.ledger.trading.results import ratio
from exporter.money import ZERO, plain
from exporter.records import ticker_of
from exporter.snapshot import Grade, Tree

LARGEST = 20
"""Groups with a name of their own in each window; the rest is one group more, so that an answer is
bounded whatever an account trades."""

LEVELS = ("series", "event")


class Open:
    """What is open in one group: its cost, and the unrealised P&L of what has a mark."""

    __slots__ = ("cost", "marked", "unmarked", "unrealised")

    def __init__(self) -> None:
        self.cost = self.unrealised = ZERO
        self.marked = self.unmarked = 0

    def add(self, other: Open) -> None:
        self.cost += other.cost
        self.unrealised += other.unrealised
        self.marked += other.marked
        self.unmarked += other.unmarked

    def tree(self) -> dict[str, Any]:
        """Return it as JSON; without any mark there is no unrealised P&L, which is not zero."""
        shown: dict[str, Any] = {"exposure": plain(self.cost)}
        if self.marked or not self.unmarked:
            shown["unrealised"] = plain(self.unrealised)
        if self.unmarked:
            shown["unmarked"] = self.unmarked
        return shown


def breakdown(ledger: Ledger, now: datetime, snapshot: Tree) -> Tree:
    """Return every window by series and by event, graded as trading is in the snapshot."""
    stated = ledger.groups.stated(windows.starts(now, ledger.zone))
    portfolios = [book.portfolio for book in ledger.venues.values()]
    held = {level: _held(portfolios, level) for level in LEVELS}
    return {
        level: {
            window: {
                "grade": _grade(snapshot["windows"][window]["components"]),
                **_largest(_of(stated[window], level), held[level]),
            }
            for window in snapshot["windows"]
            if window in stated
        }
        for level in LEVELS
    }


def _of(tallies: Tallies, level: str) -> Mapping[str, Tally]:
    return tallies.series if level == "series" else tallies.events


def _held(portfolios: Iterable[Portfolio], level: str) -> dict[str, Open]:
    """Return what is open, by group."""
    name_of = series_of if level == "series" else event_of
    found: dict[str, Open] = {}
    for scope, shown in (item for portfolio in portfolios for item in portfolio.tree.items()):
        held = found.setdefault(name_of(ticker_of(scope)), Open())
        held.cost += Decimal(shown["cost"])
        if "unrealised" in shown:
            held.unrealised += Decimal(shown["unrealised"])
            held.marked += 1
        else:
            held.unmarked += 1
    return found


def _largest(tallies: Mapping[str, Tally], held: Mapping[str, Open]) -> dict[str, Any]:
    """Return the groups that have made or may still make the most, either way, and the sum of the others."""
    nothing, flat = Tally(), Open()
    names = tallies.keys() | held.keys()

    def weight(name: str) -> tuple[Decimal, str]:
        return -abs(tallies.get(name, nothing).net + held.get(name, flat).unrealised), name

    shown = nsmallest(LARGEST, names, key=weight)
    answer: dict[str, Any] = {
        "groups": [
            {"name": name, **_tree(tallies.get(name, nothing), held.get(name, flat))} for name in shown
        ]
    }
    others = names - set(shown)
    if others:
        rest, open_rest = Tally(), Open()
        for name in others:
            rest += tallies.get(name, nothing)
            open_rest.add(held.get(name, flat))
        answer["other"] = {**_tree(rest, open_rest), "groups": len(others)}
    return answer


def _tree(tally: Tally, held: Open) -> dict[str, Any]:
    trips = tally.wins + tally.losses + tally.even
    ratios = {
        "win_ratio": ratio(Decimal(tally.wins), Decimal(trips)),
        "profit_factor": ratio(tally.won, -tally.lost),
    }
    return {
        "net": plain(tally.net),
        "realised": plain(tally.realised),
        "fees": plain(tally.fees),
        "wins": tally.wins,
        "losses": tally.losses,
        "even": tally.even,
        **{name: plain(value) for name, value in ratios.items() if value is not None},
        **held.tree(),
    }


def _grade(components: Mapping[str, Tree]) -> str:
    parts: Iterable[Tree] = (components[name] for name in ("trading_realised", "trading_fees"))
    return min(Grade[part["grade"].upper()] for part in parts).word
