"""From a source's answer being read to every stream client holding the delta."""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import httpx
from prometheus_client import CollectorRegistry

from exporter.cycle import Cycle
from exporter.ledger import Ledger
from exporter.metrics.health import Health
from exporter.records import Observation
from exporter.sources import Reading, Window
from exporter.store import Store

from . import books, process
from .table import Row, timed, unmeasured
from .workshop import Workshop

HOW = """A real cycle, store and sidecar process. A source of the benchmark's own hands over readings with one
new fill and the quotes of all open positions; the clock starts as it returns and stops as each client of
`/api/pnl/stream` has read the last byte of the delta: durable commits of the records and the snapshot,
the sidecar's notice and the loopback are all in it. Clients and cycle share the benchmark's process."""

BUDGET_MS = 50.0
PAUSE_SECONDS = 0.05
START_SECONDS = 30.0
READ_SECONDS = 10.0


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
    """Return the freshness for one client and for a crowd."""
    rows: list[Row] = []
    for clients in (1, workshop.scale.crowd):
        what = f"freshness: answer read -> delta at the client, {clients} client{'s' if clients > 1 else ''}"
        try:
            rows.append(timed(what, asyncio.run(_times(workshop, clients)), BUDGET_MS))
        except (process.TookTooLong, TimeoutError, OSError) as error:
            rows.append(unmeasured(what, f"p99 {BUDGET_MS:g} ms", str(error) or type(error).__name__))
    return rows


async def _times(workshop: Workshop, clients: int) -> list[float]:
    path = workshop.folder / f"freshness-{clients}.sqlite3"
    scale = workshop.scale
    venue = Venue(books.Size(scale.few_records, scale.positions))
    health = Health(CollectorRegistry())
    cycle = Cycle(
        Store.write(path), partial(Ledger, ZoneInfo("UTC")), [venue], health, lambda: datetime.now(UTC)
    )
    await cycle.start()
    await cycle.collect(venue)
    environment = workshop.environment(path)
    port = int(environment["PORT"])
    times: list[float] = []
    try:
        with process.running("stream", environment=environment) as child:
            await asyncio.to_thread(_ready, child, port)
            async with _listening(port, clients) as readers:
                for _ in range(scale.updates):
                    await cycle.collect(venue)
                    async with asyncio.timeout(READ_SECONDS):
                        arrived = await asyncio.gather(*(_event(reader) for reader in readers))
                    times += [at - venue.answered for at in arrived]
                    await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await cycle.stop()
    return times


def _ready(child: subprocess.Popen[bytes], port: int) -> None:
    url = f"http://{process.HOST}:{port}/api/pnl/current"
    with httpx.Client() as client:
        process.until(child, lambda: process.answer(client, url), START_SECONDS)


@asynccontextmanager
async def _listening(port: int, clients: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Open the streams; each has its first snapshot when the block begins."""
    streams = [await asyncio.open_connection(process.HOST, port, limit=2**22) for _ in range(clients)]
    try:
        for _, writer in streams:
            writer.write(b"GET /api/pnl/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        readers = [reader for reader, _ in streams]
        async with asyncio.timeout(READ_SECONDS):
            await asyncio.gather(*(_event(reader) for reader in readers))
        yield readers
    finally:
        for _, writer in streams:
            writer.close()


async def _event(reader: asyncio.StreamReader) -> float:
    """Read to the end of the next event; return when that was."""
    while not (await reader.readuntil(b"\n\n")).lstrip().count(b"event: "):
        pass
    return time.perf_counter()
