"""Amounts in order of time, with the sum from each window's start until now.

Windows only move forward, so a sum is kept per window and loses what the start has passed, and gains what
now has reached: the work of a tick is what enters and what leaves, however long the history is. What is
dated ahead of now waits for its time. An amount takes 13 bytes (time, digits, exponent), which is what lets a
million of them fit; 17 once an amount of its timeline has more than nine digits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from decimal import Decimal

from exporter.money import ZERO

_SMALL, _LARGEST = 2**31 - 1, 2**63 - 1

WIDE = 127
"""The exponent that says: these digits are a place among the few amounts that 64 bits are too few for."""


class Timeline:
    """Signed amounts of one component. Times are microseconds since 1970.

    `total` is all of them, `counted` those until now; until it is told otherwise, now is the end of time.
    """

    __slots__ = ("_digits", "_exponents", "_now", "_place", "_sums", "_times", "_wide", "counted", "total")

    def __init__(self) -> None:
        self.total = self.counted = ZERO
        self._times = array("q")
        self._digits = array("i")
        self._exponents = array("b")
        self._wide: list[Decimal] = []
        self._sums: dict[str, tuple[int, Decimal]] = {}
        self._now, self._place = _LARGEST, 0
        """Until when amounts count, and how many of them that are."""

    def add(self, at: int, amount: Decimal) -> None:
        """Put an amount at its time; an amount is taken back by adding its negative at the same time."""
        if not amount:
            return
        digits, exponent = pack(amount, self._wide)
        if abs(digits) > _SMALL and self._digits.typecode == "i":
            self._digits = array("q", self._digits)
        if not self._times or at >= self._times[-1]:
            self._times.append(at)
            self._digits.append(digits)
            self._exponents.append(exponent)
        else:
            place = bisect_right(self._times, at)
            self._times.insert(place, at)
            self._digits.insert(place, digits)
            self._exponents.insert(place, exponent)
        self.total += amount
        if at > self._now:
            return
        self._place += 1
        self.counted += amount
        for window, (start, total) in self._sums.items():
            if at >= start:
                self._sums[window] = (start, total + amount)

    def until(self, now: int) -> None:
        """Count what is dated until now; what is dated ahead waits, also if a clock ahead has counted it."""
        times, place = self._times, self._place
        reached = place == len(times) or times[place] > now
        if not reached or (place and times[place - 1] > now):
            moved = bisect_right(times, now)
            forward = moved > place
            lower, upper = (place, moved) if forward else (moved, place)
            amount = self._summed(lower, upper)
            self.counted += amount if forward else -amount
            for window, (start, total) in self._sums.items():
                inside = max(lower, bisect_left(times, start))
                amount = self._summed(inside, upper)
                self._sums[window] = (start, total + (amount if forward else -amount))
            self._place = moved
        self._now = now

    def ahead(self) -> dict[int, Decimal]:
        """Return what waits, by its time; what was taken back is nothing."""
        waiting: dict[int, Decimal] = {}
        for place in range(self._place, len(self._times)):
            at = self._times[place]
            waiting[at] = waiting.get(at, ZERO) + self._summed(place, place + 1)
        return {at: amount for at, amount in waiting.items() if amount}

    def since(self, window: str, start: int) -> Decimal:
        """Return the sum from a start until now and remember it under the window's name."""
        known = self._sums.get(window)
        if known is None:
            total = self.counted - self._between(None, start)
        elif start >= known[0]:
            total = known[1] - self._between(known[0], start)
        else:
            total = known[1] + self._between(start, known[0])
        self._sums[window] = (start, total)
        return total

    def first(self) -> int | None:
        """Return the time of the earliest amount that was not taken back, None when there is none."""
        times, place = self._times, 0
        while place < len(times):
            end = place + 1
            while end < len(times) and times[end] == times[place]:
                end += 1
            if self._summed(place, end):
                return times[place]
            place = end
        return None

    def _between(self, start: int | None, end: int) -> Decimal:
        lower = 0 if start is None else bisect_left(self._times, start)
        return self._summed(lower, min(bisect_left(self._times, end), self._place))

    def _summed(self, lower: int, upper: int) -> Decimal:
        """Return the sum of the amounts from one place to before another."""
        if lower >= upper:
            return ZERO
        # Summed as integers per exponent: a window that moves a year at once stays quick.
        sums: dict[int, int] = {}
        wide = ZERO
        for place in range(lower, upper):
            exponent = self._exponents[place]
            if exponent == WIDE:
                wide += self._wide[self._digits[place]]
            else:
                sums[exponent] = sums.get(exponent, 0) + self._digits[place]
        return sum((Decimal(digits).scaleb(exponent) for exponent, digits in sums.items()), wide)


def pack(amount: Decimal, wide: list[Decimal]) -> tuple[int, int]:
    """Return digits and exponent of an amount. One that does not fit into 64 bits is put into `wide`."""
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    digits = int(amount.scaleb(-exponent))
    if abs(digits) <= _LARGEST and -128 <= exponent < WIDE:
        return digits, exponent
    wide.append(amount)
    return len(wide) - 1, WIDE


def unpack(digits: int, exponent: int, wide: list[Decimal]) -> Decimal:
    """Return the amount that was packed."""
    return wide[digits] if exponent == WIDE else Decimal(digits).scaleb(exponent)
