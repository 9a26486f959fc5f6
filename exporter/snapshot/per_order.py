"""Unit economics of a window: what an order brings, and what it costs.

Rule:   divided once, here, of what the snapshot states, so that only published figures are divided. A figure
        has the worst grade of its parts, and no value when one of them is missing. Without an order there is
        nothing to divide by, and no figure at all: not zero, and not missing either.
Signs:  API cost is positive; a contribution is negative when an order costs more than it brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal

from exporter.money import ZERO
from exporter.snapshot.components import KIND_COMPONENTS
from exporter.snapshot.figure import Figure, Grade
from exporter.snapshot.texts import ratio
from exporter.snapshot.tree import PerOrder, PerOrderFigure

COUNTED = "sales_gross"
"""The component of the very sales that the orders count; the count is as certain as it is."""

DIVIDED = {
    "average_order": (1, (COUNTED,)),
    "api_cost_per_order": (-1, KIND_COMPONENTS["api_cost"]),
    "contribution_per_order": (1, (*KIND_COMPONENTS["sales"], *KIND_COMPONENTS["api_cost"])),
}
"""The sign with which a sum of components is divided by the orders."""

QUOTIENT = Context(prec=28)
"""Digits of a quotient, which never ends by itself: sums are exact with many more, and nobody reads those."""

REFUND_RATIO = "refund_ratio"
PER_ORDER = (*DIVIDED, REFUND_RATIO)


def per_order(components: Mapping[str, Figure], orders: int, refunds: int) -> PerOrder | None:
    """Return a window's figures with all digits; None while nothing was sold.

    A figure whose source is switched off is left out.
    """
    stated: dict[str, PerOrderFigure | None] = {}
    for name, (sign, wanted) in DIVIDED.items():
        needed = [components.get(component) for component in (COUNTED, *wanted)]
        amount = sum((part.usd for part in needed[1:] if part is not None and part.usd is not None), ZERO)
        stated[name] = _divided(needed, sign * amount, orders)
    stated[REFUND_RATIO] = _divided([components.get(COUNTED)], Decimal(refunds), orders)
    return PerOrder(**stated) if any(stated.values()) else None


def _divided(needed: list[Figure | None], amount: Decimal, orders: int) -> PerOrderFigure | None:
    known = [part for part in needed if part is not None]
    if len(known) < len(needed):
        return None
    grade = min(part.grade for part in known)
    if grade is Grade.MISSING:
        return PerOrderFigure(grade=grade.word)
    if not orders:
        return None
    return PerOrderFigure(value=ratio(QUOTIENT.divide(amount, Decimal(orders))), grade=grade.word)
