"""Hostile answers over real HTTP: each ends in one sentence, in bounded time and bounded memory.

A server of a few lines writes what no library would: bodies without end, packed many times over, dripping,
headers that nobody means. The sales source reads it through its own client.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import stamina

from exporter.errors import SourceError
from exporter.records import SourceInfo
from exporter.records.printable import printable
from exporter.sources import http
from exporter.sources.contract import Reading, Window
from exporter.sources.guard import fetched
from exporter.sources.sales.shop import Sales

pytestmark = pytest.mark.anyio

MB = 1024 * 1024
ROOM = 50 * MB
"""What a hostile answer may take beyond what is there without it."""

MORE_ROOM = {"many keys": 100 * MB, "pages without end": 150 * MB}
"""What takes more: each key is a text of its own, and a reading may have 64 MB of pages, which are parsed."""

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHOP = SourceInfo("sales", "Sales", "sales")
EMPTY = json.dumps({"sales": [], "next_cursor": None}).encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
ESC = "\x1b]0;owned\x07"

Pieces = AsyncIterator[bytes]
Answer = Callable[[int], Pieces]
"""What is sent to the request with a number, piece by piece; the connection ends with it."""


def once(head: bytes, body: bytes = b"") -> Answer:
    """Answer everything alike."""

    async def pieces(number: int) -> Pieces:
        yield head + f"Content-Length: {len(body)}\r\n\r\n".encode()
        yield body

    return pieces


def without_end(piece: bytes, head: bytes = OK, pause: float = 0.0) -> Answer:
    """Send a piece again and again for as long as anybody listens."""

    async def pieces(number: int) -> Pieces:
        yield head + b"\r\n"
        while True:
            yield piece
            await asyncio.sleep(pause)

    return pieces


def pages(row: str) -> Answer:
    """Lead from each page to a new one; each has a few megabytes of a row."""

    async def numbered(number: int) -> Pieces:
        body = json.dumps({"sales": [{"id": row}] * 40, "next_cursor": f"page-{number}"}).encode()
        yield OK + f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    return numbered


def header(name: str, value: str, status: str = "503 Later") -> Answer:
    """Answer with a header that nobody means."""
    return once(f"HTTP/1.1 {status}\r\nConnection: close\r\n{name}: {value}\r\n".encode("latin-1"))


def packed(body: bytes, layers: int, said: str | None = None) -> Answer:
    """Pack a body as often as that, and say so."""
    for _ in range(layers):
        body = gzip.compress(body, 1)
    encoding = said if said is not None else ", ".join(["gzip"] * layers)
    return once(OK + f"Content-Encoding: {encoding}\r\n".encode(), body)


HOSTILE: dict[str, Callable[[], Answer]] = {
    "a body without end": lambda: without_end(b" " * 65_536),
    "a body without end in chunks": lambda: without_end(b"8000\r\n" + b" " * 0x8000 + b"\r\n", OK + CHUNKED),
    "a body that drips": lambda: without_end(b" ", pause=0.01),
    "headers without end": lambda: without_end(b"X-A: b\r\n", OK[:-2]),
    "one header without end": lambda: without_end(b"b" * 65_536, OK + b"X-A: "),
    "a bomb": lambda: packed(b'{"sales": [' + b" " * (300 * MB), 1),
    "a bomb in a bomb": lambda: packed(b" " * (100 * MB), 3),
    "gzip that says it is something else": lambda: packed(EMPTY, 1, "br"),
    "a body that is not packed and says so": lambda: once(OK + b"Content-Encoding: gzip\r\n", EMPTY),
    "half a body": lambda: once(OK, b'{"sales": ['),
    "nesting": lambda: once(OK, b"[" * 1_000_000),
    "nesting in an object": lambda: once(OK, b'{"sales":' * 300_000),
    "many empty values": lambda: once(OK, b'{"sales": [' + b"[]," * 3_000_000 + b"[]]}"),
    "many keys": lambda: once(OK, json.dumps({f"k{number}": 0 for number in range(400_000)}).encode()),
    "one long text": lambda: once(OK, json.dumps({"sales": "x" * (15 * MB)}).encode()),
    "a long number": lambda: once(OK, b'{"sales": [' + b"9" * 5_000_000 + b"]}"),
    "pages without end": lambda: pages("x" * 50_000),
    "no JSON": lambda: once(OK, b"<html>" + ESC.encode() + b"</html>"),
    "text that is none": lambda: once(OK, b'{"sales": "\xff\xfe"}'),
    "an early end": lambda: once(OK + b"Content-Length: 1000000\r\n", b"{"),
    "two lengths": lambda: once(OK + b"Content-Length: 5\r\n", EMPTY),
    "no HTTP": lambda: once(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a status that is none": lambda: once(b"HTTP/1.1 999 \xff\r\n"),
    "ten years of Retry-After": lambda: header("Retry-After", "315360000"),
    "a Retry-After beyond numbers": lambda: header("Retry-After", "1e308"),
    "a negative Retry-After": lambda: header("Retry-After", "-5"),
    "a Retry-After that is no time": lambda: header("Retry-After", "Sun, 99 Nov 2026 99:99:99 GMT"),
    "a Date beyond years": lambda: header("Date", "Sun, 22 Nov 99999 12:00:00 GMT", "200 OK"),
    "a malformed Location": lambda: header("Location", "http://[::1", "302 Found"),
    "a Location to a file": lambda: header("Location", "file:///etc/passwd", "301 Moved"),
    "escapes in a reason": lambda: once(
        b"HTTP/1.1 400 " + ESC.encode() + b"\r\n", json.dumps({"error": {"code": ESC}}).encode()
    ),
}
"""Made when they are asked for: some are hundreds of megabytes before they are packed."""


class Server:
    """Serves one hostile answer on the loopback."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests = 0

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            async for piece in self.answer(self.requests):
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the reader has had enough
        finally:
            writer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an attempt end after a second instead of thirty, and be tried again at once."""
    monkeypatch.setattr(http, "ATTEMPT_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_answer_is_one_sentence_and_takes_no_room(what: str) -> None:
    """It is refused with its reason; nothing raw reaches a log, and nothing of it is booked."""
    answer = HOSTILE[what]()
    with stamina.set_testing(True, attempts=2, cap=True):
        async with Server(answer) as server:
            source = Sales(server.url, "a-token-of-the-sales-api", clock=lambda: NOW)
            tracemalloc.start()
            try:
                found = await _read(source)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
                await source.aclose()
    assert peak < MORE_ROOM.get(what, ROOM), f"{peak / MB:.0f} MB"
    if isinstance(found, Reading):
        assert not found.records
        return
    sentence = str(found)
    assert found.reason
    assert sentence.endswith((".", ")"))
    assert printable(sentence) == sentence
    assert "\x1b" not in sentence
    wait = getattr(found, "retry_after", None)
    assert wait is None or 0 <= wait <= 900
    assert server.requests >= 1


async def test_what_is_not_hostile_is_read() -> None:
    """The server itself is none of the causes."""
    async with Server(once(OK, EMPTY)) as server:
        source = Sales(server.url, "a-token-of-the-sales-api", clock=lambda: NOW)
        assert isinstance(await _read(source), Reading)
        await source.aclose()


async def _read(source: Sales) -> Reading | SourceError:
    window = Window(NOW - timedelta(hours=1), NOW, NOW - timedelta(minutes=1))
    try:
        return await fetched(source, SHOP, window)
    except SourceError as error:
        return error
