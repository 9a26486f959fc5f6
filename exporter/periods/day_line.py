"""What happened on one day of the reporting zone, as it is kept: amounts in slots, counts, doubts.

Unit:   amounts are signed contributions in dollars, as in the statement; `open_cost` is what left the cost of
        the open contracts, negative where some were bought. Slots are quarters of an hour, counted from the
        day's first moment: every offset of a zone since 1972 is whole quarters, so that hours of the zone
        are sums of slots.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec

from exporter.money import ZERO
from exporter.snapshot import GradeWord

SLOT = timedelta(minutes=15)


class LineDoubt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What keeps a component of a day from being final."""

    component: str
    grade: GradeWord
    code: str
    text: str


class DayLine(msgspec.Struct, omit_defaults=True):
    """Amounts by account and slot, and how much happened, by its name.

    `names` is what else is known of what it is the line of: a sale's product and customer.
    """

    amounts: dict[str, dict[int, Decimal]] = {}
    counts: dict[str, int] = {}
    doubts: list[LineDoubt] = []
    names: dict[str, str] = {}

    def add(self, account: str, slot: int, usd: Decimal) -> None:
        """Add an amount to a slot; what comes to nothing is no slot."""
        slots = self.amounts.setdefault(account, {})
        total = slots.get(slot, ZERO) + usd
        if total:
            slots[slot] = total
        else:
            slots.pop(slot, None)
            if not slots:
                del self.amounts[account]

    def count(self, name: str, more: int = 1) -> None:
        """Count more, or less, of what happened."""
        total = self.counts.get(name, 0) + more
        if total:
            self.counts[name] = total
        else:
            self.counts.pop(name, None)

    def put(self, other: DayLine, sign: int = 1) -> None:
        """Add the amounts and counts of another line, or with -1 take them away."""
        for account, slots in other.amounts.items():
            for slot, usd in slots.items():
                self.add(account, slot, sign * usd)
        for name, number in other.counts.items():
            self.count(name, sign * number)

    def sums(self) -> dict[str, Decimal]:
        """Return what each account comes to on the whole day."""
        return {account: sum(slots.values(), ZERO) for account, slots in self.amounts.items()}

    def __bool__(self) -> bool:
        return bool(self.amounts or self.counts or self.doubts)


class DaySums(msgspec.Struct, omit_defaults=True):
    """A day of one source: what each account comes to, and how much happened."""

    sums: dict[str, Decimal] = {}
    counts: dict[str, int] = {}


def encoded(line: DayLine | DaySums) -> str:
    """Return a line as JSON."""
    return msgspec.json.encode(line).decode()
