"""What was sold, and what was given back.

Units: dollars as Decimal, positive, without tax; times aware, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money given back for a sale, counted when it is given."""

    refund_id: str
    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One sale with its refunds; only status `paid` is income. `gross` and refunds exclude tax."""

    kind: ClassVar[str] = "sale"
    source: str
    sale_id: str
    at: datetime
    updated_at: datetime
    status: Literal["pending", "paid", "void"]
    gross: Decimal
    fee: Decimal
    tax: Decimal
    customer: str
    product: str
    refunds: tuple[Refund, ...]

    @property
    def key(self) -> str:
        return self.sale_id

    @property
    def scope(self) -> str:
        return self.sale_id
