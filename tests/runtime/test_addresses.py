"""Where our own processes are, and whether they answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from exporter.runtime.addresses import answers, authority, is_free, speaks
from tests.ports import held_port


class Part(BaseHTTPRequestHandler):
    """Answers 200 to `/` and 503 to everything else."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200 if self.path == "/" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def part() -> Iterator[str]:
    """The address of a part that is up."""
    with HTTPServer(("127.0.0.1", 0), Part) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_part_answers_with_200_and_nothing_else(part: str) -> None:
    """A refusal, or nobody there, is no answer."""
    assert answers(f"{part}/")
    assert not answers(f"{part}/unready")
    assert not answers(f"http://127.0.0.1:{held_port()}/")


def test_a_part_speaks_when_it_says_anything(part: str) -> None:
    """A refusal is a sign of life; a port that is held and silent is none."""
    port = int(part.rpartition(":")[2])
    assert speaks("127.0.0.1", port)
    assert not speaks("127.0.0.1", held_port())


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "socks://127.0.0.1:1", "nonsense"])
def test_no_proxy_stands_between_our_own_parts(
    part: str, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    """One that the environment names is for the way out, and may be dead."""
    for exempt in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(exempt, raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # urlopen reads the environment once
    monkeypatch.setenv(name, proxy)
    assert answers(f"{part}/")


def test_an_address_is_written_as_urls_have_it() -> None:
    """IPv6 in brackets."""
    assert authority("127.0.0.1", 8080) == "127.0.0.1:8080"
    assert authority("::1", 8080) == "[::1]:8080"


def test_a_port_is_free_until_somebody_listens() -> None:
    """Also when he would share it with others."""
    port = held_port()
    assert is_free("127.0.0.1", port)
    for shared in (False, True):
        with socket.create_server(("127.0.0.1", port), reuse_port=shared):
            assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)
