"""A delta's size against the snapshot it leads to: what streaming changes saves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from exporter.snapshot import JsonObject, Snapshot, apply, decode, diff, encode
from exporter.store import Store

from . import process, stack
from .table import Row, most, percentile, unmeasured
from .workshop import Workshop, moving

HOW = """The bytes of each merge patch against those of the whole snapshot it leads to, both as JSON: every
snapshot of a minute of the demo, and snapshots with many open positions in which one price moves."""

BUDGET_PERCENT = 10.0

Whole = Snapshot | JsonObject


def measure(workshop: Workshop) -> list[Row]:
    """Return the median share, in the running demo and with many positions."""
    positions = workshop.scale.positions
    what = f"delta / snapshot bytes, the demo for {workshop.scale.demo_seconds:.0f} s, median"
    try:
        with stack.simulated(workshop, "demo") as running:
            time.sleep(workshop.scale.demo_seconds)
        demo = share(what, stored(running.database))
    except process.TookTooLong as error:
        demo = unmeasured(what, f"{BUDGET_PERCENT:g} %", str(error))
    trees = moving(workshop.ledger(workshop.scale.few_records, positions), "bench", workshop.scale.updates)
    return [demo, share(f"delta / snapshot bytes, {positions:,} positions, median", trees)]


def share(what: str, trees: Iterable[Whole]) -> Row:
    """Return the row of the median share of consecutive snapshots."""
    shares: list[float] = []
    patches: list[int] = []
    before: Whole | None = None
    for tree in trees:
        if before is not None:
            patches.append(len(encode(diff(before, tree))))
            shares.append(100 * patches[-1] / len(encode(tree)))
        before = tree
    if not shares:
        return unmeasured(what, f"{BUDGET_PERCENT:g} %", "fewer than two snapshots")
    beside = f"{percentile(patches, 50):,.0f} bytes, p99 {percentile(patches, 99):,.0f}"
    return most(what, percentile(shares, 50), BUDGET_PERCENT, "%", beside)


def stored(path: Path) -> list[JsonObject]:
    """Return the snapshots of a database, first to last."""
    with Store.read(path) as store:
        first = store.snapshots.first_sequence()
        whole = store.snapshots.at(first)
        if whole is None:
            return []
        trees: list[JsonObject] = [whole]
        for committed in store.snapshots.after(first):
            trees.append(apply(trees[-1], decode(committed.patch)))
    return trees
