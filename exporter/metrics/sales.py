"""Sales in a scrape: how many there were, and what each of them brings and costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.snapshot import COUNTS, Grade, Tree

NAMES = {
    "average_order": "northstar_sales_average_order_usd",
    "api_cost_per_order": "northstar_sales_api_cost_per_order_usd",
    "contribution_per_order": "northstar_sales_contribution_per_order_usd",
    "refund_ratio": "northstar_sales_refund_ratio",
}


def samples(tree: Tree) -> Iterator[tuple[str, Sequence[str], float]]:
    """Yield name, labels and value of each figure; what is missing has a grade and no value."""
    for window, counted in tree.get("sales", {}).items():
        for count in (name for name in COUNTS if name in counted):
            yield f"northstar_sales_{count}", (window,), counted[count]
        for figure, stated in counted.get("per_order", {}).items():
            yield "northstar_sales_per_order_grade", (window, figure), float(Grade[stated["grade"].upper()])
            if "value" in stated:
                yield NAMES[figure], (window,), float(stated["value"])
