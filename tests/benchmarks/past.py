"""The past: a daybook made of a year of records, and what it is asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from exporter.collect.daybook import Daybook
from exporter.collect.outages import Outages
from exporter.collect.store_thread import StoreThread
from exporter.periods.period import Period, split
from exporter.reports.answers import periods_tree, statement_tree
from exporter.reports.reader import PeriodReader
from exporter.store import Store

from . import books, database
from .table import Row, most, timed
from .workshop import Workshop, frozen

HOW = """A database with a year of records, as for `memory`, and no daybook yet: it is made piece by piece, as
the exporter makes it, in one process that does nothing else. Then a reader that is made anew each time, as a
route does, is asked for the year by month and by day, and for a month's statement by market. Last, a fill of
half a year ago comes late, and the daybook follows."""

BUILD_SECONDS, MONTHS_MS, MARKETS_MS = 30.0, 5.0, 200.0
ASKED = 20
FOLLOWED = 10


def measure(workshop: Workshop) -> list[Row]:
    """Return the time to make the daybook, to ask it, and to follow a late record."""
    scale = workshop.scale
    path = workshop.folder / "past.sqlite3"
    size = books.Size(scale.records, scale.positions)
    last = frozen(workshop.ledger(scale.records, scale.positions), "", 1)
    count = database.with_records(path, size, last)
    with Store.write(path) as store:
        began = perf_counter()
        pieces = _follow(store)
        took = perf_counter() - began
        reader = PeriodReader(store)
        year = Period.between(reader.today - timedelta(days=364), reader.today, reader.zone)
        month = Period.holding("month", reader.today, reader.zone).previous()
        asked = {
            "the year by month": lambda: periods_tree(PeriodReader(store), split(year, "month")),
            "the year by day": lambda: periods_tree(PeriodReader(store), split(year, "day")),
            "a month by market": lambda: statement_tree(PeriodReader(store), month, "market", 0, 100),
        }
        budgets = {"the year by month": MONTHS_MS, "a month by market": MARKETS_MS}
        fills = reader.figures(month).counts.get("fills", 0)
        rows = [
            most(
                f"past: the daybook of {count:,} records is made",
                took,
                BUILD_SECONDS,
                "s",
                f"{pieces:,} pieces, {_bytes(path) / 1e6:.0f} MB with the records",
            )
        ]
        rows += [
            timed(f"past: {what} ({fills:,} fills a month)", _times(ask), budgets.get(what))
            for what, ask in asked.items()
        ]
        rows.append(timed("past: the daybook follows a fill of half a year ago", _late(store)))
    return rows


def _follow(store: Store) -> int:
    """Make the daybook follow all records; return in how many pieces."""

    async def scenario() -> int:
        pieces = 1
        with StoreThread() as thread:
            keeper = Daybook(
                store,
                PeriodReader(store).zone,
                "average",
                ["kalshi"],
                lambda: datetime.now(UTC),
                thread,
                Outages(perf_counter),
            )
            while await keeper.advance():
                pieces += 1
        return pieces

    return asyncio.run(scenario())


def _times(ask: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(ASKED):
        began = perf_counter()
        ask()
        found.append(perf_counter() - began)
    return found


def _late(store: Store) -> list[float]:
    """Return how long the daybook takes to follow, a fill at a time."""
    now, found = datetime.now(UTC), []
    dice = random.Random(1)
    for number in range(FOLLOWED):
        late = books.fill(-number - 1, "KXBENCH-00000-0000", now - timedelta(days=180), dice)
        store.records.book("kalshi", [late], (), as_of=now, recorded_at=now)
        began = perf_counter()
        _follow(store)
        found.append(perf_counter() - began)
    return found


def _bytes(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))
