"""The transport under a stream, as uvicorn's protocols know it: what the hub writes ready bytes to.

ASGI's `send` costs a coroutine, a dictionary and an encoder for each client and event. A stream sends the
same bytes to everybody, so the hub writes them to the transports itself. ASGI keeps what it is good at: the
request, the head of the answer, the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

STATE = "connection"
"""Where a request's ASGI state has its connection."""

REQUEST_SECONDS = 15.0
"""A connection that has not sent a whole request by then is closed. Without this bound, connections that say
nothing would hold their memory, and at last all of the process's files, for ever."""

PIECE_BYTES = 32 * 1024
"""What is handed to a transport at a time, and so the most that one holds for a client that does not read."""


class Connection:
    """One connection. `busy` while the kernel has not taken all that was written."""

    __slots__ = ("_moved", "busy", "lost", "on_lost", "transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.busy = False
        self.lost = False
        self.on_lost: Callable[[], None] | None = None
        """Called once, when the connection is gone."""
        self._moved: asyncio.Future[None] | None = None

    async def write(self, data: bytes, seconds: float) -> bool:
        """Write it piece by piece, each when the one before was taken; the last may still be on its way.

        False when a piece was not taken in time, or the connection is lost.
        """
        for start in range(0, len(data), PIECE_BYTES):
            if not await self.free(seconds):
                return False
            self.transport.write(memoryview(data)[start : start + PIECE_BYTES])
        return not self.lost

    async def free(self, seconds: float) -> bool:
        """Wait until all that was written is taken; False when it was not in time, or all is lost."""
        if self.busy and not self.lost:
            self._moved = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._moved}, timeout=seconds)
        return not (self.busy or self.lost)

    def cut(self) -> None:
        """Close at once, whatever is unsent."""
        self.transport.abort()

    # What the protocols tell.

    def pause(self) -> None:
        self.busy = True

    def resume(self) -> None:
        self.busy = False
        self._wake()

    def lose(self) -> None:
        self.lost = True
        self._wake()
        if self.on_lost is not None:
            self.on_lost()

    def _wake(self) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)


class _Told(asyncio.Protocol):
    """What both protocols have in common: the connection is told how its transport stands."""

    connection: Connection

    def pause_writing(self) -> None:
        self.connection.pause()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.connection.resume()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lose()
        super().connection_lost(exc)


class Http(_Told, H11Protocol):
    """HTTP/1.1 whose requests carry their connection, and have a time to arrive in."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # The transport says when the kernel did not take everything, not only when a lot is left.
        transport.set_write_buffer_limits(high=0)
        self.connection = Connection(transport)
        self.app_state = {**self.app_state, STATE: self.connection}
        self._late: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._hurry()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

    def _hurry(self) -> None:
        """Start or stop the clock of a request that has not arrived whole."""
        waiting = self.cycle is None or self.cycle.response_complete
        upgraded = self.transport.get_protocol() is not self
        if waiting and not upgraded and self._late is None:
            self._late = self.loop.call_later(REQUEST_SECONDS, self.connection.cut)
        elif self._late is not None and (upgraded or not waiting):
            self._late.cancel()
            self._late = None


class WebSocket(_Told, WebSocketsSansIOProtocol):
    """A WebSocket on the connection of the request that it began as."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connection = self.app_state[STATE]
        super().connection_made(transport)
