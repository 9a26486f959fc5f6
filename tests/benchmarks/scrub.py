"""A scrub: how long it takes to read all of a long past, and what a commit notices of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from exporter.store import Store, scrub

from . import books, database
from .backup import commits
from .table import Row, most, percentile, timed
from .workshop import Workshop, frozen

HOW = """A database with as many records as the one of *memory*. A writer commits snapshots at ten a second,
first alone, then while a thread of the same process scrubs, as the exporter does, then alone again. The
first row is the whole of it, SQLite's own check of pages and indexes included."""

BUDGET_SECONDS = 60.0
BUDGET_RATIO = 2.0


def measure(workshop: Workshop) -> list[Row]:
    """Return how long a scrub takes, and the commits without it and beside it."""
    scale = workshop.scale
    last = frozen(workshop.ledger(scale.few_records, scale.positions), "", 1)
    path = workshop.folder / "scrub.sqlite3"
    count = database.with_records(path, books.Size(scale.records, scale.positions), last)
    with Store.write(path) as store, ThreadPoolExecutor(1) as thread:
        alone = commits(store, lambda done: done >= scale.backup_commits)
        began = perf_counter()
        scrubbing = thread.submit(scrub, path)
        beside = commits(store, lambda _: scrubbing.done())
        seconds = perf_counter() - began
        found = scrubbing.result()
        alone += commits(store, lambda done: done >= scale.backup_commits)
    damaged = sum(found.damaged.values())
    ratio = percentile(beside, 99) / percentile(alone, 99)
    return [
        most(
            f"scrub: {count:,} records",
            seconds,
            BUDGET_SECONDS,
            "s",
            f"{found.rows:,} rows, {damaged:,} damaged; {found.rows / seconds:,.0f} a second",
        ),
        timed("scrub: a commit without one", alone),
        timed("scrub: a commit beside one", beside),
        most("scrub: a commit beside one, p99 against without", ratio, BUDGET_RATIO, "x"),
    ]
