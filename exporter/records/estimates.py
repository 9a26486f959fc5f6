"""What the usage of a day was estimated at, in the words that its bill will use.

Rule:   token cost goes by model, web searches are a row of their own, as on the bill. What usage cannot show
        (code execution, sessions) has no row, and a model without a price has tokens but no cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from exporter.money import ZERO
from exporter.records import EstimateRow, UsageHour, UsageLine

WEB_SEARCH = "web_search"


def estimates(hours: Iterable[UsageHour]) -> tuple[EstimateRow, ...]:
    """Return the rows of these hours, by name."""
    cost: dict[str, Decimal] = {}
    high: dict[str, Decimal] = {}
    unpriced: dict[str, int] = {}
    for hour in hours:
        for line in hour.lines:
            searches = searched(line)
            new = sum(count for _, count in line.unknown)
            if searches or (line.web_searches and line.cost is not None):
                cost[WEB_SEARCH] = cost.get(WEB_SEARCH, ZERO) + searches
                high[WEB_SEARCH] = high.get(WEB_SEARCH, ZERO) + searches
            if line.cost is None or line.highest is None:
                unpriced[line.model] = unpriced.get(line.model, 0) + line.tokens + new
                continue
            if new:
                unpriced[line.model] = unpriced.get(line.model, 0) + new
            cost[line.model] = cost.get(line.model, ZERO) + line.cost - searches
            high[line.model] = high.get(line.model, ZERO) + line.highest - searches
    names = sorted({*cost, *(model for model, tokens in unpriced.items() if tokens)})
    return tuple(
        EstimateRow(name=name, cost=cost.get(name), high=high.get(name), unpriced=unpriced.get(name, 0))
        for name in names
    )


def searched(line: UsageLine) -> Decimal:
    """Return what of a line's estimate is web searches."""
    return sum((cost for kind, cost in line.costs if kind == WEB_SEARCH), ZERO)
