"""Which contracts a partial close consumes: all of them in proportion, or the oldest first.

The venue does not say which it uses. The choice only moves profit between realised and
unrealised while a position is open; their sum and every settled result are the same. So both
are kept, one by the setting, and `reconciliation` says which of them the venue's figures follow.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Literal, Protocol, Self

from exporter.money import ZERO, to_micro

LotRule = Literal["average", "fifo"]


class Lots(Protocol):
    """The cost of the contracts that are open, in dollars."""

    cost: Decimal

    def add(self, count: Decimal, price: Decimal) -> None:
        """Open contracts at a price each."""

    def take(self, count: Decimal, held: Decimal) -> Decimal:
        """Close `count` of the `held` contracts and return what they had cost."""

    def copy(self) -> Self:
        """Return the same lots, to go on by themselves."""

    @property
    def state(self) -> tuple[object, ...]:
        """What all later closes depend on: equal for lots that will cost the same for ever."""


class AverageCost:
    """Each close takes its share of the whole cost, rounded to the micro-dollar; the last takes the rest."""

    __slots__ = ("cost",)

    def __init__(self) -> None:
        self.cost = ZERO

    def add(self, count: Decimal, price: Decimal) -> None:
        self.cost += count * price

    def take(self, count: Decimal, held: Decimal) -> Decimal:
        freed = self.cost if count == held else to_micro(self.cost * count / held)
        self.cost -= freed
        return freed

    def copy(self) -> Self:
        other = type(self)()
        other.cost = self.cost
        return other

    @property
    def state(self) -> tuple[object, ...]:
        return (self.cost,)


class FirstInFirstOut:
    """Each close takes the contracts that were bought first, at what they had cost: nothing is rounded."""

    __slots__ = ("_queue", "cost")

    def __init__(self) -> None:
        self.cost = ZERO
        self._queue: deque[tuple[Decimal, Decimal]] = deque()

    def add(self, count: Decimal, price: Decimal) -> None:
        self.cost += count * price
        self._queue.append((count, price))

    def take(self, count: Decimal, held: Decimal) -> Decimal:
        freed = ZERO
        while count:
            first, price = self._queue.popleft()
            used = min(first, count)
            if used < first:
                self._queue.appendleft((first - used, price))
            freed += used * price
            count -= used
        self.cost -= freed
        return freed

    def copy(self) -> Self:
        other = type(self)()
        other.cost, other._queue = self.cost, self._queue.copy()
        return other

    @property
    def state(self) -> tuple[object, ...]:
        merged: list[tuple[Decimal, Decimal]] = []
        for count, price in self._queue:
            if merged and merged[-1][1] == price:
                count += merged.pop()[0]
            merged.append((count, price))
        return tuple(merged)


def both(rule: LotRule) -> tuple[Lots, Lots]:
    """Return the lots kept by the rule, and those kept by the other one."""
    average, fifo = AverageCost(), FirstInFirstOut()
    return (average, fifo) if rule == "average" else (fifo, average)
