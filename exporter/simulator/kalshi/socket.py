"""The socket at `/trade-api/ws/v2`: signed upgrade, heartbeat, and the frames of a session.

Source: Kalshi trade API, "WebSocket API" (read 2026-11).
Quirk:  the heartbeat is a protocol ping whose payload is the word; there is none in JSON. ASGI has no
        message for a ping, so its eleven bytes go to the transport directly, between two frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Iterable

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from exporter.simulator.faults import Faults
from exporter.simulator.kalshi.gate import SKEW_LIMIT, check_signature
from exporter.simulator.kalshi.interference import Interference
from exporter.simulator.kalshi.session import Frame, Session
from exporter.simulator.keys import Keys
from exporter.simulator.world import World

PATH = "/trade-api/ws/v2"
PING = b"\x89\x09heartbeat"  # final frame, opcode 9, nine bytes, unmasked as a server sends them
LOOK = 0.01  # seconds between two looks at the world: what a fill waits at most before it is sent
RESTART = 1012  # "service restart", the close code of a deployment


def route(world: World, keys: Keys, faults: Faults) -> WebSocketRoute:
    """Return the route of the socket."""

    async def endpoint(socket: WebSocket) -> None:
        shift = socket.scope.get("simulator.skew")
        now = world.clock() + shift if shift else world.clock()
        tolerance = SKEW_LIMIT if shift else world.kalshi.clock_tolerance
        refusal = check_signature(socket.headers, "GET", PATH, keys.kalshi, now, tolerance)
        if refusal is not None:
            await socket.send_denial_response(refusal)
            return
        await socket.accept()
        await Connection(world, socket, Interference(faults, "kalshi")).run()

    return WebSocketRoute(PATH, endpoint)


class Connection:
    """One accepted socket: a reader, a look-out, a writer and a heartbeat, until one of them ends."""

    def __init__(self, world: World, socket: WebSocket, interference: Interference) -> None:
        self.world, self.socket, self.interference = world, socket, interference
        self.session = Session(world.kalshi)
        self.waiting: deque[str] = deque()
        self.something = asyncio.Event()
        self.dropped = False

    async def run(self) -> None:
        """Serve the socket until it closes."""
        feed = self.world.kalshi.feed
        feed.listeners += 1
        tasks = [
            asyncio.ensure_future(part())
            for part in (self._read, self._look_out, self._write, self._heartbeat)
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            feed.listeners -= 1
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                    raise outcome
        if self.dropped:
            await self.socket.close(RESTART)

    async def _read(self) -> None:
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            with self.world.lock:
                replies = self.session.command(message.get("text"), self.world.clock())
            if not self.interference.silent():
                self._send(json.dumps(reply) for reply in replies)

    async def _look_out(self) -> None:
        account = self.world.kalshi
        told, quoted = account.feed.count, 0.0
        loop = asyncio.get_running_loop()
        while True:
            if self.interference.ends("ws_drop"):
                self.dropped = True
                return
            with self.world.lock:
                self.world.advance()
                now = self.world.clock()
                found = self.session.news(account.feed.since(told), now)
                told = account.feed.count
                if loop.time() - quoted >= account.socket.quote_seconds:
                    quoted = loop.time()
                    found += self.session.quotes(now)
            self._deliver(found)
            if self.interference.ends("ws_overflow") or len(self.waiting) > account.socket.buffer:
                self.waiting.clear()
                self._send(json.dumps(frame) for frame in self.session.overflow())
            await asyncio.sleep(LOOK)

    def _deliver(self, found: list[tuple[str, Frame]]) -> None:
        for channel, frame in found:
            self._send(self.interference.frames(channel, frame))

    def _send(self, texts: Iterable[str]) -> None:
        self.waiting.extend(texts)
        if self.waiting:
            self.something.set()

    async def _write(self) -> None:
        while True:
            await self.something.wait()
            self.something.clear()
            while self.waiting:
                await self.socket.send_text(self.waiting.popleft())

    async def _heartbeat(self) -> None:
        transport = self.socket.scope.get("simulator.transport")
        while True:
            await asyncio.sleep(self.world.kalshi.socket.ping_seconds)
            if transport is None or transport.is_closing():
                return
            with contextlib.suppress(OSError):
                transport.write(PING)
