"""What the snapshot says about API cost beside the components of each window."""

from __future__ import annotations

from typing import Any

from exporter.ledger.snapshot import Tree, stamp
from exporter.ledger.spending import Spending
from exporter.money import plain
from exporter.records import Landing

SHOWN = 5
"""Restatements in a snapshot, the newest last. All of them are in the database; a page marks the last few."""


def restatements(spending: Spending) -> Tree:
    """State how many bills have changed after they were there, and the last few."""
    return {
        "count": len(spending.restatements),
        "latest": [_restatement(landing) for landing in spending.restatements[-SHOWN:]],
    }


def _restatement(landing: Landing) -> dict[str, Any]:
    assert landing.before is not None
    return {
        "day": landing.day.isoformat(),
        "before": plain(landing.before),
        "after": plain(landing.amount),
        "at": stamp(landing.at),
    }
