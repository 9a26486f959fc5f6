"""Clients that we did not write, one cursor over all transports, and clients that nobody should write."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx_sse import connect_sse
from websockets.sync.client import connect

from exporter.snapshot import apply
from tests.stream.builders import Writer
from tests.stream.serving import PATIENCE, until

pytestmark = pytest.mark.slow


class Reader:
    """Holds a tree, and fails on a gap or a repeat, whatever way the messages come."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tree: dict[str, Any] = {}

    @property
    def cursor(self) -> str:
        return f"{self.tree['epoch']}-{self.tree['sequence']}" if self.tree else ""

    def take(self, kind: str, data: Any) -> None:
        if kind == "snapshot":
            assert not self.tree, "a reader that keeps up needs no second snapshot"
            self.tree = data
        elif kind == "delta":
            assert data["sequence"] == self.tree["sequence"] + 1
            self.tree = apply(self.tree, data)

    def sse(self, upto: int) -> None:
        headers = {"Last-Event-ID": self.cursor} if self.tree else {}
        with (
            httpx.Client(timeout=PATIENCE) as client,
            connect_sse(client, "GET", self.url + "/api/pnl/stream", headers=headers) as source,
        ):
            for event in source.iter_sse():
                if event.data:
                    self.take(event.event, json.loads(event.data))
                    assert event.id == self.cursor
                if self.tree and self.tree["sequence"] >= upto:
                    return

    def ws(self, upto: int) -> None:
        with connect(f"{self.url.replace('http', 'ws', 1)}/api/pnl/ws?since={self.cursor}") as line:
            while not self.tree or self.tree["sequence"] < upto:
                told = json.loads(line.recv(PATIENCE))
                self.take(told["type"], told.get("data"))
                assert told.get("id", self.cursor) == self.cursor

    def poll(self, upto: int) -> None:
        while not self.tree or self.tree["sequence"] < upto:
            query = {"wait": "5", "limit": "3"} | ({"since": self.cursor} if self.tree else {})
            told = httpx.get(self.url + "/api/pnl/deltas", params=query, timeout=PATIENCE).json()
            if told["resync"]:
                self.take("snapshot", told["snapshot"])
            for delta in told.get("deltas", ()):
                self.take("delta", delta["patch"])
            assert self.cursor == f"{told['epoch']}-{told['sequence']}"


@pytest.mark.parametrize("seed", range(3))
def test_reader_changes_transport_without_a_gap_or_a_repeat(url: str, writer: Writer, seed: int) -> None:
    """At random moments, over all three, with commits before, during and after each change."""
    dice = random.Random(seed)
    reader = Reader(url)
    for _ in range(12):
        writer.commit(dice.choice([0, 1, 3]))
        seen = reader.tree.get("sequence", 0)
        upto = min(writer.sequence, max(seen, dice.randrange(seen, writer.sequence + 1)))
        if upto > seen:
            dice.choice([reader.sse, reader.ws, reader.poll])(upto)
    reader.poll(writer.sequence)
    assert reader.tree == writer.store.snapshots.at(writer.sequence)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_shows_the_stream_as_it_happens(url: str, writer: Writer) -> None:
    """`curl -N`, as docs/stream.md has it."""
    curl = subprocess.Popen(
        ["curl", "-sN", "--max-time", "20", url + "/api/pnl/stream"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert curl.stdout is not None
        lines = iter(curl.stdout.readline, "")
        assert f"id: {writer.epoch}-5\n" in lines
        writer.commit()
        assert f"id: {writer.epoch}-6\n" in lines
        assert next(lines) == "event: delta\n"
    finally:
        curl.kill()
        curl.wait()


CURSORS = [
    "",
    "-",
    "--",
    "a",
    "x" * 5_000,
    "a-1-2",
    "%00-1",
    "%F0%9F%92%A9-1",
    "e-1%0Ad:%20x",
    "e-99999999999999999999",
]


@pytest.mark.parametrize("cursor", CURSORS)
def test_malformed_cursor_is_a_snapshot_on_every_transport(url: str, cursor: str) -> None:
    """With a reason, unless there was no cursor at all; never an error of ours, never an injected line."""
    kinds = []
    with connect(f"{url.replace('http', 'ws', 1)}/api/pnl/ws?since={cursor}") as line:
        while not kinds or kinds[-1] != "snapshot":
            kinds.append(json.loads(line.recv(PATIENCE))["type"])
    assert kinds == ["retry", *(["resync"] if cursor else []), "snapshot"]
    seen = []
    with (
        httpx.Client(timeout=PATIENCE) as client,
        connect_sse(client, "GET", f"{url}/api/pnl/stream?since={cursor}") as source,
    ):
        for event in source.iter_sse():
            seen.append(event.event)
            if event.event == "snapshot":
                break
    assert [kind for kind in seen if kind != "message"] == kinds[1:]
    polled = httpx.get(f"{url}/api/pnl/deltas?since={cursor}", timeout=PATIENCE)
    assert polled.status_code == (422 if len(cursor) > 128 else 200)


REQUESTS = [
    b"\x00" * 400,
    b"GET\r\n\r\n",
    b"GET /api/pnl/stream HTTP/9.9\r\n\r\n",
    b"GET /api/pnl/current HTTP/1.1\r\n\r\n",
    b"GET /api/pnl/current HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /api/pnl/current HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"GET /api/pnl/current HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /api/pnl/current?" + b"a=b&" * 5_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"FETCH /api/pnl/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /api/pnl/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 300_000,
    b"POST /api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /api/pnl/ws HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /api/pnl/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /api/pnl/current HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: \xff\xfe\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_senseless_request_is_refused_and_nobody_else_notices(
    url: str, app: FastAPI, number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """An answer from 200 to 499, or the end of the connection; no traceback, and the next one is served."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=1.0) as client:
        answer = b""
        try:
            client.sendall(REQUESTS[number])
            answer = client.recv(4096)
        except (TimeoutError, ConnectionError):
            pass
    assert not answer or answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert httpx.get(url + "/api/health/live", timeout=PATIENCE).status_code == 200
    assert "Traceback" not in capfd.readouterr().err


FRAMES = [
    b"\xff" * 64,
    b"\x81\x05hello",
    b"\x8f\x80abcd",
    b"\x81\xff" + b"\xff" * 12,
    b"\x80\x81abcdz",
    b"\x89\xfe\x10\x00",
]


@pytest.mark.parametrize("frame", FRAMES)
def test_malformed_frame_closes_the_socket_alone(
    url: str, app: FastAPI, frame: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """Unmasked, reserved, endless or out of order."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        client.sendall(
            b"GET /api/pnl/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        until(lambda: app.state.metrics.clients("ws") == 1)
        client.sendall(frame)
        held = b""
        while data := client.recv(65_536):
            held += data
    until(lambda: app.state.metrics.clients("ws") == 0)
    assert "Traceback" not in capfd.readouterr().err


def test_hundreds_of_half_open_connections_keep_nobody_out(url: str, writer: Writer) -> None:
    """They hold a little memory until their time is over."""
    host, port = url.removeprefix("http://").split(":")
    with ExitStack() as halves:
        for _ in range(300):
            half = halves.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE))
            half.sendall(b"GET /api/pnl/stream HTTP/1.1\r\nHo")
        reader = Reader(url)
        reader.sse(writer.sequence)
        assert reader.tree == writer.store.snapshots.at(writer.sequence)


def test_client_that_sends_on_a_stream_is_not_read_for_ever(url: str, app: FastAPI) -> None:
    """What it sends stays in bounded buffers, and it goes on being told nothing less."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=2.0) as client:
        client.sendall(b"GET /api/pnl/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        until(lambda: app.state.metrics.clients("sse") == 1)
        sent = 0
        with pytest.raises((TimeoutError, ConnectionError)):  # noqa: PT012 - held up at some point
            while sent < 50_000_000:
                sent += client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100)
        assert sent < 20_000_000


LIVE = b"GET /api/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
STREAM = b"GET /api/pnl/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def _until(client: socket.socket, count: int, what: bytes) -> bytes:
    held = b""
    while held.count(what) < count:
        data = client.recv(65_536)
        assert data, held[-300:]
        held += data
    return held


def test_pipelined_requests_are_answered_one_after_the_other(url: str) -> None:
    """In the order in which they were sent, each once, and then the connection takes another."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        lost = LIVE.replace(b"health/live", b"nowhere")
        client.sendall((LIVE + lost) * 25)
        answers = _until(client, 50, b"HTTP/1.1 ").split(b"HTTP/1.1 ")[1:]
        assert [answer[:3] for answer in answers] == [b"200", b"404"] * 25
        client.sendall(LIVE)
        assert b"200 OK" in _until(client, 1, b"HTTP/1.1 ")


def test_a_request_behind_a_stream_is_never_answered_into_it(url: str, app: FastAPI, writer: Writer) -> None:
    """The stream is the answer for as long as it lasts: an answer in its middle would be read as events."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        client.sendall(STREAM + LIVE * 3)
        held = _until(client, 1, b"event: snapshot")
        until(lambda: app.state.hub._live)
        writer.commit(3)
        held += _until(client, 3, b"event: delta")
    assert held.count(b"HTTP/1.1 200") == 1


def test_answers_that_nobody_reads_are_not_made(url: str, app: FastAPI) -> None:
    """Who asks and asks and reads nothing is held up, while others are served."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=2.0) as client:
        sent = 0
        with pytest.raises((TimeoutError, ConnectionError)):  # noqa: PT012 - held up at some point
            while sent < 50_000_000:
                sent += client.send(LIVE * 100)
        assert sent < 20_000_000
        assert httpx.get(url + "/api/health/live", timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize(
    "start", [b"", b"POST /api/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_request_that_trickles_in_has_the_time_of_any_other(
    url: str, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    """One byte at a time, of its head or its body: what arrives does not start the clock anew."""
    monkeypatch.setattr("exporter.stream.connection.REQUEST_SECONDS", 0.5)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        client.sendall(start)
        with pytest.raises(ConnectionError):  # noqa: PT012 - at some byte
            for byte in itertools.repeat(b"G", 1_000):
                client.sendall(byte)
                time.sleep(0.02)
