"""The HTTP server (uvicorn): one clear sentence when the port is taken, a graceful shutdown on SIGTERM."""

from __future__ import annotations

import logging
import re
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from exporter.runtime import gc_pauses
from exporter.runtime.addresses import authority, family
from exporter.stream.connection import Http, WebSocket

HOST, PORT = "127.0.0.1", 8080

BACKLOG = 4_096
"""Connections that may wait to be accepted: after a restart all clients come back within seconds. Whom the
kernel turns away knocks again after one second, then two, then four. Linux allows no more by itself."""

ACCEPTED_AT_ONCE = 50
"""New clients taken in between two turns of those who are there: 20 ms of work. Taking in all who wait made
everybody else wait for seconds."""

SEND_BUFFER_BYTES = 64 * 1024
"""What the kernel holds for one client that does not read. Its own default grows to megabytes, and all of
it would be old figures; a reader that is further behind is better served by one new snapshot."""

RECEIVE_BUFFER_BYTES = 32 * 1024
"""What the kernel takes in for us before we read it. A request is smaller; a client that sends instead of
reading is held up early."""

STALLED_SECONDS = 60
"""After this long without reading a byte a client is gone: its connection is closed by the kernel."""

WS_MESSAGE_BYTES = 1_024
"""Largest message a WebSocket client may send. None is asked for; a longer one closes the connection."""

GRACE_SECONDS = 1
"""Time for answers under way after SIGTERM; streams end at once, so only a stalled client needs it."""


class Discreet(logging.Filter):
    """Keeps tokens out of uvicorn's log, whatever its level: it writes addresses, and headers."""

    _TOKEN = re.compile(r"\bns[ta]_[A-Za-z0-9_-]+")
    _KNOWN = "ASGI callable returned without completing handshake."
    """What it says of each WebSocket that was refused, which is no fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if said == self._KNOWN:
            return False
        record.msg, record.args = self._TOKEN.sub("[token]", said), ()
        return True


DISCREET = Discreet()


class Server(uvicorn.Server):
    """uvicorn, but the open streams are ended first: it would wait for them, and they never end."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="error",
                access_log=False,
                server_header=False,
                lifespan="on",
                http=Http,
                ws=WebSocket,
                ws_max_size=WS_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # tens of kilobytes of window for each client
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=30,
                backlog=ACCEPTED_AT_ONCE,  # asyncio has one number for this and for the kernel's queue
            )
        )
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
            logging.getLogger(name).addFilter(DISCREET)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.hub.drain()
        self._app.state.feed.close()
        await super().shutdown(sockets)


def listen(
    host: str = HOST, port: int = PORT, *, stalled_seconds: float = STALLED_SECONDS, shared: bool = False
) -> socket.socket:
    """Return a listening socket whose connections are bounded as above. Raises OSError where another one
    listens, but for a `shared` address: that may have several, of which each says so."""
    listener = socket.create_server((host, port), family=family(host), backlog=BACKLOG, reuse_port=shared)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    # Inherited by every connection. asyncio sets it by itself only where the socket names its protocol,
    # which this one does not; without it a delta waits up to 40 ms for the client to acknowledge the last.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; elsewhere the system's own, longer limit holds
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stalled_seconds * 1000))
    return listener


def serve(app: FastAPI, host: str = HOST, port: int = PORT) -> int:
    """Serve until SIGTERM or Ctrl-C and return the exit code; open streams end within two seconds."""
    try:
        listener = listen(host, port)
    except OSError as error:
        print(taken(host, port, error), file=sys.stderr)
        return 1
    return serve_on(app, listener)


def taken(host: str, port: int, error: OSError) -> str:
    """Return the sentence for an address that cannot be listened on."""
    return (
        f"The stream cannot listen on {authority(host, port)} ({error.strerror}): "
        "stop what uses that address, or choose another port."
    )


def serve_on(app: FastAPI, listener: socket.socket) -> int:
    """Serve on a socket that listens already, as `serve` does."""
    _allow_many_connections()
    server = Server(app)
    gc_pauses.keep()
    gc_pauses.seldom()
    with listener, _signals_are_an_ordinary_end():
        server.run(sockets=[listener])
    return 0 if server.started else 1


def _allow_many_connections() -> None:
    """Raise the limit of open files to what the system permits: each client is one, and 1 024 is usual."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _signals_are_an_ordinary_end() -> Iterator[None]:
    """Keep uvicorn's repeat of the signal, sent when it is done, from ending the process as killed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
