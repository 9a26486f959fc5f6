"""The shape of the statement: the windows, and the components in income-statement order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from exporter.records.kinds import Kind

Window = Literal["today", "24h", "7d", "30d", "mtd", "ytd", "all"]

WINDOWS: tuple[Window, ...] = get_args(Window)


@dataclass(frozen=True, slots=True)
class Component:
    """One line of the statement: which kind of source it comes from, and what a reader is told it is."""

    name: str
    kind: Kind
    title: str


STATEMENT = (
    Component("trading_realised", "venue", "Realised"),
    Component("trading_unrealised_change", "venue", "Unrealised, change"),
    Component("trading_fees", "venue", "Fees"),
    Component("sales_gross", "sales", "Gross"),
    Component("sales_refunds", "sales", "Refunds"),
    Component("sales_fees", "sales", "Fees"),
    Component("api_cost_billed", "api_cost", "Billed"),
    Component("api_cost_estimated", "api_cost", "Estimated"),
)
"""Signed contributions; their sum is the net, exactly."""

COMPONENTS = tuple(component.name for component in STATEMENT)

KIND_COMPONENTS: dict[Kind, tuple[str, ...]] = {
    kind: tuple(component.name for component in STATEMENT if component.kind == kind)
    for kind in dict.fromkeys(component.kind for component in STATEMENT)
}
"""The components that the sources of each kind bring."""

KIND_TITLES: dict[Kind, str] = {"venue": "Trading", "sales": "Sales", "api_cost": "API cost"}
"""What the lines of a kind are called together."""

COUNTS = ("orders", "refunds")
"""What is counted of a window: paid sales made in it, refunds given in it."""
