"""A client of the simulated venue's socket, for tests over a real connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from exporter.simulator.server import Simulator
from tests.simulator.callers import Caller

PATH = "/trade-api/ws/v2"


class Client:
    """One open socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.number = 0

    def command(self, cmd: str, **params: Any) -> dict[str, Any]:
        """Send a command and return the next frame, which is its reply."""
        self.send(cmd, **params)
        return self.next()

    def send(self, cmd: str, **params: Any) -> None:
        """Send a command."""
        self.number += 1
        body = {"id": self.number, "cmd": cmd} | ({"params": params} if params else {})
        self.connection.send(json.dumps(body))

    def text(self, patience: float = 2.0) -> str:
        """Return the next frame as it is."""
        return str(self.connection.recv(timeout=patience))

    def next(self, patience: float = 2.0) -> dict[str, Any]:
        """Return the next frame."""
        frame: dict[str, Any] = json.loads(self.text(patience))
        return frame

    def quiet(self, seconds: float = 0.08) -> bool:
        """Say whether nothing arrives for a while."""
        try:
            self.connection.recv(timeout=seconds)
        except TimeoutError:
            return True
        return False


@contextmanager
def dial(simulator: Simulator, **headers: str) -> Iterator[Client]:
    """Open a signed socket."""
    signed = Caller(None, simulator.folder, simulator.world).sign(PATH) | headers  # type: ignore[arg-type]
    url = simulator.url.replace("http", "ws") + PATH
    with connect(url, additional_headers=signed, ping_interval=None, compression=None) as connection:
        yield Client(connection)


def until(condition: Callable[[], bool], seconds: float = 2.0) -> bool:
    """Wait for something to become true; say whether it did."""
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.005)
    return condition()
