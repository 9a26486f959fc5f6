"""From a source's answer being read to every stream client holding the delta."""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from prometheus_client import CollectorRegistry

from exporter.collect.cycle import Cycle
from exporter.collect.listener import Listener
from exporter.ledger import Ledger
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.records import Observation
from exporter.runtime import gc_pauses
from exporter.snapshot import Snapshot
from exporter.sources.contract import Reading, Window
from exporter.store import Store
from tests.builders import infos

from . import books, process
from .fanout import report, swarm
from .table import Row, percentile, unmeasured
from .workshop import Workshop

HOW = """A real cycle, store and sidecar process. A source of the benchmark's own hands over readings with one
new fill and the quotes of all open positions; the clock starts as it returns and stops as each client of
`/api/pnl/stream` has read the last byte of the delta: durable commits of the records and the snapshot,
the sidecar's notice and the loopback are all in it. The cycle runs in the benchmark's process, the clients in
one of their own, as in *fanout*: in the cycle's they would take its core when each delta comes, and be timed
by their own waiting."""

BUDGET_MS = 50.0
PAUSE_SECONDS = 0.1
"""Up to ten snapshots a second are published."""
START_SECONDS = 30.0


class Venue:
    """A source that has something new at each reading. `answered` is when it last handed one over."""

    name = "kalshi"
    interval = timedelta(seconds=1)
    overlap = timedelta(0)
    freshness = timedelta(hours=1)

    def __init__(self, size: books.Size) -> None:
        self.answered = 0.0
        self._dice = random.Random(1)
        self._past = [record for record in books.past(size) if record.kind in ("fill", "settlement")]
        self._tickers = books.open_markets(size)
        self._number = 0

    async def fetch(self, window: Window) -> Reading:
        """Return the past at first, then one new fill at a time."""
        self._number += 1
        now = datetime.now(UTC)
        fresh = books.fill(10**8 + self._number, self._tickers[0], now, self._dice)
        marks: list[Observation] = [
            books.mark(ticker, now, 30 + (self._number if place == 0 else place) % 37)
            for place, ticker in enumerate(self._tickers)
        ]
        records = tuple(self._past) if self._number == 1 else (fresh,)
        reading = Reading(source=self.name, as_of=now, records=records, observations=tuple(marks))
        self.answered = time.perf_counter()
        return reading

    async def aclose(self) -> None:
        """Nothing is open."""


def measure(workshop: Workshop) -> list[Row]:
    """Return the freshness for one client and for a crowd, and where the time went."""
    rows: list[Row] = []
    for clients in (1, workshop.scale.crowd):
        crowd = f"{clients:,} client{'s' if clients > 1 else ''}"
        what = f"freshness: answer read -> delta at the client, {crowd}"
        budget = f"p99 {BUDGET_MS:g} ms"
        try:
            found, stages = asyncio.run(_followed(workshop, clients))
        except (process.TookTooLong, TimeoutError, OSError) as error:
            rows.append(unmeasured(what, budget, str(error) or type(error).__name__))
            continue
        delivered = f"{found['delivered']:,.0f} of {found['expected']:,.0f}"
        measured = f"p50 {found['p50'] * 1e3:.2f} ms, p99 {found['p99'] * 1e3:.2f} ms; {delivered}"
        whole = found["delivered"] == found["expected"]
        rows.append(Row(what, budget, measured, whole and found["p99"] * 1e3 <= BUDGET_MS))
        rows.append(Row(f"freshness: when each stage was done, median, {crowd}", "", stages.said(found)))
    return rows


class Stages(Listener):
    """When each part of a cycle was done, taken from outside: none of them knows that it is timed."""

    NAMES = ("records committed", "booked", "stated", "snapshot committed")

    def __init__(self, cycle: Cycle, venue: Venue) -> None:
        self._venue = venue
        self._seconds: dict[str, list[float]] = {name: [] for name in self.NAMES}
        store = cycle.store
        book, append = store.records.book, store.snapshots.append

        def booking(*arguments: Any, **named: Any) -> Any:
            changes = book(*arguments, **named)
            self._done("records committed")
            return changes

        def appending(snapshot: Snapshot) -> bytes:
            self._done("stated")
            patch = append(snapshot)
            self._done("snapshot committed")
            return patch

        store.records.book, store.snapshots.append = booking, appending  # type: ignore[method-assign]
        cycle.listen(self)

    def booked(self, reading: Reading) -> None:
        self._done("booked")

    def said(self, found: dict[str, float]) -> str:
        """Return the stages in words, each with the milliseconds since the answer was read."""
        ends = {name: percentile(self._seconds[name], 50) for name in self.NAMES}
        ends |= {"at the first client": found["first"], "at the last": found["last"]}
        return ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in ends.items()) + " ms"

    def _done(self, name: str) -> None:
        self._seconds[name].append(time.perf_counter() - self._venue.answered)


async def _followed(workshop: Workshop, clients: int) -> tuple[dict[str, float], Stages]:
    path = workshop.folder / f"freshness-{clients}.sqlite3"
    scale = workshop.scale
    venue = Venue(books.Size(scale.few_records, scale.positions))
    metrics = ExporterMetrics(CollectorRegistry())
    cycle = Cycle(
        Store.write(path),
        partial(Ledger, ZoneInfo("UTC"), infos("kalshi")),
        [venue],
        metrics,
        lambda: datetime.now(UTC),
    )
    await cycle.start()
    await cycle.turns.collect(venue)
    gc_pauses.keep()  # as the exporter does after its start
    environment = workshop.environment(path)
    port = int(environment["PORT"])
    answered: list[float] = []
    try:
        with process.running("stream", environment=environment) as child:
            await asyncio.to_thread(_ready, child, port)
            with swarm(port, "/api/pnl/stream", clients) as crowd:
                stages = Stages(cycle, venue)
                for _ in range(scale.updates):
                    await cycle.turns.collect(venue)
                    answered.append(venue.answered)
                    await asyncio.sleep(PAUSE_SECONDS)
                found = await asyncio.to_thread(report, crowd, answered)
    finally:
        await cycle.stop()
    return found, stages


def _ready(child: subprocess.Popen[bytes], port: int) -> None:
    url = f"http://{process.HOST}:{port}/api/pnl/current"
    with httpx.Client() as client:
        process.until(child, lambda: process.answer(client, url), START_SECONDS)
