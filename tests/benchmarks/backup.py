"""A backup: how long it takes, and what a commit notices of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from msgspec import structs

from exporter.store import Store
from exporter.store.backup import Made, back_up
from exporter.store.copies import Copies
from exporter.wiring import utc_now

from . import books, database
from .history import EVERY, POSITIONS
from .table import Row, percentile, timed
from .workshop import Workshop, moving

HOW = """A database with as many snapshots as the one of *history*. A writer commits snapshots at ten a
second, first alone, then while a thread of the same process makes and verifies a backup, as the exporter
does, then alone again. The first row is the whole of it, proof included; the last is what the pace is
for."""

BUDGET_MS = 100.0
"""What NORTHSTAR_LIMIT_COMMIT_SECONDS is when nobody sets it: ten commits a second have no more time."""

PACE_SECONDS = 0.1


def measure(workshop: Workshop) -> list[Row]:
    """Return how long a backup takes, and the commits without it and beside it."""
    rows = workshop.scale.history_rows
    one, two = moving(workshop.ledger(workshop.scale.few_records, POSITIONS), "", 2)
    path = workshop.folder / "backup.sqlite3"
    database.with_snapshots(path, rows, EVERY, books.NOW, one, two)
    copies = Copies(workshop.folder / "backups", path)
    with Store.write(path) as store, ThreadPoolExecutor(1) as thread:
        alone = commits(store, lambda done: done >= workshop.scale.backup_commits)
        began = perf_counter()
        making = thread.submit(_made, path, copies)
        beside = commits(store, lambda _: making.done())
        seconds = perf_counter() - began
        made = making.result()
        alone += commits(store, lambda done: done >= workshop.scale.backup_commits)
    size = f"{made.size / 1e6:,.0f} MB, {made.size / 1e6 / seconds:,.0f} MB a second"
    against = f"{percentile(beside, 50) / percentile(alone, 50):.2f} x the median without"
    return [
        Row(
            f"backup: {made.contents.snapshots:,} snapshots, made and verified",
            "",
            f"{seconds:.1f} s; {size}",
        ),
        timed("backup: a commit without one", alone),
        timed("backup: a commit beside one", beside, BUDGET_MS, against),
    ]


def _made(path: Path, copies: Copies) -> Made:
    return back_up(path, copies, utc_now())


def commits(store: Store, enough: Callable[[int], bool]) -> list[float]:
    """Commit at the pace of live quotes, at least once; return how long each commit took."""
    snapshot = store.snapshots.newest()
    assert snapshot is not None
    times: list[float] = []
    while not times or not enough(len(times)):
        snapshot = structs.replace(snapshot, sequence=snapshot.sequence + 1)
        began = perf_counter()
        store.snapshots.append(snapshot)
        times.append(perf_counter() - began)
        time.sleep(max(0.0, PACE_SECONDS - times[-1]))
    return times
