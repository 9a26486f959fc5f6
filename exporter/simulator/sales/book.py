"""John's book of sales: what was sold, refunded, voided or corrected.

Units:  dollars, Decimal, positive. `gross` is the price charged without tax; `tax` belongs to the
        authority and is never income; `fee` is payment processing, which John keeps.
Rule:   every change of a sale moves its `updated_at` forward.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from exporter.simulator.clock import Clock
from exporter.simulator.wire import identity

Amount = Decimal | str | int
STATUSES = ("pending", "paid", "void")


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, dated when it was given; tax excluded."""

    id: str
    refunded_at: datetime
    amount: Decimal


@dataclass(slots=True)
class Sale:
    """One sale as it stands now."""

    id: str
    created_at: datetime
    updated_at: datetime
    status: str
    gross: Decimal
    fee: Decimal
    tax: Decimal
    customer: str
    product: str
    refunds: list[Refund] = field(default_factory=list)


class Book:
    """All sales, and the order in which they last changed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sales: dict[str, Sale] = {}
        self._order: list[tuple[datetime, str]] = []  # (updated_at, id), ascending

    def sale(
        self,
        gross: Amount,
        *,
        fee: Amount = 0,
        tax: Amount = 0,
        status: str = "paid",
        at: datetime | None = None,
        id: str | None = None,
        customer: str = "customer-1",
        product: str = "report",
    ) -> Sale:
        """Add a sale, created (and last changed) at `at`."""
        if status not in STATUSES:
            raise ValueError(f"unknown status {status}")
        time = at or self.clock()
        name = id or "sale_" + identity(time, str(gross), len(self.sales))[:18]
        sale = Sale(name, time, time, status, Decimal(gross), Decimal(fee), Decimal(tax), customer, product)
        self.sales[name] = sale
        insort(self._order, (time, name))
        return sale

    def refund(
        self, id: str, amount: Amount, *, at: datetime | None = None, refund_id: str | None = None
    ) -> Refund:
        """Give back `amount` dollars of a sale."""
        sale, time = self.sales[id], at or self.clock()
        refund = Refund(
            refund_id or "refund_" + identity(id, time, len(sale.refunds))[:18], time, Decimal(amount)
        )
        sale.refunds.append(refund)
        self._touch(sale, time)
        return refund

    def change(
        self,
        id: str,
        *,
        status: str | None = None,
        gross: Amount | None = None,
        fee: Amount | None = None,
        tax: Amount | None = None,
        at: datetime | None = None,
    ) -> Sale:
        """Correct a sale, or move it on to another status."""
        sale = self.sales[id]
        if status is not None and status not in STATUSES:
            raise ValueError(f"unknown status {status}")
        sale.status = status or sale.status
        sale.gross = sale.gross if gross is None else Decimal(gross)
        sale.fee = sale.fee if fee is None else Decimal(fee)
        sale.tax = sale.tax if tax is None else Decimal(tax)
        self._touch(sale, at or self.clock())
        return sale

    def changed(
        self, since: datetime | None, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[list[Sale], bool]:
        """Return up to `limit` sales by (updated_at, id), and whether more follow."""
        first = bisect_left(self._order, (since, "")) if since else 0
        if after:
            first = max(first, bisect_right(self._order, after))
        keys = self._order[first : first + limit]
        return [self.sales[name] for _, name in keys], first + limit < len(self._order)

    def _touch(self, sale: Sale, time: datetime) -> None:
        if time < sale.updated_at:
            raise ValueError(f"{sale.id} already changed at {sale.updated_at}")
        del self._order[bisect_left(self._order, (sale.updated_at, sale.id))]
        sale.updated_at = time
        insort(self._order, (time, sale.id))
