"""Amounts in order of time, with the sum since each window's start.

Windows only move forward, so a sum is kept per window and loses what the start has passed:
the work of a tick is what enters and what leaves, however long the history is. An amount
takes 13 bytes (time, digits, exponent), which is what lets a million of them fit; 17 once an
amount of its timeline has more than nine digits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from decimal import Decimal

from exporter.errors import LedgerError
from exporter.money import ZERO

_SMALL, _LARGEST = 2**31 - 1, 2**63 - 1


class Timeline:
    """Signed amounts of one component. Times are microseconds since 1970."""

    __slots__ = ("_digits", "_exponents", "_sums", "_times", "total")

    def __init__(self) -> None:
        self.total = ZERO
        self._times = array("q")
        self._digits = array("i")
        self._exponents = array("b")
        self._sums: dict[str, tuple[int, Decimal]] = {}

    def __len__(self) -> int:
        return len(self._times)

    def add(self, at: int, amount: Decimal) -> None:
        """Put an amount at its time; an amount is taken back by adding its negative at the same time.

        Raises LedgerError for an amount of more than 18 significant digits; nothing is added then.
        """
        if not amount:
            return
        digits, exponent = pack(amount)
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
        for window, (start, total) in self._sums.items():
            if at >= start:
                self._sums[window] = (start, total + amount)

    def since(self, window: str, start: int) -> Decimal:
        """Return the sum of [start, end of time) and remember it under the window's name."""
        known = self._sums.get(window)
        if known is None:
            total = self.total - self._between(None, start)
        elif start >= known[0]:
            total = known[1] - self._between(known[0], start)
        else:
            total = known[1] + self._between(start, known[0])
        self._sums[window] = (start, total)
        return total

    def first(self) -> int | None:
        """Return the time of the earliest amount, None when there is none."""
        return self._times[0] if self._times else None

    def _between(self, start: int | None, end: int) -> Decimal:
        lower = 0 if start is None else bisect_left(self._times, start)
        upper = bisect_left(self._times, end)
        if lower >= upper:
            return ZERO
        # Summed as integers per exponent: a window that moves a year at once stays quick.
        sums: dict[int, int] = {}
        for place in range(lower, upper):
            exponent = self._exponents[place]
            sums[exponent] = sums.get(exponent, 0) + self._digits[place]
        return sum((Decimal(digits).scaleb(exponent) for exponent, digits in sums.items()), ZERO)


def pack(amount: Decimal) -> tuple[int, int]:
    """Return the digits and the exponent of an amount. Raises LedgerError where 64 bits are too few."""
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    digits = int(amount.scaleb(-exponent))
    if abs(digits) > _LARGEST or not -128 <= exponent <= 127:
        raise LedgerError(f"The amount {amount} has more digits than the ledger keeps; it was not booked.")
    return digits, exponent
