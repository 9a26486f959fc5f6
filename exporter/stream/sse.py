"""Server-Sent Events: how an event looks on the wire, and the answer that stays open.

sse-starlette writes the events, each once for everybody. Its response would run a task, a coroutine
and an encoding for each client and event; ours hands the connection to the hub (docs/stream.md has both
measured).
"""

from __future__ import annotations

from sse_starlette import ServerSentEvent
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.stream.answers import full_answer
from exporter.stream.connection import STATE, Connection
from exporter.stream.events import Event
from exporter.stream.gate import Grant
from exporter.stream.hub import End, Framing, Full, Hub

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",  # no-transform: a proxy that compresses also buffers
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

HEARTBEAT = ServerSentEvent(comment="heartbeat", sep="\n").encode()


def frame(event: Event) -> bytes:
    """Return the event as SSE bytes; `id:` is the cursor it leads to. A resync leads nowhere: the client
    keeps the id it has."""
    cursor = None if event.kind == "resync" else str(event.cursor)
    return ServerSentEvent(data=event.body.decode(), event=event.kind, id=cursor, sep="\n").encode()


def chunk(data: bytes) -> bytes:
    """Return the bytes as one chunk of an HTTP/1.1 body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _chunked(event: Event) -> bytes:
    return chunk(event.framed(frame))


CHUNKED = Framing("sse", _chunked, chunk(HEARTBEAT))
PLAIN = Framing("sse", frame, HEARTBEAT)
"""For HTTP/1.0, whose bodies have no chunks and end with the connection."""


class Stream(Response):
    """The endless answer, or the refusal where there is no place."""

    def __init__(self, hub: Hub, cursor: str | None, grant: Grant) -> None:
        self._hub = hub
        self._grant = grant
        self._cursor = cursor
        self.status_code = 200
        self.background = None
        self.init_headers(HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope["state"][STATE]
        framing = PLAIN if scope["http_version"] == "1.0" else CHUNKED
        address = scope["client"][0] if scope.get("client") else ""
        token = self._grant.token.id if self._grant.token is not None else None
        try:
            with self._hub.joined(connection, framing, address, self._grant.scope, token) as client:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send(_body(retry(self._hub.retry_ms())))  # also makes proxies pass the headers on
                await self._hub.follow(client, self._cursor)
                if client.end not in (End.LOST, End.STALLED):
                    await send(_body(retry(self._hub.retry_ms(client.end))))
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except Full as full:
            await full_answer(full)(scope, receive, send)


def retry(milliseconds: int) -> bytes:
    """Return what tells a client how long to wait before it connects again."""
    return ServerSentEvent(retry=milliseconds, sep="\n").encode()


def _body(data: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": True}
