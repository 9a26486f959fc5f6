"""The statement of all groups: in each window the largest by name, the rest as one sum.

It is no part of the snapshot: with every price that moves, the unrealised P&L of a group would
change in seven windows, and a delta would be several times as large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from heapq import nsmallest
from typing import Literal, get_args

from msgspec import structs

from exporter.ledger import windows
from exporter.ledger.ledger import Ledger
from exporter.ledger.trading.groups import Tallies, Tally, event_of, series_of
from exporter.ledger.trading.portfolio import Portfolio
from exporter.ledger.trading.results import quotient
from exporter.money import ZERO
from exporter.records import ticker_of
from exporter.snapshot import Grade, Snapshot, StatedFigure, Window
from exporter.snapshot.breakdown import GroupResults, NamedGroup, OtherGroups, ResultsByGroup, WindowGroups
from exporter.snapshot.texts import decimal, ratio, usd

LARGEST = 20
"""Groups with a name of their own in each window; the rest is one group more, so that an answer is
bounded whatever an account trades."""

Level = Literal["series", "event"]
LEVELS: tuple[Level, ...] = get_args(Level)


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


def breakdown(ledger: Ledger, now: datetime, snapshot: Snapshot) -> ResultsByGroup:
    """Return every window by series and by event, graded as trading is in the snapshot."""
    ledger.until(now)
    tallied = ledger.groups.stated(windows.starts(now, ledger.zone))
    portfolios = [book.portfolio for book in ledger.venues.values()]
    by: dict[Level, dict[Window, WindowGroups]] = {}
    for level in LEVELS:
        held = _held(portfolios, level)
        by[level] = {
            window: _largest(_of(tallied[window], level), held, _grade(stated.components))
            for window, stated in snapshot.windows.items()
            if window in tallied
        }
    return ResultsByGroup(series=by["series"], event=by["event"])


def _of(tallies: Tallies, level: Level) -> Mapping[str, Tally]:
    return tallies.series if level == "series" else tallies.events


def _held(portfolios: Iterable[Portfolio], level: Level) -> dict[str, Open]:
    """Return what is open, by group."""
    name_of = series_of if level == "series" else event_of
    found: dict[str, Open] = {}
    for scope, position in (item for portfolio in portfolios for item in portfolio.positions.items()):
        held = found.setdefault(name_of(ticker_of(scope)), Open())
        held.cost += decimal(position.cost)
        if position.unrealised is not None:
            held.unrealised += decimal(position.unrealised)
            held.marked += 1
        else:
            held.unmarked += 1
    return found


def _largest(tallies: Mapping[str, Tally], held: Mapping[str, Open], grade: Grade) -> WindowGroups:
    """Return the groups that have made or may still make the most, either way, and the sum of the others."""
    nothing, flat = Tally(), Open()
    names = tallies.keys() | held.keys()

    def weight(name: str) -> tuple[Decimal, str]:
        return -abs(tallies.get(name, nothing).net + held.get(name, flat).unrealised), name

    shown = nsmallest(LARGEST, names, key=weight)
    results = {name: _results(tallies.get(name, nothing), held.get(name, flat)) for name in shown}
    groups = tuple(NamedGroup(name=name, **structs.asdict(made)) for name, made in results.items())
    others = names - set(shown)
    if not others:
        return WindowGroups(grade=grade.word, groups=groups)
    rest, open_rest = Tally(), Open()
    for name in others:
        rest += tallies.get(name, nothing)
        open_rest.add(held.get(name, flat))
    other = OtherGroups(groups=len(others), **structs.asdict(_results(rest, open_rest)))
    return WindowGroups(grade=grade.word, groups=groups, other=other)


def _results(tally: Tally, held: Open) -> GroupResults:
    """Return what a group has made; without any mark there is no unrealised P&L, which is not zero."""
    win_ratio = quotient(Decimal(tally.wins), Decimal(tally.wins + tally.losses + tally.even))
    profit_factor = quotient(tally.won, -tally.lost)
    return GroupResults(
        net=usd(tally.net),
        realised=usd(tally.realised),
        fees=usd(tally.fees),
        wins=tally.wins,
        losses=tally.losses,
        even=tally.even,
        win_ratio=None if win_ratio is None else ratio(win_ratio),
        profit_factor=None if profit_factor is None else ratio(profit_factor),
        exposure=usd(held.cost),
        unrealised=usd(held.unrealised) if held.marked or not held.unmarked else None,
        unmarked=held.unmarked or None,
    )


def _grade(components: Mapping[str, StatedFigure]) -> Grade:
    return min(Grade.of(components[name].grade) for name in ("trading_realised", "trading_fees"))
