"""Who is connected: places, ends, and what a client costs that does not do its part."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from exporter.stream import create_app
from exporter.stream.connection import PIECE_BYTES
from exporter.stream.events import Event
from exporter.stream.hub import Client, Hub, Ready, _block
from exporter.stream.server import SEND_BUFFER_BYTES
from tests.stream.builders import Writer
from tests.stream.serving import PATIENCE, listening, serving, until

pytestmark = pytest.mark.slow

BULK = {
    f"MARKET-{number}": {"side": "yes", "count": "1", "cost": "1.00", "grade": "final"}
    for number in range(1_500)
}
"""Positions that make a snapshot of about 100 kB."""


@contextmanager
def deaf(url: str, path: str = "/api/pnl/stream") -> Iterator[socket.socket]:
    """A client that asks for a stream and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = url.removeprefix("http://").split(":")
    client.connect((host, int(port)))
    with client:
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        )
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{upgrade if path.endswith('ws') else ''}\r\n"
        client.sendall(head.encode())
        yield client


def clients(app: FastAPI) -> int:
    return sum(app.state.metrics.clients(transport) for transport in ("sse", "ws"))


@pytest.mark.parametrize("route", ["/api/pnl/stream", "/api/pnl/ws"])
def test_reader_that_stops_reading_costs_less_than_256_kilobytes(
    writer: Writer, route: str, app: FastAPI, url: str
) -> None:
    """What its transport holds is one piece, and the kernel's share is bounded by the listener."""
    with deaf(url, route):
        until(lambda: clients(app) == 1)
        (client,) = app.state.hub._clients
        held = 0
        for _ in range(40):
            for batch in ({}, BULK):
                writer.commit(positions=batch)
            until(lambda: app.state.feed.sequence == writer.sequence)
            held = max(held, client.connection.transport.get_write_buffer_size())
        assert 0 < held <= PIECE_BYTES
        assert held + 2 * SEND_BUFFER_BYTES < 256 * 1024


def test_slow_reader_holds_up_nobody(writer: Writer, app: FastAPI, url: str) -> None:
    """Others are told of every change while it is stuck."""
    with deaf(url), listening(url) as events:
        next(events)
        for _ in range(30):
            for batch in ({}, BULK):
                writer.commit(positions=batch)
                assert next(events).id == f"{writer.epoch}-{writer.sequence}"


def test_client_that_cannot_be_written_to_ends_alone(
    writer: Writer, app: FastAPI, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one connection, the others have every change, now and later."""
    with ExitStack() as stack:
        streams = [stack.enter_context(listening(url)) for _ in range(5)]
        for events in streams:
            next(events)
        hub: Hub = app.state.hub
        until(lambda: len(hub._live) == 5)
        step, broken = Hub._step, list(hub._live)[1]

        def fails(self: Hub, client: Client) -> Ready | None:
            if client is broken:
                raise RuntimeError("a defect")
            return step(self, client)

        monkeypatch.setattr(Hub, "_step", fails)
        for _ in range(2):
            writer.commit()
            until(
                lambda: (
                    sum(
                        client.place is not None and client.place.sequence == writer.sequence
                        for client in list(hub._clients)
                    )
                    == 4
                )
            )
        assert broken.connection.lost


def test_round_without_news_does_not_hide_the_next_commit(writer: Writer, app: FastAPI, url: str) -> None:
    """A commit that is noticed while everybody is served makes another round, which may find nothing."""
    with listening(url) as events:
        next(events)
        hub: Hub = app.state.hub
        until(lambda: hub._live)
        for _ in range(3):
            (client,) = hub._live
            client.turn.get_loop().call_soon_threadsafe(hub._news)  # type: ignore[union-attr]
            time.sleep(0.02)
            writer.commit()
            assert next(events).id == f"{writer.epoch}-{writer.sequence}"


def test_line_that_takes_nothing_is_cut(
    path: Path, writer: Writer, capfd: pytest.CaptureFixture[str]
) -> None:
    """After the send limit its place is free again."""
    app = create_app(path, poll_seconds=0.002)
    app.state.hub._send_seconds = 0.2
    with serving(app) as url, deaf(url):
        until(lambda: clients(app) == 1)

        def gone() -> bool:
            for batch in ({}, BULK):
                writer.commit(positions=batch)
            return clients(app) == 0

        until(gone)
        assert 'northstar_stream_ends_total{reason="stalled"} 1.0' in httpx.get(url + "/metrics").text
    assert capfd.readouterr().err == ""


def test_places_are_limited_in_all_and_by_address(path: Path, writer: Writer) -> None:
    """503 and 429, each with a sentence and the time after which to ask again; a place given back is free."""
    for limits, status, word in (({"most": 2}, 503, "limit"), ({"most_per_address": 2}, 429, "address")):
        app = create_app(path, **limits)
        with serving(app) as url:
            until(lambda app=app: app.state.feed.current())
            with ExitStack() as streams:
                open_streams = [streams.enter_context(listening(url)) for _ in range(2)]
                assert [next(events).kind for events in open_streams] == ["snapshot"] * 2
                refused = httpx.get(url + "/api/pnl/stream", timeout=PATIENCE)
                assert refused.status_code == status
                assert word in refused.json()["error"]["message"]
                assert int(refused.headers["retry-after"]) > 0
                upgrade = {
                    "Connection": "Upgrade",
                    "Upgrade": "websocket",
                    "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
                }
                refused = httpx.get(url + "/api/pnl/ws", headers=upgrade, timeout=PATIENCE)
                assert refused.status_code == status
                assert int(refused.headers["retry-after"]) > 0
            until(lambda app=app: clients(app) == 0)
            with listening(url) as events:
                next(events)


def test_network_of_an_ipv6_address_counts_as_one() -> None:
    """A host has 2^64 addresses of it; an IPv4 address is itself, also when it is written as IPv6."""
    assert _block("2001:db8::1") == _block("2001:db8::ffff:2")
    assert _block("2001:db8::1") != _block("2001:db8:0:1::1")
    assert _block("192.0.2.1") != _block("192.0.2.2")
    assert _block("::ffff:192.0.2.1") != _block("::ffff:192.0.2.2")
    assert _block("testclient") == "testclient"


def test_stream_that_had_its_time_ends_and_goes_on_without_a_gap(path: Path, writer: Writer) -> None:
    """It is told to come back soon, and its cursor leads on."""
    app = create_app(path, poll_seconds=0.002)
    app.state.hub._life_seconds = 0.5
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        with httpx.stream("GET", url + "/api/pnl/stream", timeout=PATIENCE) as response:
            lines = list(response.iter_lines())
        waits = [int(line.partition(": ")[2]) for line in lines if line.startswith("retry")]
        assert waits[0] >= 1_000 > waits[1] - 1
        cursor = [line.partition(": ")[2] for line in lines if line.startswith("id")][-1]
        writer.commit(3)
        with listening(url, cursor=cursor) as events:
            assert [next(events).kind for _ in range(3)] == ["delta"] * 3
        assert 'northstar_stream_ends_total{reason="rotated"} 1.0' in httpx.get(url + "/metrics").text


def test_reconnects_after_a_restart_are_spread_further_the_more_there_are(app: FastAPI) -> None:
    """A thousand clients are not back within the same instant."""
    hub: Hub = app.state.hub
    alone = [hub.retry_ms() for _ in range(300)]
    hub._clients = dict.fromkeys(range(5_000))  # type: ignore[arg-type]
    crowd = [hub.retry_ms() for _ in range(300)]
    assert min(alone + crowd) >= 1_000
    assert max(alone) <= 4_000 < max(crowd) <= 9_000
    assert len(set(crowd)) > 250


def test_delta_is_framed_once_whatever_the_number_of_clients(
    writer: Writer, app: FastAPI, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for each transport; snapshots likewise."""
    made: list[tuple[str, Any]] = []
    before = Event.framed

    def framed(event: Event, frame: Any) -> bytes:
        if frame not in event._framed:
            made.append((str(event.cursor), frame))
        return before(event, frame)

    monkeypatch.setattr(Event, "framed", framed)
    with ExitStack() as streams:
        events = [streams.enter_context(listening(url)) for _ in range(5)]
        for each in events:
            next(each)
        made.clear()
        writer.commit(3)
        for each in events:
            assert [next(each).kind for _ in range(3)] == ["delta"] * 3
    assert len(made) == len(set(made))


def test_half_a_request_is_not_waited_for_for_ever(
    app: FastAPI, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that says nothing, or never finishes saying it, is closed."""
    monkeypatch.setattr("exporter.stream.connection.REQUEST_SECONDS", 0.3)
    host, port = url.removeprefix("http://").split(":")
    for start in (b"", b"GET /api/pnl/current HTT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "):
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as half:
            half.sendall(start)
            assert half.recv(100) == b""
    whole = b"GET /api/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        for _ in range(3):  # a connection that is kept is not cut between requests, only within one
            client.sendall(whole)
            answer = b""
            while not answer.endswith(b"}"):
                answer += client.recv(4096)
            assert b"200 OK" in answer
            time.sleep(0.4)
        client.sendall(whole[:20])
        assert client.recv(4096) == b""


def test_stream_for_an_old_client_has_no_chunks(url: str, writer: Writer) -> None:
    """HTTP/1.0 knows none; the body ends with the connection."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        client.sendall(b"GET /api/pnl/stream HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        held = b""
        while b"\n\n" not in held.partition(b"event: snapshot")[2]:
            held += client.recv(65_536)
        writer.commit()
        while b"\n\n" not in held.partition(b"event: delta")[2]:
            held += client.recv(65_536)
    body = held.partition(b"\r\n\r\n")[2].decode()
    told = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
    assert [each["sequence"] for each in told] == [5, 6]
    assert all(line.partition(":")[0] in ("", "id", "event", "data", "retry") for line in body.splitlines())
