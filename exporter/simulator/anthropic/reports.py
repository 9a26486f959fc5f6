"""Rows of the cost report and the usage report, grouped as asked.

Source: Anthropic "Get Cost Report" and "Get Messages Usage Report" (read 2026-08, live behaviour
        until 2026-11).
Units:  `amount` is a decimal string in cents with six or more decimals; tokens are integers.
Quirk:  a field is null when it was not grouped by, and also for the default workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from exporter.simulator.anthropic.lines import CostLine, Usage
from exporter.simulator.wire import exact

Row = dict[str, Any]
PARSED = ("cost_type", "model", "service_tier", "token_type", "context_window", "inference_geo")
COST_GROUPS = ("workspace_id", "description")
USAGE_GROUPS = (
    "account_id",
    "api_key_id",
    "context_window",
    "inference_geo",
    "model",
    "service_account_id",
    "service_tier",
    "speed",
    "workspace_id",
)
ALWAYS_PRESENT = (
    "api_key_id",
    "workspace_id",
    "account_id",
    "service_account_id",
    "model",
    "service_tier",
    "context_window",
    "inference_geo",
)  # `speed` is there only when grouped by it
TOKENS = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "web_searches")


def cost_rows(lines: Iterable[CostLine], groups: Sequence[str], *, exponent: bool = False) -> list[Row]:
    """Return a day's rows: one in all without groups, else one per workspace and/or description.

    With `exponent` amounts are written with one.
    """
    found: dict[tuple[Any, ...], tuple[CostLine, Decimal]] = {}
    for line in lines:
        key = tuple(getattr(line, name) for name in groups)
        # The parsed fields belong to the description: twins that differ only by it stay apart.
        first, total = found.get(key, (line, Decimal(0)))
        found[key] = (first, total + line.amount)
    rows = [_cost_row(first, total, groups) for first, total in found.values()]
    if exponent:
        for row in rows:
            row["amount"] = f"{Decimal(row['amount']).normalize():E}"
    return rows


def _cost_row(line: CostLine, amount: Decimal, groups: Sequence[str]) -> Row:
    row: Row = {"amount": exact(amount, 6), "currency": "USD"}
    row["workspace_id"] = line.workspace_id if "workspace_id" in groups else None
    described = "description" in groups
    row["description"] = line.description if described else None
    return row | {name: getattr(line, name) if described else None for name in PARSED}


def usage_rows(lines: Iterable[Usage], groups: Sequence[str]) -> list[Row]:
    """Return a bucket's rows, one per combination of `groups`, in the order of their keys."""
    totals: dict[tuple[Any, ...], list[int]] = {}
    for line in lines:
        key = tuple(getattr(line, name) for name in groups)
        sums = totals.get(key)
        if sums is None:
            sums = totals[key] = [0] * len(TOKENS)
        sums[0] += line.uncached_input
        sums[1] += line.cache_write_5m
        sums[2] += line.cache_write_1h
        sums[3] += line.cache_read
        sums[4] += line.output
        sums[5] += line.web_searches
    return [
        _usage_row(dict(zip(groups, key, strict=True)), sums)
        for key, sums in sorted(totals.items(), key=lambda item: [part or "" for part in item[0]])
    ]


def _usage_row(group: dict[str, Any], sums: list[int]) -> Row:
    row: Row = {
        "uncached_input_tokens": sums[0],
        "cache_creation": {"ephemeral_5m_input_tokens": sums[1], "ephemeral_1h_input_tokens": sums[2]},
        "cache_read_input_tokens": sums[3],
        "output_tokens": sums[4],
        "server_tool_use": {"web_search_requests": sums[5]},
    }
    row |= {name: group.get(name) for name in ALWAYS_PRESENT}
    return row | ({"speed": group["speed"]} if "speed" in group else {})


def usage_filter(wanted: dict[str, frozenset[str]]) -> Callable[[Usage], bool]:
    """Return whether a usage line passes every filter; `wanted` is by field name."""
    return lambda line: all(getattr(line, name) in values for name, values in wanted.items())
