"""The WebSocket, over the loopback, with a client we did not write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close
from websockets.sync.client import ClientConnection, connect

from exporter.snapshot import apply
from exporter.stream import create_app
from tests.stream.builders import Writer
from tests.stream.serving import PATIENCE, serving, until

pytestmark = pytest.mark.slow


@contextmanager
def connected(url: str, cursor: str | None = None) -> Iterator[ClientConnection]:
    """Open a socket; its greeting is read already."""
    since = f"?since={cursor}" if cursor is not None else ""
    with connect(f"{url.replace('http', 'ws', 1)}/api/pnl/ws{since}", open_timeout=PATIENCE) as socket:
        greeting = told(socket)
        assert greeting["type"] == "retry"
        assert 1_000 <= greeting["data"]["ms"] <= 4_000
        yield socket


def told(socket: ClientConnection) -> dict[str, Any]:
    message = socket.recv(PATIENCE)
    assert isinstance(message, str)
    found: dict[str, Any] = json.loads(message)
    return found


def end(socket: ClientConnection) -> Close:
    """Read to the end; only the time to wait may come before it."""
    with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - the end may come with the first read
        assert told(socket)["type"] == "retry"
        told(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd


def test_socket_sends_snapshot_then_deltas(url: str, writer: Writer) -> None:
    """What a client holds after each message is what the store holds at that sequence."""
    with connected(url) as socket:
        first = told(socket)
        assert (first["type"], first["id"]) == ("snapshot", f"{writer.epoch}-5")
        held = first["data"]
        for sequence in (6, 7, 8):
            writer.commit()
            message = told(socket)
            assert (message["type"], message["id"]) == ("delta", f"{writer.epoch}-{sequence}")
            held = apply(held, message["data"])
            assert held == writer.store.snapshots.at(sequence)


def test_socket_resumes_after_its_cursor(url: str, writer: Writer) -> None:
    """Only what was missed."""
    with connected(url, f"{writer.epoch}-3") as socket:
        assert [told(socket)["id"] for _ in range(2)] == [f"{writer.epoch}-4", f"{writer.epoch}-5"]


@pytest.mark.parametrize(
    ("cursor", "reason"), [("nonsense", "unknown_cursor"), ("elsewhere-3", "other_epoch")]
)
def test_unknown_cursor_is_a_resync_and_not_a_close(
    url: str, writer: Writer, cursor: str, reason: str
) -> None:
    """The reason, which has no id to resume from, then the whole snapshot."""
    with connected(url, cursor) as socket:
        assert told(socket) == {"type": "resync", "data": {"reason": reason}}
        assert told(socket)["type"] == "snapshot"


def test_socket_beats_while_it_is_quiet(path: Path, writer: Writer) -> None:
    """A page cannot see the protocol's own pings, so silence is told apart from a dead line by these."""
    app = create_app(path, heartbeat_seconds=0.05)
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        with connected(url) as socket:
            assert told(socket)["type"] == "snapshot"
            assert told(socket) == {"type": "heartbeat"}


@pytest.mark.parametrize("message", ["hello", b"hello", "x" * 5_000])
def test_client_that_sends_is_closed_with_a_reason(url: str, message: str | bytes) -> None:
    """1008 for a message, 1009 for one that is too big to be read at all."""
    with connected(url) as socket:
        assert told(socket)["type"] == "snapshot"
        socket.send(message)
        assert end(socket).code == (1008 if len(message) < 1_000 else 1009)


def test_pings_are_answered(url: str) -> None:
    """Whatever else is under way."""
    with connected(url) as socket:
        assert socket.ping().wait(PATIENCE)


def test_end_of_the_process_is_a_close_that_says_to_come_back(app: FastAPI, url: str) -> None:
    """1012, after which the client connects again with its cursor."""
    with connected(url) as socket:
        told(socket)
        app.state.feed.close()
        assert end(socket).code == 1012
