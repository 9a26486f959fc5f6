"""History: a month of snapshots asked for as one chart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import httpx

from exporter.store import Store
from exporter.times import stamp

from . import books, database, process
from .table import Row, timed, unmeasured
from .workshop import Workshop, frozen

HOW = """A database with a snapshot every ten seconds for 30 days (259 200 rows, written directly, each
with the delta and the figures of a real one). Asked is for 500 points over all of it: from
`SnapshotStore.history`, and from a real sidecar process over HTTP. The range is shifted a little each
time, so that no answer can be reused. In turn with each, the same process is asked whether it is alive,
which is what machine and HTTP cost by themselves."""

BUDGET_MS = 20.0
POINTS = 500
EVERY = timedelta(seconds=10)
START_SECONDS = 30.0
POSITIONS = 20


def measure(workshop: Workshop) -> list[Row]:
    """Return the time of one chart."""
    rows = workshop.scale.history_rows
    path = workshop.folder / "history.sqlite3"
    trees = [frozen(workshop.ledger(workshop.scale.few_records, POSITIONS), "", number) for number in (1, 2)]
    database.with_snapshots(path, rows, EVERY, books.NOW, trees[0], trees[1])
    what = f"history: {POINTS} points of {rows:,} snapshots"
    found = [timed(f"{what}, from the store", _from_store(workshop, path), BUDGET_MS)]
    try:
        times, nothing = _over_http(workshop, path)
        found.append(timed(f"{what}, over HTTP", times, BUDGET_MS, nothing))
    except process.TookTooLong as error:
        found.append(unmeasured(f"{what}, over HTTP", f"p99 {BUDGET_MS:g} ms", str(error)))
    return found


def _from_store(workshop: Workshop, path: Path) -> list[float]:
    times: list[float] = []
    with Store.read(path) as store:
        for start, end in _ranges(workshop):
            began = perf_counter()
            found = store.snapshots.history(start, end, POINTS)
            times.append(perf_counter() - began)
            assert found
    return times


def _over_http(workshop: Workshop, database_path: Path) -> tuple[list[float], str]:
    environment = workshop.environment(database_path)
    url = f"http://{process.HOST}:{environment['PORT']}/api/pnl"
    with httpx.Client() as client, process.running("stream", environment=environment) as child:
        process.until(child, lambda: process.answer(client, f"{url}/current"), START_SECONDS)
        paths = map(_question, *zip(*_ranges(workshop), strict=True))
        return process.beside(int(environment["PORT"]), paths, "/api/health/live")


def _question(start: datetime, end: datetime) -> str:
    step = -(-(end - start).total_seconds() // POINTS)
    return f"/api/pnl/history?from={stamp(start)}&to={stamp(end)}&step={step:.0f}"


def _ranges(workshop: Workshop) -> Iterator[tuple[datetime, datetime]]:
    dice = random.Random(1)
    span = EVERY * workshop.scale.history_rows
    for _ in range(workshop.scale.history_questions):
        end = books.NOW - timedelta(seconds=dice.randrange(3_600)) * (span / timedelta(days=30))
        yield end - span, end
