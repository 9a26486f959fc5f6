"""WebSocket: the same messages and cursors as Server-Sent Events, as one JSON text each.

The socket only speaks. A client that sends a message is told so and closed: nothing here would
read it, and unread input is memory.
"""

from __future__ import annotations

import asyncio
import json

from starlette.websockets import WebSocket

from exporter.stream.connection import PIECE_BYTES, STATE, Connection
from exporter.stream.events import Event
from exporter.stream.gate import Grant
from exporter.stream.hub import Client, End, Framing, Hub

TEXT, CONTINUED, LAST = 0x1, 0x0, 0x80

CLOSES = {
    End.RESTART: (1012, "Connect again with the cursor."),
    End.ROTATED: (1012, "Connect again with the cursor."),
    End.REVOKED: (4401, "The token was revoked."),
    End.UNWANTED: (1008, "This socket only speaks: send nothing."),
}
"""Code and reason of the close, by why the stream ends; a connection that is gone gets none."""


def message(kind: str, cursor: str | None = None, data: bytes | None = None) -> bytes:
    """Return one message as JSON; `data` is JSON already."""
    parts = [b'{"type":"%s"' % kind.encode()]
    if cursor is not None:
        parts.append(b'"id":"%s"' % cursor.encode())
    if data is not None:
        parts.append(b'"data":%s' % data)
    return b",".join(parts) + b"}"


def framed(payload: bytes) -> bytes:
    """Return a text message as frames (RFC 6455, section 5), none longer than a piece that is written.

    Between two frames of a message the protocol may put its pings; within a frame it must not.
    """
    most = PIECE_BYTES - 4
    pieces = [payload[start : start + most] for start in range(0, len(payload), most)]
    frames = []
    for number, piece in enumerate(pieces):
        head = (CONTINUED if number else TEXT) | (LAST if number == len(pieces) - 1 else 0)
        size = len(piece).to_bytes(1, "big") if len(piece) < 126 else b"\x7e" + len(piece).to_bytes(2, "big")
        frames += [head.to_bytes(1, "big"), size, piece]
    return b"".join(frames)


def frame(event: Event) -> bytes:
    """Return the event as frames; `id` is the cursor it leads to, and a resync has none."""
    cursor = None if event.kind == "resync" else str(event.cursor)
    return framed(message(event.kind, cursor, event.body))


FRAMING = Framing("ws", frame, framed(message("heartbeat")))


async def serve(socket: WebSocket, hub: Hub, cursor: str | None, grant: Grant) -> None:
    """Speak to one client until it goes or is let go. Raises Full before it is accepted."""
    connection: Connection = socket.scope["state"][STATE]
    address = socket.client.host if socket.client is not None else ""
    token = grant.token.id if grant.token is not None else None
    with hub.joined(connection, FRAMING, address, grant.scope, token) as client:
        await socket.accept()
        hearing = asyncio.create_task(_hear(socket, client))
        try:
            await connection.write(retry(hub.retry_ms()), 0)
            await hub.follow(client, cursor)
            if client.end in CLOSES:
                await connection.write(retry(hub.retry_ms(client.end)), 0)
                await socket.close(*CLOSES[client.end])
        finally:
            hearing.cancel()


async def _hear(socket: WebSocket, client: Client) -> None:
    """End the stream of a client that says anything."""
    heard = await socket.receive()
    client.leave(End.LOST if heard["type"] == "websocket.disconnect" else End.UNWANTED)


def retry(milliseconds: int) -> bytes:
    """Return the message that tells a client how long to wait before it connects again."""
    return framed(message("retry", None, json.dumps({"ms": milliseconds}).encode()))
