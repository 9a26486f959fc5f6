"""From a quote leaving the venue's socket to a stream client holding the delta."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from prometheus_client import CollectorRegistry
from websockets.asyncio.server import ServerConnection, serve

from exporter.collect.cycle import Cycle
from exporter.collect.following import Follower
from exporter.ledger import Ledger
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.money import plain
from exporter.records import Observation
from exporter.sources.contract import Reading, Window
from exporter.sources.kalshi.feed import KalshiLive
from exporter.store import Store
from tests.builders import infos

from . import books, process
from .table import Row, timed, unmeasured
from .workshop import Workshop

HOW = """A real feed, cycle, store and sidecar process, and a venue of the benchmark's own that speaks over a
WebSocket on the loopback. The clock starts before the venue sends a quote and stops when a client of
`/api/pnl/stream` has read the delta that carries its price. Single quotes come further apart than the pace
of snapshots (10 a second), which is what a market that moves now and then looks like. A burst moves every
open position at once; it becomes a few snapshots, and what is timed is its last price."""

BUDGET_MS = 50.0
PAUSE_SECONDS = 0.12
BURSTS = 20
START_SECONDS = 30.0
READ_SECONDS = 10.0


class Account:
    """The readings behind the feed: the past at first, then the same quotes again."""

    name = "kalshi"
    interval = timedelta(seconds=10)
    overlap = timedelta(0)
    freshness = timedelta(hours=1)

    def __init__(self, size: books.Size) -> None:
        self.readings = 0
        self.tickers = books.open_markets(size)
        self._past = tuple(record for record in books.past(size) if record.kind in ("fill", "settlement"))

    async def fetch(self, window: Window) -> Reading:
        """Return one reading."""
        self.readings += 1
        now = datetime.now(UTC)
        marks: list[Observation] = [books.mark(ticker, now, 40) for ticker in self.tickers]
        records = self._past if self.readings == 1 else ()
        return Reading(source=self.name, as_of=now, records=records, observations=tuple(marks))

    async def aclose(self) -> None:
        """Nothing is open."""


class Venue:
    """The other end of the socket: agrees to every subscription, and quotes when told."""

    def __init__(self) -> None:
        self._socket: ServerConnection | None = None
        self._count = 0

    async def speak(self, socket: ServerConnection) -> None:
        """Answer commands until the line is cut."""
        self._socket = socket
        async for text in socket:
            command = json.loads(text)
            for sid, channel in enumerate(command["params"].get("channels", ()), command["id"]):
                await self._say({"id": command["id"], "type": "subscribed"}, channel=channel, sid=sid)

    async def quote(self, ticker: str) -> tuple[float, str]:
        """Send a price that this market did not have before; return when, and the price."""
        self._count += 1
        bid = f"0.{10_000 + self._count % 40_000}"
        quotes = {
            "market_ticker": ticker,
            "price_dollars": bid,
            "yes_bid_dollars": bid,
            "yes_bid_size_fp": "10.00",
            "yes_ask_dollars": "0.9000",
            "yes_ask_size_fp": "10.00",
            "ts_ms": 1_795_305_540_000 + self._count,
        }
        at = time.perf_counter()
        await self._say({"type": "ticker", "sid": 4}, **quotes)
        return at, plain(Decimal(bid))

    async def _say(self, envelope: dict[str, Any], **msg: Any) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(envelope | {"msg": msg}))


def measure(workshop: Workshop) -> list[Row]:
    """Return how soon single quotes are seen, and the end of a burst."""
    positions = workshop.scale.positions
    single = f"live: quote sent -> delta at the client, {positions:,} open positions"
    burst = f"live: burst of {positions:,} quotes -> its last price at the client"
    try:
        singles, bursts = asyncio.run(_times(workshop))
    except (process.TookTooLong, TimeoutError, OSError) as error:
        return [unmeasured(single, f"p99 {BUDGET_MS:g} ms", str(error) or type(error).__name__)]
    return [timed(single, singles, BUDGET_MS), timed(burst, bursts)]


async def _times(workshop: Workshop) -> tuple[list[float], list[float]]:
    path = workshop.folder / "live.sqlite3"
    environment = workshop.environment(path)
    port = int(environment["PORT"])
    singles: list[float] = []
    bursts: list[float] = []
    venue = Venue()
    with process.running("stream", environment=environment) as child:
        async with (
            serve(venue.speak, process.HOST, 0) as server,
            _following(workshop, path, environment, server.sockets[0].getsockname()[1]) as tickers,
        ):
            url = f"http://{process.HOST}:{port}/api/pnl/current"
            with httpx.Client() as client:
                await asyncio.to_thread(
                    process.until, child, lambda: process.answer(client, url), START_SECONDS
                )
            async with _listening(port) as reader:
                for number in range(workshop.scale.updates):
                    ticker = tickers[number % len(tickers)]
                    began, bid = await venue.quote(ticker)
                    singles.append(await _shown(reader, ticker, bid) - began)
                    await asyncio.sleep(PAUSE_SECONDS)
                for _ in range(min(BURSTS, workshop.scale.updates)):
                    for ticker in tickers:
                        began, bid = await venue.quote(ticker)
                    bursts.append(await _shown(reader, ticker, bid) - began)
                    await asyncio.sleep(PAUSE_SECONDS)
    return singles, bursts


@asynccontextmanager
async def _following(
    workshop: Workshop, path: Path, environment: dict[str, str], port: int
) -> AsyncIterator[list[str]]:
    """Run cycle and feed while the block runs; the books are full and the feed is live when it begins."""
    account = Account(books.Size(workshop.scale.few_records, workshop.scale.positions))
    metrics = ExporterMetrics(CollectorRegistry())
    cycle = Cycle(
        Store.write(path), partial(Ledger, ZoneInfo("UTC"), infos("kalshi")), [account], metrics, _now
    )
    await cycle.start()
    await cycle.turns.collect(account)
    feed = KalshiLive(
        f"ws://{process.HOST}:{port}/trade-api/ws/v2",
        environment["KALSHI_API_KEY"],
        await asyncio.to_thread(Path(environment["KALSHI_PRIVATE_KEY_PATH"]).read_text),
        _now,
        metrics,
        partial(cycle.books.open_tickers, "kalshi"),
    )
    following = asyncio.create_task(Follower(feed, cycle, account, metrics).run())
    try:
        async with asyncio.timeout(START_SECONDS):
            while feed.status != "live" or account.readings < 2:  # noqa: ASYNC110
                await asyncio.sleep(process.POLL_SECONDS)
        yield account.tickers
    finally:
        following.cancel()
        await asyncio.wait({following})
        await cycle.stop()


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def _listening(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """Open a stream; it has its first snapshot when the block begins."""
    reader, writer = await asyncio.open_connection(process.HOST, port, limit=2**23)
    try:
        writer.write(b"GET /api/pnl/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(READ_SECONDS):
            while b"event: snapshot" not in await reader.readuntil(b"\n\n"):
                pass
        yield reader
    finally:
        writer.close()


async def _shown(reader: asyncio.StreamReader, ticker: str, bid: str) -> float:
    """Read on to the event in which the market has that price; return when it was whole."""
    market, price = f'"{ticker}":'.encode(), f'"mark":"{bid}"'.encode()
    async with asyncio.timeout(READ_SECONDS):
        while True:
            event = await reader.readuntil(b"\n\n")
            at = time.perf_counter()
            if market in event and price in event.partition(market)[2].partition(b"}")[0]:
                return at
