"""The process: its end, its port, and clients that do not read."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from exporter.stream import create_app, serve
from exporter.stream.server import ACCEPTED_AT_ONCE, BACKLOG, Server, listen
from tests.ports import held_port
from tests.stream.builders import Writer
from tests.stream.serving import PATIENCE, serving, until

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from exporter.stream import create_app, serve
sys.exit(serve(create_app(Path(sys.argv[1])), port=int(sys.argv[2])))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_and_the_process(writer: Writer, path: Path, number: signal.Signals) -> None:
    """Exit code 0 although clients are connected: one that reads, one that does not, one that polls."""
    port = held_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(port)], stderr=subprocess.PIPE, text=True
    )
    try:
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return httpx.get(url + "/api/pnl/current").status_code == 200
            except httpx.TransportError:
                return False

        until(ready)
        deaf = socket.create_connection(("127.0.0.1", port))
        deaf.sendall(b"GET /api/pnl/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        poll = socket.create_connection(("127.0.0.1", port))
        poll.sendall(
            f"GET /api/pnl/deltas?since={writer.epoch}-5&wait=20 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        with httpx.stream("GET", url + "/api/pnl/stream", timeout=PATIENCE) as response:
            lines = response.iter_lines()
            until(lambda: next(lines).startswith("data:"))
            process.send_signal(number)
            assert [line.partition(":")[0] for line in lines] == ["", "retry", ""]
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
        deaf.close()
        poll.close()
    finally:
        process.kill()
        process.wait()


def test_a_port_in_use_is_one_sentence(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, the address, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(create_app(path), port=port) == 1
    complaint = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in complaint
    assert complaint.count("\n") == 1


def test_a_client_that_does_not_read_is_conflated(writer: Writer, path: Path) -> None:
    """It costs a socket's buffers; when it reads again it gets the newest state, and is told so."""
    app = create_app(path, poll_seconds=0.001)
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        deaf = _connect(url)
        until(lambda: b"event: snapshot" in deaf.recv(65536, socket.MSG_PEEK))
        bulk = {
            f"MARKET-{number}": {"side": "yes", "count": "1", "cost": "1.00", "grade": "final"}
            for number in range(400)
        }
        for _ in range(60):
            for batch in ({}, bulk):
                writer.commit(positions=batch)
            time.sleep(0.002)
        until(lambda: app.state.feed.sequence == writer.sequence)
        held = b""
        deaf.settimeout(PATIENCE)
        while f"id: {writer.epoch}-{writer.sequence}\n".encode() not in held:
            held += deaf.recv(65536)
        deaf.close()
        assert b'data: {"reason":"behind"}' in held
        assert held.count(b"event: ") < 120
        page = httpx.get(url + "/metrics").text
        assert "northstar_stream_conflations_total 1.0" in page


def test_a_client_that_never_reads_is_let_go(writer: Writer, path: Path) -> None:
    """The kernel closes a connection that takes nothing for the stall limit; its place is freed."""
    app = create_app(path, poll_seconds=0.001, heartbeat_seconds=0.1)
    with serving(app, stalled_seconds=1) as url:
        until(lambda: app.state.feed.current())
        deaf = _connect(url)
        until(lambda: app.state.metrics.clients("sse") == 1)
        bulk = {
            f"MARKET-{number}": {"side": "yes", "count": "1", "cost": "1.00", "grade": "final"}
            for number in range(400)
        }

        def gone() -> bool:
            for batch in ({}, bulk):
                writer.commit(positions=batch)
            return app.state.metrics.clients("sse") == 0

        until(gone, patience=60)
        deaf.close()


def test_connections_have_a_bounded_send_buffer() -> None:
    """Or the kernel would keep megabytes of old figures for each slow client."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * 128 * 1024


def test_a_crowd_waits_in_the_kernel_and_is_let_in_by_turns(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio has one number for both: a small one turns clients away, a large one makes the rest wait."""
    listeners: list[socket.socket] = []

    def noted(*arguments: Any, **named: Any) -> socket.socket:
        listeners.append(listen(*arguments, **named))
        return listeners[0]

    monkeypatch.setattr("tests.stream.serving.listen", noted)
    allowed = int(Path("/proc/sys/net/core/somaxconn").read_text())
    with serving(app):
        told = listeners[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        (waiting,) = struct.unpack_from("=I", told, 28)  # of a listener: the most that may wait
        assert waiting == min(BACKLOG, allowed)
    assert Server(app).config.backlog == ACCEPTED_AT_ONCE < BACKLOG


def _connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((host, int(port)))
    client.sendall(b"GET /api/pnl/stream HTTP/1.1\r\nHost: x\r\n\r\n")
    return client


def test_the_stream_stays_away_from_the_collecting_side() -> None:
    """The sidecar shares nothing with the exporter but the store."""
    program = (
        "import sys, exporter.stream;"
        "away = ('exporter.sources', 'exporter.metrics', 'exporter.collect.cycle');"
        "print([name for name in sys.modules if name.startswith(away)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"


def test_head_of_the_stream_ends(app: FastAPI) -> None:
    """A proxy's probe must not hang."""
    with serving(app) as url:
        assert httpx.head(url + "/api/pnl/stream", timeout=PATIENCE).status_code in (200, 405)


def test_connections_send_at_once() -> None:
    """A delta does not wait for the client's kernel to acknowledge the one before, which takes 40 ms."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
