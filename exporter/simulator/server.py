"""The simulator as a server: in the foreground, or in a thread for tests."""

from __future__ import annotations

import logging
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from exporter.simulator import keys as credentials
from exporter.simulator.app import create_app
from exporter.simulator.faults import Faults
from exporter.simulator.stories import seeded
from exporter.simulator.trouble import Transport
from exporter.simulator.world import World

log = logging.getLogger("northstar")

HOST, PORT = "127.0.0.1", 8099


@dataclass
class Simulator:
    """A running simulator: where it listens, and what a test may turn."""

    url: str
    world: World
    faults: Faults
    folder: Path  # holds the private keys

    def environment(self, *, ed25519: bool = False) -> dict[str, str]:
        """Return the settings that point a program here."""
        return credentials.environment(self.url, self.folder, ed25519=ed25519)


def run(
    host: str = HOST,
    port: int = PORT,
    seed: int = 1,
    speed: float = 1.0,
    folder: Path | None = None,
    *,
    fills: int = 0,
    span_days: float = 365,
    retention_days: float | None = None,
    lots: str = "average",
) -> None:
    """Serve a seeded world until Ctrl-C or SIGTERM; private keys are kept in `folder`.

    `fills` more fills lie over the `span_days` before the usual past; `retention_days` is how far
    back the venue's live lists go (for ever, when not given). `lots` is the rule by which it states
    realised P&L and exposure.
    """
    place = folder or Path(tempfile.mkdtemp(prefix="simulator-keys-"))
    span = timedelta(days=span_days)
    retention = None if retention_days is None else timedelta(days=retention_days)
    world = seeded(seed, speed=speed, fills=fills, span=span, retention=retention)
    world.kalshi.lot_rule = lots
    app = create_app(world, Faults(), credentials.make_keys(place))
    Foreground(config(app, host, port)).run()


class Server(uvicorn.Server):
    """A server that leaves at the first signal, whatever it is still playing (a timeout lasts)."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End now: there is nothing here that a client could lose.

        The signal is not raised again afterwards, so that `run` returns instead of showing a trace.
        """
        self.should_exit = self.force_exit = True


class Foreground(Server):
    """One that somebody started, and wants to find."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        for listening in self.servers[:1]:
            host, port = listening.sockets[0].getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            log.info("simulator started url=%s faults=%s/faults", url, url)


def config(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """Return the server's settings. The app dates its answers by the world's clock, so uvicorn must not."""
    return uvicorn.Config(
        Transport(app),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
        ws="websockets-sansio",
        ws_ping_interval=None,  # the venue's own heartbeat is sent by its socket
        ws_per_message_deflate=False,
    )


@contextmanager
def serve_in_thread(world: World, port: int = 0, folder: Path | None = None) -> Iterator[Simulator]:
    """Serve `world` on a free port of the loopback while the block runs."""
    with tempfile.TemporaryDirectory(prefix="simulator-keys-") as scratch:
        place, faults = folder or Path(scratch), Faults()
        server = uvicorn.Server(config(create_app(world, faults, credentials.make_keys(place)), HOST, port))
        listener = socket.create_server((HOST, port))
        # asyncio forgets this on a socket made elsewhere, and every answer would take 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
        )
        thread.start()
        try:
            _wait(server, thread)
            yield Simulator(f"http://{HOST}:{listener.getsockname()[1]}", world, faults, place)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(5)
            listener.close()


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    """Wait until the server accepts connections; raise RuntimeError when it could not start."""
    limit = time.monotonic() + 5
    while not server.started:
        if not thread.is_alive() or time.monotonic() > limit:
            raise RuntimeError("the simulator did not start")
        time.sleep(0.002)
