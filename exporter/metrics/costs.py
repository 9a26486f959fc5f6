"""API cost in a scrape: what the snapshot says of it, as samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from exporter.ledger.snapshot import Tree, unstamp

Sample = tuple[str, Sequence[str], float]


def samples(tree: Tree) -> Iterator[Sample]:
    """Yield name, labels and value of each figure of the snapshot; nothing where Anthropic takes no part."""
    if "api_cost" in tree:
        yield from _restatements(tree["api_cost"]["restatements"])


def _restatements(stated: Tree) -> Iterator[Sample]:
    yield "northstar_api_cost_restatements_total", (), stated["count"]
    for last in stated["latest"][-1:]:
        change = Decimal(last["after"]) - Decimal(last["before"])
        yield "northstar_api_cost_restatement_usd", (), float(change)
        yield "northstar_api_cost_restatement_timestamp_seconds", (), unstamp(last["at"]).timestamp()
