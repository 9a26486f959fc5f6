"""Unit economics of a window: what an order brings, and what it costs.

Rule:   made of what the snapshot states, so that only published figures are divided. A figure has the
        worst grade of its parts, and no value when one of them is missing. Without an order there is
        nothing to divide by, and no figure at all: not zero, and not missing either.
Signs:  API cost is positive; a contribution is negative when an order costs more than it brings.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from exporter.money import ZERO
from exporter.snapshot import COMPONENTS, Grade, Tree

SALES = tuple(name for name in COMPONENTS if name.startswith("sales_"))
API_COST = tuple(name for name in COMPONENTS if name.startswith("api_cost_"))

COUNTED = "sales_gross"
"""The component of the very sales that the orders count; the count is as certain as it is."""

DIVIDED = {
    "average_order": (1, (COUNTED,)),
    "api_cost_per_order": (-1, API_COST),
    "contribution_per_order": (1, (*SALES, *API_COST)),
}
"""The sign with which a sum of components is divided by the orders."""

REFUND_RATIO = "refund_ratio"
FIGURES = (*DIVIDED, REFUND_RATIO)


@dataclass(frozen=True, slots=True)
class PerOrder:
    """One figure, unrounded; `value` is None exactly when the grade is MISSING."""

    value: Decimal | None
    grade: Grade


def per_order(tree: Tree, window: str) -> dict[str, PerOrder]:
    """Return a window's figures by name; none while nothing was sold.

    A figure whose source is switched off is left out.
    """
    parts = tree["windows"][window]["components"]
    counts = tree.get("sales", {}).get(window, {})
    orders, refunds = counts.get("orders", 0), counts.get("refunds", 0)
    figures: dict[str, PerOrder] = {}
    for name, (sign, components) in DIVIDED.items():
        needed = [parts.get(component) for component in (COUNTED, *components)]
        amount = sum((Decimal(part.get("usd", 0)) for part in needed[1:] if part), ZERO)
        figures |= _figure(name, needed, sign * amount, orders)
    return figures | _figure(REFUND_RATIO, [parts.get(COUNTED)], Decimal(refunds), orders)


def _figure(name: str, needed: list[Tree | None], amount: Decimal, orders: int) -> dict[str, PerOrder]:
    known = [part for part in needed if part is not None]
    if len(known) < len(needed):
        return {}
    grade = min(Grade[part["grade"].upper()] for part in known)
    if grade is Grade.MISSING:
        return {name: PerOrder(None, grade)}
    return {name: PerOrder(amount / orders, grade)} if orders else {}
