"""What the lines of a period can be divided by, and whose lines each divides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from exporter.records.kinds import Kind

Dimension = Literal[
    "source", "market", "event", "series", "product", "customer", "model", "workspace", "kind", "tier", "key"
]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

DIVIDES: Mapping[Dimension, Kind | None] = {
    "source": None,
    "market": "venue",
    "event": "venue",
    "series": "venue",
    "product": "sales",
    "customer": "sales",
    "model": "api_cost",
    "workspace": "api_cost",
    "kind": "api_cost",
    "tier": "api_cost",
    "key": "api_cost",
}
"""Whose lines a dimension divides: those of one kind of source, or of all of them."""
