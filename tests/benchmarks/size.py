"""The disk a year takes: snapshots by the retention in force, and the raw answers of a day."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

from exporter.settings import Settings
from exporter.store import Store
from exporter.store.snapshots import MINUTES_KEPT

from . import books
from .table import Row
from .workshop import Workshop, moving

HOW = """A store is filled with snapshots ten seconds apart in which one price moves, then rolled up.
Its bytes per row are extrapolated: every snapshot of the last 30 days, one a minute for a year, then one
an hour. Raw answers: what the minute of the demo kept, scaled from its pace to that of real accounts."""

POSITIONS = 20
EVERY = timedelta(seconds=10)
DAY = timedelta(days=1)
DEMO_KALSHI_SECONDS = 1.0
MIB = 2**20


def measure(workshop: Workshop) -> list[Row]:
    """Return bytes per snapshot and per year, and of raw answers per day."""
    rows = [*snapshots(workshop)]
    demo = workshop.folder / "demo.sqlite3"
    if demo.exists() and (answers := _answers(demo)) is not None:
        rows.append(answers)
    return rows


def snapshots(workshop: Workshop) -> list[Row]:
    """Return what snapshots take."""
    path = workshop.folder / "size.sqlite3"
    ledger = workshop.ledger(workshop.scale.few_records, POSITIONS)
    with Store.write(path) as store:
        for tree in moving(ledger, store.snapshots.epoch, workshop.scale.kept_snapshots):
            store.snapshots.append(tree)
        raw = _bytes(path, "snapshots")
        later = books.NOW + timedelta(days=60)
        while store.snapshots.roll_up(later, DAY):
            pass
        rolled = _bytes(path, "rollups") or raw
    days = Settings.model_fields["raw_days"].default
    year = days * DAY / EVERY * raw + MINUTES_KEPT / timedelta(minutes=1) * rolled
    after = timedelta(days=365) / timedelta(hours=1) * rolled
    return [
        Row(f"size: a snapshot with {POSITIONS} positions, every 10 s", "", f"{raw:,.0f} bytes"),
        Row("size: a minute's, an hour's or a day's roll-up", "", f"{rolled:,.0f} bytes"),
        Row(
            "size: snapshots of the first year",
            "",
            f"{year / MIB:,.0f} MiB ({days} days whole, a year of minutes); "
            f"later years {after / MIB:,.1f} MiB each",
        ),
    ]


def _answers(path: Path) -> Row | None:
    connection = sqlite3.connect(path)
    kept, count, seconds = connection.execute(
        "SELECT (SELECT sum(length(body)) FROM bodies), count(*), (max(fetched_at) - min(fetched_at)) / 1e6"
        " FROM answers WHERE reading > (SELECT min(reading) + 3 FROM answers)"
    ).fetchone()
    first = connection.execute(
        "SELECT sum(length(body)) FROM bodies WHERE sha256 IN"
        " (SELECT sha256 FROM answers WHERE reading <= (SELECT min(reading) + 3 FROM answers))"
    ).fetchone()[0]
    connection.close()
    if not seconds:
        return None
    slower = Settings.model_fields["kalshi_interval_seconds"].default / DEMO_KALSHI_SECONDS
    a_day = (kept - (first or 0)) / seconds * DAY.total_seconds() / slower
    return Row("size: raw answers kept a day", "", f"{a_day / MIB:,.1f} MiB, from {count:,} of the demo")


def _bytes(path: Path, table: str) -> float:
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    try:
        taken = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE ?", (f"%{table}%",))
        found = taken.fetchone()[0] or 0
    except sqlite3.OperationalError:  # built without dbstat
        found = path.stat().st_size
    connection.close()
    return float(found / rows) if rows else 0.0
