"""A real server on the loopback, and a client that reads its streams."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from exporter.stream.server import Server, listen

PATIENCE = 60.0
"""Seconds after which a test is hanging; nothing is measured against it."""


@contextmanager
def serving(app: FastAPI, **limits: float) -> Iterator[str]:
    """Serve `app` on a free port while the block runs; the value is its address."""
    listener = listen("127.0.0.1", 0, **limits)
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive(), "the server did not end"


def until(true: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Return the first truthy answer; fail after `patience` seconds."""
    limit = time.monotonic() + patience
    while not (answer := true()):
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)
    return answer


@dataclass(frozen=True)
class Told:
    """One event as a client saw it."""

    kind: str
    id: str
    data: dict[str, Any]


@contextmanager
def listening(url: str, cursor: str | None = None, **query: str) -> Iterator[Iterator[Told]]:
    """Open a stream; the value yields its events, and blocks while there are none."""
    headers = {"Last-Event-ID": cursor} if cursor is not None else {}
    with (
        httpx.Client(timeout=PATIENCE) as client,
        client.stream("GET", f"{url}/api/pnl/stream", headers=headers, params=query) as response,
    ):
        assert response.status_code == 200, response.read()
        yield events(response.iter_lines())


def events(lines: Iterator[str]) -> Iterator[Told]:
    """Read events as a browser does; comments and `retry` are not events."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "data" in fields:
                yield Told(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
