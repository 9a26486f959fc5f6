"""How many sales were made and how many refunds given, by window.

Rule:   counted from the very entries that book their money, so that a count and its amount are always of
        the same sales: one when the sale was made, a refund when it was given, and a revision takes back
        what it replaces at the old one's own time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from exporter.ledger.journal import Entry
from exporter.ledger.timeline import Timeline

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Counts:
    """One window: paid sales made in it, and refunds given in it, of whatever sale."""

    orders: int
    refunds: int


class Orders:
    """Sales and refunds in order of time."""

    def __init__(self) -> None:
        self._orders, self._refunds = Timeline(), Timeline()

    def take(self, entries: Iterable[Entry]) -> None:
        """Take entries of sales; a reversed one takes its sale or refund back."""
        for entry in entries:
            counted = self._orders if "sales_gross" in entry.amounts else self._refunds
            counted.add(entry.at, ONE if entry.forward else -ONE)

    def until(self, now: int) -> None:
        """Let windows end now."""
        self._orders.until(now)
        self._refunds.until(now)

    def stated(self, window: str, start: int | None) -> Counts:
        """Return the window's counts; None as its start means all of them."""
        orders, refunds = (
            timeline.counted if start is None else timeline.since(window, start)
            for timeline in (self._orders, self._refunds)
        )
        return Counts(int(orders), int(refunds))
