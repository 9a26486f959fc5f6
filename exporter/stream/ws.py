"""WebSocket: the same messages and cursors as Server-Sent Events, as one JSON text frame each.

The socket only speaks. A client that sends a message is told so and closed: nothing here would
read it, and unread input is memory.
"""

from __future__ import annotations

import asyncio
import json
import random

from starlette.websockets import WebSocket, WebSocketDisconnect

from exporter.stream.events import Event
from exporter.stream.feed import Feed
from exporter.stream.figures import Figures
from exporter.stream.sse import RETRY_MS

TRANSPORT = "ws"

RESTART = 1012
"""The process ends or the connection is rotated: connect again, with the cursor."""

UNWANTED = 1008
"""The client sent a message."""

HEARTBEAT = '{"type":"heartbeat"}'


def frame(event: Event) -> bytes:
    """Return the event as a JSON text; `id` is the cursor it leads to, and a resync has none."""
    kind = event.kind.encode()
    if event.kind == "resync":
        return b'{"type":"%s","data":%s}' % (kind, event.body)
    return b'{"type":"%s","id":"%s","data":%s}' % (kind, str(event.cursor).encode(), event.body)


def greeting() -> str:
    """Return the first message: how long to wait before connecting again, after any end."""
    return json.dumps({"type": "retry", "data": {"ms": random.randint(*RETRY_MS)}}, separators=(",", ":"))


async def serve(
    socket: WebSocket, feed: Feed, figures: Figures, cursor: str | None, heartbeat_seconds: float
) -> None:
    """Speak to one client until it goes, sends something, or the feed closes."""
    await socket.accept()
    with figures.client(TRANSPORT):
        speaking = asyncio.create_task(_speak(socket, feed, figures, cursor, heartbeat_seconds))
        hearing = asyncio.create_task(socket.receive())
        try:
            await asyncio.wait({speaking, hearing}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done() and hearing.result()["type"] != "websocket.disconnect":
                await socket.close(UNWANTED, "This socket only speaks: send nothing.")
            elif speaking.done():
                await socket.close(RESTART, "Connect again with the cursor.")
        except WebSocketDisconnect:
            return
        finally:
            for task in (speaking, hearing):
                task.cancel()
            await asyncio.gather(speaking, hearing, return_exceptions=True)


async def _speak(
    socket: WebSocket, feed: Feed, figures: Figures, cursor: str | None, heartbeat_seconds: float
) -> None:
    await socket.send_text(greeting())
    await feed.wait(None)
    news = await feed.resume(cursor)
    live = False
    while not feed.closed:
        if news.reason is not None:
            figures.resync(news.reason, conflated=live and news.reason == "behind")
        for event in news.events:
            await socket.send_text(event.framed(frame).decode())
            figures.sent(TRANSPORT, event, timed=live)
        if live and not news.events:
            await socket.send_text(HEARTBEAT)
        live = True
        await feed.wait(news.place, heartbeat_seconds)
        news = feed.after(news.place)
