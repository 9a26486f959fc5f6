"""How trading went, by window: wins and losses, profit factor, drawdown, what fees took.

Rule:   a round trip begins when a market is entered from flat and ends when it is flat again or
        settles; its result is realised P&L minus fees. It counts in the window in which it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from exporter.ledger.journal import Entry
from exporter.ledger.timeline import Timeline
from exporter.ledger.trading.drawdown import Drawdown
from exporter.money import ZERO

ONE = Decimal(1)
RATIO = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Results:
    """One window. Ratios are None where nothing is divided: no round trip, no loss, nothing gross."""

    wins: int
    losses: int
    even: int
    win_ratio: Decimal | None
    profit_factor: Decimal | None
    fee_ratio: Decimal | None
    max_drawdown: Decimal


class TradeRecord:
    """Round trips and the running result of trading, kept up with the entries of the books."""

    def __init__(self) -> None:
        self._count = {"win": Timeline(), "loss": Timeline(), "even": Timeline()}
        self._won, self._lost = Timeline(), Timeline()
        self._drawdown = Drawdown()

    def take(self, entries: Iterable[Entry]) -> None:
        """Take entries of books; a reversed one takes its round trip back."""
        for entry in entries:
            gain = entry.amounts.get("trading_realised", ZERO) + entry.amounts.get("trading_fees", ZERO)
            if gain:
                self._drawdown.add(entry.at, -gain)
            if entry.round_trip is not None:
                self._end(entry.at, entry.round_trip, ONE if entry.forward else -ONE)

    def until(self, now: int) -> None:
        """Let windows end now."""
        for timeline in (*self._count.values(), self._won, self._lost):
            timeline.until(now)
        self._drawdown.until(now)

    def stated(self, window: str, start: int | None, realised: Decimal, fees: Decimal) -> Results:
        """Return the window's results; `realised` and `fees` are its contributions to the net."""
        since = -(2**62) if start is None else start
        wins, losses, even = (int(count.since(window, since)) for count in self._count.values())
        won, lost = self._won.since(window, since), self._lost.since(window, since)
        return Results(
            wins=wins,
            losses=losses,
            even=even,
            win_ratio=quotient(Decimal(wins), Decimal(wins + losses + even)),
            profit_factor=quotient(won, -lost),
            fee_ratio=quotient(-fees, abs(realised)),
            max_drawdown=self._drawdown.since(since),
        )

    def _end(self, at: int, result: Decimal, sign: Decimal) -> None:
        name = "win" if result > 0 else "loss" if result < 0 else "even"
        self._count[name].add(at, sign)
        (self._won if result > 0 else self._lost).add(at, sign * result)


def quotient(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return a share to four digits, None where nothing is divided."""
    return (part / whole).quantize(RATIO) if whole else None
