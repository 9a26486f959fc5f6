"""The venue's side of the live feed: a WebSocket server that says what a test tells it, and remembers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from exporter.records import Mark
from exporter.simulator.clock import SettableClock
from exporter.sources.kalshi.feed import KalshiLive, Timeouts
from exporter.sources.live import Changed
from tests.sources.canned import KEY_ID, NOW, private_key

PATH = "/trade-api/ws/v2"
HOST = "127.0.0.1"
MARKET = "KXSAMPLE-26DEC01-T10.5"
PATIENCE = 60.0
"""Seconds after which a test is hanging; nothing is measured against it."""

QUICK = Timeouts(answer=PATIENCE, silence=PATIENCE, missed=0, first_wait=0, longest_wait=0, steady=0)
"""Reconnects at once, and times out for nothing that a test does not ask for."""


def ticker(market: str = MARKET, **changes: Any) -> dict[str, Any]:
    """Return a quote frame with every documented field."""
    msg = {
        "market_ticker": market,
        "market_id": "m-10",
        "price_dollars": "0.5900",
        "yes_bid_dollars": "0.5800",
        "yes_ask_dollars": "0.6000",
        "yes_bid_size_fp": "120.00",
        "yes_ask_size_fp": "35.50",
        "last_trade_size_fp": "2.00",
        "volume_fp": "2310.75",
        "open_interest_fp": "900.25",
        "dollar_volume": 1200,
        "dollar_open_interest": 530,
        "ts": 1795305540,
        "ts_ms": 1795305540123,
        "time": "2026-11-21T23:59:00Z",
    }
    return {"type": "ticker", "sid": 4, "msg": msg | changes}


def fill(trade_id: str = "f-0002", **changes: Any) -> dict[str, Any]:
    """Return a fill frame."""
    msg = {
        "trade_id": trade_id,
        "order_id": "o-0002",
        "market_ticker": MARKET,
        "exchange_index": 0,
        "is_taker": True,
        "side": "no",
        "action": "sell",
        "purchased_side": "no",
        "outcome_side": "no",
        "book_side": "ask",
        "yes_price_dollars": "0.5500",
        "count_fp": "4.00",
        "fee_cost": "0.069300",
        "post_position_fp": "6.00",
        "ts": 1795273445,
        "ts_ms": 1795273445123,
        "subaccount": 0,
    }
    return {"type": "fill", "sid": 1, "sending_ts_ms": 1795273445130, "msg": msg | changes}


def position(**changes: Any) -> dict[str, Any]:
    """Return a position frame."""
    msg = {
        "user_id": "u-1",
        "market_ticker": MARKET,
        "position_fp": "6.00",
        "position_cost_dollars": "2.400000",
        "realized_pnl_dollars": "0.600000",
        "fees_paid_dollars": "0.237300",
        "position_fee_cost_dollars": "0.100800",
        "volume_fp": "14.00",
        "subaccount": 0,
    }
    return {"type": "market_position", "sid": 2, "msg": msg | changes}


def turn(event: str = "determined", market: str = MARKET, **changes: Any) -> dict[str, Any]:
    """Return a frame about the life of a market."""
    msg = {"market_ticker": market, "event_type": event, "determination_ts": 1795211100, "result": "no"}
    return {"type": "market_lifecycle_v2", "sid": 3, "seq": 12, "msg": msg | changes}


class Line:
    """One connection: what was asked on it, and a way to say something."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.commands: list[dict[str, Any]] = []
        self.headers: Headers = socket.request.headers if socket.request else Headers()

    async def say(self, *frames: Any) -> None:
        """Send frames; JSON unless they are text or bytes."""
        for frame in frames:
            await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def asked(self, name: str) -> list[dict[str, Any]]:
        """Return the params of every command of that name."""
        return [command["params"] for command in self.commands if command["cmd"] == name]

    def subscribed(self) -> list[str]:
        """Return the channels asked for, in order."""
        return [channel for params in self.asked("subscribe") for channel in params["channels"]]

    def markets(self) -> set[str]:
        """Return the markets whose quotes are subscribed now, by what was asked."""
        now: set[str] = set()
        for command in self.commands:
            params = command["params"]
            if command["cmd"] == "subscribe":
                now |= set(params.get("market_tickers", ()))
            elif command["cmd"] == "unsubscribe":
                now = set()
            elif params["action"] == "add_markets":
                now |= set(params["market_tickers"])
            else:
                now -= set(params["market_tickers"])
        return now


Answering = Callable[[Line, dict[str, Any]], Awaitable[None]]


async def polite(line: Line, command: dict[str, Any]) -> None:
    """Answer as documented: one `subscribed` per channel, `ok` for a change."""
    if command["cmd"] == "subscribe":
        for channel in command["params"]["channels"]:
            sid = len(line.commands)
            await line.say(
                {"id": command["id"], "type": "subscribed", "msg": {"channel": channel, "sid": sid}}
            )
    elif command["cmd"] == "update_subscription":
        await line.say({"id": command["id"], "sid": 4, "seq": 1, "type": "ok", "msg": {}})
    else:
        await line.say({"id": command["id"], "sid": 4, "seq": 2, "type": "unsubscribed"})


async def mute(line: Line, command: dict[str, Any]) -> None:
    """Answer nothing."""


def refusing(channel: str, code: int) -> Answering:
    """Answer as documented, but for one channel."""

    async def answer(line: Line, command: dict[str, Any]) -> None:
        if command["cmd"] == "subscribe" and channel in command["params"]["channels"]:
            await line.say({"id": command["id"], "type": "error", "msg": {"code": code, "msg": "no"}})
        else:
            await polite(line, command)

    return answer


class Venue:
    """The server. `refusals` are statuses for the next upgrades, `answer` is how commands are answered."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.upgrades: list[Request] = []
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.answer: Answering = polite
        self.port = 0
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}{PATH}"

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await serve(self._speak, HOST, self.port, process_request=self._judge)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Go away."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def line(self, number: int = 1) -> Line:
        """Return the connection of that number, once it is there and everything was asked on it."""
        await until(lambda: len(self.lines) >= number and "fill" in self.lines[number - 1].subscribed())
        return self.lines[number - 1]

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.upgrades.append(request)
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        return Response(status, "Refused", Headers({"Content-Length": "0", **headers}), b"")

    async def _speak(self, socket: ServerConnection) -> None:
        line = Line(socket)
        self.lines.append(line)
        try:
            async for text in socket:
                command = json.loads(text)
                line.commands.append(command)
                await self.answer(line, command)
        except ConnectionClosed:
            pass


@asynccontextmanager
async def venue() -> AsyncIterator[Venue]:
    """Serve while the block runs."""
    server = Venue()
    await server.open()
    try:
        yield server
    finally:
        await server.close()


class Tally:
    """A live observer that remembers."""

    def __init__(self) -> None:
        self.connected: list[bool] = []
        self.frames: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.reconnects: list[str] = []
        self.last: datetime | None = None

    def live_connected(self, source: str, connected: bool) -> None:
        self.connected.append(connected)

    def live_frame(self, source: str, kind: str, at: datetime) -> None:
        self.frames[kind] += 1
        self.last = at

    def live_dropped(self, source: str, reason: str) -> None:
        self.dropped[reason] += 1

    def live_reconnected(self, source: str, reason: str) -> None:
        self.reconnects.append(reason)


class Hearing:
    """A feed at work and all it has brought so far."""

    def __init__(self, feed: KalshiLive, tally: Tally) -> None:
        self.feed, self.tally = feed, tally
        self.marks: list[Mark] = []
        self.changes: list[Changed] = []
        self.tickers: set[str] = set()

    def bids(self) -> list[str]:
        """Return the bids that came, in order."""
        return ["-" if mark.yes_bid is None else str(mark.yes_bid) for mark in self.marks]

    def reasons(self) -> list[str]:
        """Return why readings were asked for."""
        return [change.reason for change in self.changes]

    async def listen(self) -> None:
        while True:
            news = await self.feed.news()
            self.marks += news.marks
            self.changes += news.changes


def make(
    url: str, tickers: Callable[[], Collection[str]], tally: Tally, timeouts: Timeouts = QUICK
) -> KalshiLive:
    """Return a feed with the key of the tests."""
    clock = SettableClock(NOW)
    return KalshiLive(
        url, KEY_ID, private_key(), clock, tally, tickers, timeouts=timeouts, jitter=lambda: 1.0
    )


@asynccontextmanager
async def hearing(
    url: str, *tickers: str, timeouts: Timeouts = QUICK, listens: bool = True
) -> AsyncIterator[Hearing]:
    """Follow the markets while the block runs; the set in `tickers` may be changed."""
    tally = Tally()
    open_now = set(tickers)
    heard = Hearing(make(url, lambda: open_now, tally, timeouts), tally)
    heard.tickers = open_now
    parts = [asyncio.create_task(heard.feed.run())]
    if listens:
        parts.append(asyncio.create_task(heard.listen()))
    try:
        yield heard
    finally:
        for part in parts:
            part.cancel()
        ended = await asyncio.gather(*parts, return_exceptions=True)
        crashed = [error for error in ended if not isinstance(error, asyncio.CancelledError)]
        assert crashed == [], "the feed must not end by itself"


async def until(true: Callable[[], Any]) -> None:
    """Wait until something holds; fail after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what is waited for happens in a library, or on a socket
            await asyncio.sleep(0.001)


async def live(heard: Hearing) -> None:
    """Wait until the feed is live."""
    await until(lambda: heard.feed.status == "live" and "connected" in heard.reasons())
