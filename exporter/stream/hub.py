"""Fan-out with back-pressure: everybody who is connected, and the one loop that sends them what is new.

A client has one integer of state, its place. While it keeps up it is *live*: the hub writes each new delta to
its connection as ready bytes, the same object for everybody on its lane. When its connection does not take
them it is *behind*: its own task waits until it does, and then brings it to the newest state from its place,
as `Feed.after` sees fit. So a slow client costs what its socket holds, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address
from itertools import islice

from exporter.errors import ExporterError
from exporter.stream.connection import PIECE_BYTES, Connection
from exporter.stream.events import Event, Frame, News, Place
from exporter.stream.feed import Feed
from exporter.stream.metrics import StreamMetrics
from exporter.stream.scopes import Scope

SLICE = 250
"""Clients written to before others get a turn: about 3 ms."""

SEND_SECONDS = 30.0
"""A connection that takes nothing for so long is cut. What it holds meanwhile is bounded, but it is held."""

HEARTBEAT_SECONDS = 15.0
"""Below the 30 or 60 s after which proxies drop a silent connection."""

LIFE_SECONDS = 3_600.0
"""A stream is ended after about an hour, so that clients spread over workers and machines again, and none
lives on what it was granted long ago."""

LIFE_SPREAD = 0.2
"""Those who came together, after a restart, do not leave together."""

MAX_CLIENTS = 10_000
"""Open streams of one process: twice what it is measured for. Beyond, a client is told to come back
instead of slowing everybody down."""

MAX_PER_ADDRESS = 1_000
"""A tenth of all: an office behind one address fits, one runaway program does not take every place."""

SWEEP_SECONDS = 1.0
RETRY_MS = (1_000, 4_000)
"""Range of the pause before a client connects again; spread, so that a restart of this process is not
followed by all clients in the same millisecond."""

RETRY_MS_PER_CLIENT = 1.0
"""With many clients the range grows: a process takes about a thousand new ones a second beside its work."""

RETRY_SOON_MS = (100, 1_000)
"""After a planned end while the process stays: there is nothing to wait for."""


class End(Enum):
    """Why a stream ended; the value is the label of its counter."""

    LOST = "lost"
    STALLED = "stalled"
    RESTART = "restart"
    ROTATED = "rotated"
    REVOKED = "revoked"
    UNWANTED = "unwanted"


class Full(ExporterError):
    """There is no place for another stream; `status` says whether for anybody or for this address."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Framing:
    """How one transport writes an event; `transport` is the label in metrics."""

    transport: str
    frame: Frame
    heartbeat: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """What leads from one place to another, as bytes of one lane; None where a client must see to itself."""

    data: bytes | None
    place: Place | None
    events: tuple[Event, ...] = ()


NOT_YET = Ready(None, None)
"""For a client that waits for the first snapshot: its own task has a cursor to answer."""


class Lane:
    """All that is the same for clients who are sent the same bytes, with the last bytes made."""

    def __init__(self, framing: Framing, scope: Scope) -> None:
        self.framing = framing
        self._scope: Scope = scope
        self._from: Place | None = None
        self._ready = NOT_YET

    def ready(self, place: Place | None, feed: Feed) -> Ready:
        """Return the bytes that follow a place. Most clients are at the same one, by identity."""
        if place is None:
            return NOT_YET
        if place is not self._from:
            if place != self._from:
                self._ready = self._made(feed.after(place))
            # "Nothing new" is true for now only, so it is not kept.
            self._from = place if self._ready.events else None
        return self._ready

    def framed(self, event: Event) -> bytes:
        """Return the event as these clients are sent it."""
        return event.seen(self._scope).framed(self.framing.frame)

    def _made(self, news: News) -> Ready:
        data = b"".join(map(self.framed, news.events))
        alone = news.reason is not None or news.place is None or len(data) > PIECE_BYTES
        return Ready(None if alone else data, news.place, news.events)


class Client:
    """One open stream."""

    __slots__ = ("connection", "end", "lane", "place", "token", "turn", "until")

    def __init__(self, connection: Connection, lane: Lane, token: str | None) -> None:
        self.connection = connection
        self.token = token
        self.lane = lane
        self.place: Place | None = None
        self.end: End | None = None
        self.until = 0.0
        self.turn: asyncio.Future[None] | None = None
        """Resolved when the client's own task has something to do."""

    def leave(self, end: End) -> None:
        """End the stream; the first reason stays."""
        if self.end is None:
            self.end = end
        self.wake()

    def wake(self) -> None:
        if self.turn is not None and not self.turn.done():
            self.turn.set_result(None)


class Hub:
    """The clients of one process."""

    def __init__(
        self,
        feed: Feed,
        metrics: StreamMetrics,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        send_seconds: float = SEND_SECONDS,
        life_seconds: float = LIFE_SECONDS,
        most: int = MAX_CLIENTS,
        most_per_address: int = MAX_PER_ADDRESS,
        tokens: Callable[[], Container[str]] = dict,
    ) -> None:
        self._feed = feed
        self._metrics = metrics
        self._heartbeat_seconds = heartbeat_seconds
        self._send_seconds = send_seconds
        self._life_seconds = life_seconds
        self._most = most
        self._tokens = tokens
        self._most_per_address = most_per_address
        self._clients: dict[Client, None] = {}
        self._addresses: Counter[str] = Counter()
        self._live: dict[Client, None] = {}
        self._lanes: dict[tuple[Framing, Scope], Lane] = {}
        self._round: Iterator[Client] | None = None
        self._again = False
        self._spoke = 0.0
        self.draining = False
        feed.on_news = self._news

    # One client, from its own task.

    @contextmanager
    def joined(
        self,
        connection: Connection,
        framing: Framing,
        address: str,
        scope: Scope = "all",
        token: str | None = None,
    ) -> Iterator[Client]:
        """Take a client in while the block runs; `token` is the id of the one it showed. Raises Full."""
        block = _block(address)
        if self.draining:
            raise Full(503, "This process is shutting down: connect again.")
        if len(self._clients) >= self._most:
            raise Full(503, f"{self._most} streams are open here, which is the limit: try later.")
        if self._addresses[block] >= self._most_per_address:
            raise Full(
                429, f"{self._most_per_address} streams are open from this address, which is the limit."
            )
        lane = self._lanes.setdefault((framing, scope), Lane(framing, scope))
        client = Client(connection, lane, token)
        spread = random.uniform(1 - LIFE_SPREAD, 1 + LIFE_SPREAD)  # noqa: S311 - keeps no secret
        client.until = time.monotonic() + self._life_seconds * spread
        self._clients[client] = None
        self._addresses[block] += 1
        connection.on_lost = lambda: client.leave(End.LOST)
        try:
            with self._metrics.client(framing.transport):
                yield client
        finally:
            connection.on_lost = None
            del self._clients[client]
            self._live.pop(client, None)
            self._addresses[block] -= 1
            if not self._addresses[block]:
                del self._addresses[block]
            self._metrics.ended(client.end.value if client.end is not None else End.LOST.value)

    async def follow(self, client: Client, cursor: str | None) -> None:
        """Send the client what it missed, then what comes, until it ends.

        The place is noted with what was read up to it and everything later follows from that place,
        so there is no moment in which a commit could be lost or told twice.
        """
        news: News | None = None
        while client.end is None:
            late = news is not None
            news = self._feed.after(client.place) if late else await self._feed.resume(cursor)
            if news.events:
                await self._send(client, news, late)
            elif news.place is None:
                news = None  # there is no snapshot yet, and so no answer to the cursor
            client.place = news.place if news is not None else None
            if (news is None or not news.events) and client.end is None:
                await self._turn(client)

    async def _send(self, client: Client, news: News, late: bool) -> None:
        if news.reason is not None:
            self._metrics.resync(news.reason, conflated=late and news.reason == "behind")
        for event in news.events:
            if not await client.connection.write(client.lane.framed(event), self._send_seconds):
                await self._drop(client)
                return
            self._metrics.sent(client.lane.framing.transport, event.kind)
        if not await client.connection.free(self._send_seconds):
            await self._drop(client)

    async def _drop(self, client: Client) -> None:
        """Cut a connection that takes nothing; return when it is gone."""
        if not client.connection.lost:
            client.leave(End.STALLED)
            client.connection.cut()
            while not client.connection.lost:  # noqa: ASYNC110 - at the next turn of the loop
                await asyncio.sleep(0)

    async def _turn(self, client: Client) -> None:
        """Be live until the hub finds that the client's own task is needed."""
        client.turn = asyncio.get_running_loop().create_future()
        self._live[client] = None
        try:
            await client.turn
        finally:
            self._live.pop(client, None)
            client.turn = None

    # All of them, from the loop.

    async def run(self) -> None:
        """Beat and sweep until the feed closes."""
        beat = time.monotonic()
        while not self._feed.closed:
            await asyncio.sleep(min(SWEEP_SECONDS, self._heartbeat_seconds))
            now = time.monotonic()
            valid = self._tokens()
            for client in list(self._clients):
                if client.token is not None and client.token not in valid:
                    client.leave(End.REVOKED)
                elif now >= client.until:
                    client.leave(End.ROTATED)
            if now - max(beat, self._spoke) >= self._heartbeat_seconds:
                beat = now
                self._beat()

    def drain(self) -> None:
        """Let everybody go, and nobody in."""
        self.draining = True
        for client in list(self._clients):
            client.leave(End.RESTART)

    def retry_ms(self, end: End | None = None) -> int:
        """Return how long a client should wait before it connects again."""
        low, high = RETRY_SOON_MS if end is End.ROTATED else RETRY_MS
        if end is not End.ROTATED:
            high += int(len(self._clients) * RETRY_MS_PER_CLIENT)
        return random.randint(low, high)  # noqa: S311 - keeps no secret

    def _news(self) -> None:
        """Serve everybody, now or after the round that is under way."""
        if self._feed.closed:
            self.drain()
            return
        self._spoke = time.monotonic()
        self._again = True
        if self._round is None:
            self._go_round()

    def _go_round(self) -> None:
        self._again = False
        self._round = iter(list(self._live))
        asyncio.get_running_loop().call_soon(self._slice)

    def _slice(self) -> None:
        """Serve some clients, then let other work run, until all of this round are served."""
        assert self._round is not None
        clients = list(islice(self._round, SLICE))
        if clients:
            # Before anything is sent: an error with one client is the loop's to report, and ends no round.
            asyncio.get_running_loop().call_soon(self._slice)
            self._serve(clients)
            return
        self._round = None
        if self._again:
            self._go_round()

    def _serve(self, clients: list[Client]) -> None:
        served: Counter[tuple[Lane, Ready]] = Counter()
        for client in clients:
            try:
                ready = self._step(client)
            except Exception:
                self._live.pop(client, None)  # or it would be met again; those behind it have the next round
                client.connection.cut()
                self._again = True
                raise
            if ready is not None:
                served[client.lane, ready] += 1
        for (lane, ready), count in served.items():
            self._metrics.served(lane.framing.transport, ready.events, count)

    def _step(self, client: Client) -> Ready | None:
        """Write what is new to one live client, or leave it to the client's own task."""
        if client.turn is None or client.turn.done():
            return None
        ready = client.lane.ready(client.place, self._feed)
        if ready.data is None or client.connection.busy:
            client.wake()
            return None
        if not ready.data:
            return None
        client.connection.transport.write(ready.data)
        client.place = ready.place
        return ready

    def _beat(self) -> None:
        for client in list(self._live):
            if not client.connection.busy:
                client.connection.transport.write(client.lane.framing.heartbeat)


def _block(address: str) -> str:
    """Return what counts as one address: of IPv6 the network, since a host has 2^64 addresses of it."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(int(found) >> 64)
    return address
