"""The WebSocket under the live feed: opened with a signature, closed quickly, silent about its headers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from exporter import __version__
from exporter.sources.reachability import trust

OPEN_SECONDS = 10.0  # handshakes across an ocean take half a second
PING_SECONDS = 10.0  # as often as the venue pings us; a line that answers none of ours is dead
CLOSE_SECONDS = 1.0  # a stop must not wait longer for a server that does not say goodbye
MAX_FRAME_BYTES = 1024 * 1024  # a quote has 500 bytes, a list of all our markets some ten thousand

TROUBLE = (WebSocketException, OSError, ImportError, ValueError)
"""What a connection can end with; ImportError for a proxy that needs a package which is not there."""

HOPELESS = ("unauthorised", "forbidden", "not_found", "redirected", "rate_limited")
"""What does not pass by itself, or only if it is left alone."""

_MUTE = logging.Logger("websocket", logging.CRITICAL)
"""The library would write the signed headers at level DEBUG. It gets a logger that is in no registry,
so that no configuration can turn it up; what matters is logged and counted by the feed."""
_MUTE.addHandler(logging.NullHandler())


class _Connect(connect):
    """A connection that follows no redirect: the signed headers must not travel to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def dial(url: str, headers: Mapping[str, str]) -> connect:
    """Return the connection to enter; the headers are for this one attempt."""
    return _Connect(
        url,
        ssl=trust() if url.startswith("wss:") else None,
        additional_headers=headers,
        user_agent_header=f"northstar-pnl/{__version__}",
        compression=None,  # quotes are small and should not wait for a compressor
        open_timeout=OPEN_SECONDS,
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        close_timeout=CLOSE_SECONDS,
        max_size=MAX_FRAME_BYTES,
        logger=_MUTE,
    )


async def write(socket: ClientConnection, outgoing: asyncio.Queue[str]) -> None:
    """Send what is queued until the connection ends, of which the reader hears, too."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await socket.send(await outgoing.get())


def why(error: Exception) -> str:
    """Return the label of what ended a connection, one of TROUBLE."""
    match error:
        case InvalidStatus():
            return _refusal(error.response.status_code)
        case ConnectionClosed():
            return "closed"
        case TimeoutError():
            return "timeout"
        case WebSocketException():
            return "protocol"
    return "connect"


def _refusal(status: int) -> str:
    known = {401: "unauthorised", 403: "forbidden", 404: "not_found", 429: "rate_limited"}
    if status in known:
        return known[status]
    if 300 <= status < 400:
        return "redirected"
    return "server_error" if status >= 500 else "refused"
