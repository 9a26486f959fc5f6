"""What a statement is made of: the windows, and the components in income-statement order."""

from __future__ import annotations

from typing import Literal, get_args

Window = Literal["today", "24h", "7d", "30d", "mtd", "ytd", "all"]

WINDOWS: tuple[Window, ...] = get_args(Window)

COMPONENTS = (
    "trading_realised",
    "trading_unrealised_change",
    "trading_fees",
    "sales_gross",
    "sales_refunds",
    "sales_fees",
    "api_cost_billed",
    "api_cost_estimated",
)
"""Signed contributions in income-statement order; their sum is the net, exactly."""

COMPONENT_SOURCE = {
    "trading_realised": "kalshi",
    "trading_unrealised_change": "kalshi",
    "trading_fees": "kalshi",
    "sales_gross": "sales",
    "sales_refunds": "sales",
    "sales_fees": "sales",
    "api_cost_billed": "anthropic",
    "api_cost_estimated": "anthropic",
}


COUNTS = ("orders", "refunds")
"""What is counted of a window: paid sales made in it, refunds given in it."""
