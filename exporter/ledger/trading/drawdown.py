"""The deepest fall of a running sum, for any stretch of time, in logarithmic time.

Steps are hours: what was made and lost within one hour is one step. Each node of a binary tree
over the hours keeps its sum, its highest and lowest running sum and its deepest fall; a stretch
is put together from a few nodes, and a late or corrected amount changes one path to the root.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from exporter.money import ZERO

HOUR_US = 3_600_000_000


class Stretch(NamedTuple):
    """A run of hours: its sum, highest and lowest running sum (0 at its start), and deepest fall."""

    total: Decimal
    high: Decimal
    low: Decimal
    fall: Decimal

    def then(self, later: Stretch) -> Stretch:
        """Return this stretch followed by a later one."""
        return Stretch(
            self.total + later.total,
            max(self.high, self.total + later.high),
            min(self.low, self.total + later.low),
            max(self.fall, later.fall, self.high - (self.total + later.low)),
        )


NOTHING = Stretch(ZERO, ZERO, ZERO, ZERO)


class Drawdown:
    """Amounts by hour; times are microseconds since 1970. Hours in which nothing happened take no room."""

    __slots__ = ("_ahead", "_changed", "_hours", "_last", "_nodes", "_span")

    def __init__(self) -> None:
        self._hours: dict[int, Decimal] = {}
        self._changed: set[int] = set()
        self._last, self._ahead = 2**62, set[int]()
        """The hour of now, and those behind it in which something is dated."""
        self._nodes: dict[tuple[int, int], Stretch] = {}
        self._span = 0
        """Levels of the tree: it covers 2 ** _span hours since 1970."""

    def add(self, at: int, amount: Decimal) -> None:
        """Add a signed amount in its hour. The tree follows when it is asked: a replay adds a million."""
        hour = max(0, at // HOUR_US)
        self._hours[hour] = self._hours.get(hour, ZERO) + amount
        self._changed.add(hour)
        if hour > self._last:
            self._ahead.add(hour)

    def until(self, now: int) -> None:
        """Leave out the hours that begin after now: they are nothing until their time comes."""
        last = now // HOUR_US
        if last < self._last:
            self._ahead.update(hour for hour in self._hours if last < hour <= self._last)
            self._changed |= self._ahead
        elif self._ahead:
            due = {hour for hour in self._ahead if hour <= last}
            self._changed |= due
            self._ahead -= due
        self._last = last

    def since(self, at: int) -> Decimal:
        """Return the deepest fall from a peak over the hours that begin at or after `at`, in dollars."""
        for hour in self._changed:
            self._refresh(hour)
        self._changed.clear()
        first = max(0, -(-at // HOUR_US))
        return NOTHING.fall if first >> self._span else self._from(first, self._span, 0).fall

    def _refresh(self, place: int) -> None:
        while place >> self._span:
            self._grow()
        total = self._hours[place] if place <= self._last else ZERO
        self._nodes[0, place] = Stretch(total, max(total, ZERO), min(total, ZERO), max(-total, ZERO))
        for level in range(1, self._span + 1):
            place >>= 1
            below = self._nodes.get((level - 1, 2 * place), NOTHING)
            self._nodes[level, place] = below.then(self._nodes.get((level - 1, 2 * place + 1), NOTHING))

    def _from(self, first: int, level: int, place: int) -> Stretch:
        node = self._nodes.get((level, place), NOTHING)
        if first <= place << level:
            return node
        if level == 0 or node is NOTHING:
            return NOTHING
        middle = (2 * place + 1) << (level - 1)
        later = self._nodes.get((level - 1, 2 * place + 1), NOTHING)
        if first >= middle:
            return self._from(first, level - 1, 2 * place + 1)
        return self._from(first, level - 1, 2 * place).then(later)

    def _grow(self) -> None:
        root = self._nodes.get((self._span, 0))
        self._span += 1
        if root is not None:
            self._nodes[self._span, 0] = root
