"""Server-Sent Events: how an event looks on the wire, and the loop that feeds one client.

The frame of an event is made once (`Event.framed`) and passes through sse-starlette as it is.
What one client may have unsent is bounded by its socket: `send` waits when 64 KiB are not taken,
and the reader, meanwhile, holds nothing but its place.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent

from exporter.stream.events import Event
from exporter.stream.feed import Feed
from exporter.stream.figures import Figures

RETRY_MS = (1_000, 4_000)
"""Range of the pause before a browser reconnects; spread, so that a restart of this process is not
followed by all clients in the same millisecond."""

HEARTBEAT_SECONDS = 15.0
"""Below the 30 or 60 s after which proxies drop a silent connection."""

HEADERS = {
    "Cache-Control": "no-cache, no-transform",  # no-transform: a proxy that compresses also buffers
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

TRANSPORT = "sse"


def frame(event: Event) -> bytes:
    """Return the event as SSE bytes; `id:` is the cursor it leads to."""
    if event.kind == "resync":  # it leads nowhere: the client keeps the id it has
        return b"event: %s\ndata: %s\n\n" % (event.kind.encode(), event.body)
    return b"event: %s\nid: %s\ndata: %s\n\n" % (event.kind.encode(), str(event.cursor).encode(), event.body)


def greeting() -> bytes:
    """Return the first bytes of a stream; they also make proxies pass the headers on."""
    return b"retry: %d\n\n" % random.randint(*RETRY_MS)


def heartbeat() -> ServerSentEvent:
    return ServerSentEvent(comment="heartbeat", sep="\n")


async def stream(feed: Feed, figures: Figures, cursor: str | None) -> AsyncIterator[bytes]:
    """Yield the frames of one client until the feed closes: what it missed first, then what comes.

    The place is noted with what was read up to it and everything later follows from that place,
    so there is no moment in which a commit could be lost or told twice.
    """
    with figures.client(TRANSPORT):
        yield greeting()
        await feed.wait(None)
        news = await feed.resume(cursor)
        live = False
        while not feed.closed:
            if news.reason is not None:
                figures.resync(news.reason, conflated=live and news.reason == "behind")
            for event in news.events:
                yield event.framed(frame)
                figures.sent(TRANSPORT, event, timed=live)
            live = True
            await feed.wait(news.place)
            news = feed.after(news.place)


def response(
    feed: Feed, figures: Figures, cursor: str | None, heartbeat_seconds: float
) -> EventSourceResponse:
    """Return the endless answer."""
    return EventSourceResponse(
        stream(feed, figures, cursor),
        headers=HEADERS,
        ping=heartbeat_seconds,
        ping_message_factory=heartbeat,
        sep="\n",
    )
