"""A commit: a snapshot on the disk, for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from exporter.store import Store

from .table import Row, percentile, timed
from .workshop import Workshop, moving

HOW = """`SnapshotStore.append` of snapshots in which one price moves, with few and with many open positions
(every hundredth row also holds the whole snapshot). In turn with each, one row of the size of a delta is
committed to a bare SQLite file with the same safety (`synchronous=FULL`): what this disk can do."""

BUDGET_MS = 5.0
FEW_POSITIONS = 10
BARE_ROW = b"x" * 1_000


def measure(workshop: Workshop) -> list[Row]:
    """Return the time of a durable commit beside that of a bare one."""
    rows: list[Row] = []
    for positions in (FEW_POSITIONS, workshop.scale.positions):
        ours, bare = _commits(workshop, positions)
        ratio = percentile(ours, 50) / percentile(bare, 50)
        bare_p99 = percentile(bare, 99) * 1e3
        beside = f"{ratio:.2f} x a bare row (p99 {bare_p99:.2f} ms)"
        rows.append(timed(f"commit: a snapshot with {positions:,} positions", ours, BUDGET_MS, beside))
    return rows


def _commits(workshop: Workshop, positions: int) -> tuple[Sequence[float], Sequence[float]]:
    path = workshop.folder / f"commit-{positions}.sqlite3"
    ledger = workshop.ledger(workshop.scale.few_records, positions)
    ours: list[float] = []
    bare: list[float] = []
    with Store.write(path) as store:
        plain = _bare(workshop.folder / f"bare-{positions}.sqlite3")
        for tree in moving(ledger, store.snapshots.epoch, workshop.scale.commits):
            began = perf_counter()
            store.snapshots.append(tree)
            between = perf_counter()
            plain.execute("INSERT INTO plain (body) VALUES (?)", (BARE_ROW,))
            bare.append(perf_counter() - between)
            ours.append(between - began)
        plain.close()
    return ours, bare


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE plain (id INTEGER PRIMARY KEY, body BLOB)")
    return connection
