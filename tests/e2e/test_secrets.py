"""Keys go into request headers and nowhere else, whatever goes wrong and however much is logged."""

from __future__ import annotations

import base64
import io
import json
import logging
import signal
import sqlite3
import time
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.errors import ExporterError
from exporter.simulator import app, examples, server
from exporter.simulator.faults import KINDS, NEEDS_FIELD, SOURCES
from exporter.simulator.keys import Keys
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.sources import http
from exporter.sources.contract import Window
from tests.e2e.pipeline import HOST, PATIENCE, Pipeline, until
from tests.e2e.processes import Process
from tests.ports import held_port

KEY_ID = "e1f0c3a7-5b2d-4c8e-9a61-7d3f2b8c4e90"
ADMIN_KEY = "sk-ant-admin01-" + "Qz7mW2xKc9TbV4nRfJ8pLhY3dGs6aUe1"
"""Written in two parts, so that no scanner takes it for a real one."""
TOKEN = "john-tok-H5vXq0rNwZ8kBt2yMc7jPf4sLd9gAe6u"
PIECE = 12
"""Characters; a shorter piece of a key could be a word of something else."""

PEM_KEY = generate_private_key(65537, 2048)
PEM = PEM_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
BODY = "".join(PEM.splitlines()[1:-1])
FIELDS = {"kalshi": "fills.fee_cost", "anthropic": "data.results.amount", "sales": "sales.gross"}


def pieces() -> Iterator[bytes]:
    """Yield every piece of every secret, plain and as base64 of the whole."""
    tails = (ADMIN_KEY.removeprefix("sk-ant-admin01-"), TOKEN.removeprefix("john-tok-"), KEY_ID, BODY[64:])
    for secret in tails:
        for start in range(len(secret) - PIECE + 1):
            yield secret[start : start + PIECE].encode()
    for secret in (ADMIN_KEY, TOKEN, KEY_ID):
        yield base64.b64encode(secret.encode())
        yield secret.encode().hex().encode()


PIECES = tuple(dict.fromkeys(pieces()))


def is_clean(where: str, *texts: str | bytes) -> None:
    """Fail when a piece of a secret is in one of the texts; say where, not what."""
    for text in texts:
        body = text.encode() if isinstance(text, str) else text
        found = sum(piece in body for piece in PIECES)
        assert not found, f"{found} pieces of secrets in {where}"


class Echo:
    """An upstream that throws back whatever it was sent, as some do in their error pages."""

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner
        self.status = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.status or scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        sent = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = json.dumps({"error": {"code": "echo", "message": f"you sent {sent}"}, "seen": sent}).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> list[Echo]:
    """The simulator knows our keys, and can be told to echo."""
    made: list[Echo] = []
    accepted = Keys(
        kalshi={KEY_ID: PEM_KEY.public_key()}, admin=frozenset({ADMIN_KEY}), sales=frozenset({TOKEN})
    )

    def create(*arguments: object, **options: object) -> Echo:
        made.append(Echo(app.create_app(*arguments, **options)))
        return made[-1]

    monkeypatch.setattr(server.credentials, "make_keys", lambda _folder: accepted)
    monkeypatch.setattr(server, "create_app", create)
    return made


@pytest.fixture
def simulator(echo: list[Echo]) -> Iterator[Simulator]:
    with serve_in_thread(examples.company()) as served:
        yield served


def secrets(simulator: Simulator, folder: Path) -> dict[str, str]:
    """Return settings with the distinctive keys; the PEM text lies in a file."""
    path = folder / "our-key.pem"
    path.write_text(PEM)
    return {
        "KALSHI_API_KEY": KEY_ID,
        "KALSHI_PRIVATE_KEY_PATH": str(path),
        "KALSHI_BASE_URL": f"{simulator.url}/trade-api/v2",
        "ANTHROPIC_API_KEY": ADMIN_KEY,
        "ANTHROPIC_BASE_URL": simulator.url,
        "JOHN_API_BASE_URL": simulator.url,
        "JOHN_API_TOKEN": TOKEN,
    }


@contextmanager
def overheard() -> Iterator[io.StringIO]:
    """Collect everything that any logger says, down to the last detail."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    # A command that ran in this process before may have quietened the clients.
    loggers = [logging.getLogger(name) for name in (None, "httpx", "httpcore")]
    before = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield heard
    finally:
        loggers[0].removeHandler(handler)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def kept(database: Path) -> Iterator[bytes]:
    """Yield the database's files as they are, and all that is packed inside."""
    with sqlite3.connect(database) as connection:
        for (body,) in connection.execute("SELECT body FROM bodies"):
            yield zlib.decompress(body)
        for patch, whole in connection.execute("SELECT patch, whole FROM snapshots"):
            yield zlib.decompress(patch)
            if whole is not None:
                yield zlib.decompress(whole)
    connection.close()
    for path in database.parent.glob(f"{database.name}*"):
        yield path.read_bytes()


def test_the_search_itself_finds_a_secret() -> None:
    """The keys are found whole and in pieces, so that finding nothing means something."""
    for text in (ADMIN_KEY, TOKEN[-14:], f"x{KEY_ID}x", PEM.replace("\n", ""), BODY[70:90]):
        with pytest.raises(AssertionError, match="pieces of secrets"):
            is_clean("here", text)
    is_clean("here", "sk-ant-admin01-", "john-tok-", "-----BEGIN PRIVATE KEY-----")


def test_no_failure_and_no_debug_log_shows_a_key(
    unhurried: None, simulator: Simulator, echo: list[Echo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readings, every fault of every source, echoes of our own headers: not a piece of a key comes out."""
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    environ = simulator.environment
    monkeypatch.setattr(simulator, "environment", lambda **_: environ() | secrets(simulator, tmp_path))
    folder = tmp_path / "kept"
    folder.mkdir()
    seen: list[str] = []
    with overheard() as heard, Pipeline(simulator, folder) as running:
        running.collect()
        assert len(running.latest["sources"]) == 3
        assert all("error" not in source for source in running.latest["sources"].values())
        for kind in KINDS:
            for source in SOURCES:
                options = {"field": FIELDS[source]} if kind in NEEDS_FIELD else {}
                options |= {"value": "x"} if kind in ("rename", "mutate") else {}
                options |= {"operation": "set"} if kind == "mutate" else {}
                simulator.faults.set(source, kind, seconds=0.2, **options)
            seen += _everything_shown(running)
            simulator.faults.clear()
        for status in (200, 400, 401, 403, 404, 429, 500):
            time.sleep(0.06)  # a breaker may be resting
            echo[0].status = status
            seen += _everything_shown(running)
        echo[0].status = 0
        seen += [repr(running.settings), str(running.settings), repr(running.settings.model_dump())]
        seen += [repr(source) + repr(vars(source)) for source in running.sources.values()]
    assert "source=sales" in heard.getvalue()
    assert "send_request_headers" in heard.getvalue(), "debug logging was off"
    is_clean("the log", heard.getvalue())
    is_clean("what was shown", *seen)
    is_clean("the database", *kept(running.database))


def _everything_shown(running: Pipeline) -> list[str]:
    """Read all sources; return every text that came of it, errors with their stacks included."""
    shown = []
    now = running.simulator.world.clock()
    for source in running.sources.values():
        running.collect(source.name)
        try:
            running.run(source.fetch(Window(None, now)))
            running.run(source.probe())
        except ExporterError as error:
            shown += [repr(error), str(error), repr(vars(error)), "".join(traceback.format_exception(error))]
            shown += [answer.body.decode(errors="replace") for answer in getattr(error, "answers", ())]
        shown.append(repr(source))
    with httpx.Client(timeout=PATIENCE) as client:
        running.current()
        for path in ("current", "deltas?since=x-1", "history"):
            shown.append(client.get(f"{running.stream_url}/api/pnl/{path}").text)
        for path in ("api/health", "metrics", "api/openapi.json"):
            shown.append(client.get(f"{running.stream_url}/{path}").text)
    return [*shown, running.metrics().text]


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "wrong"])
def test_processes_print_no_key(simulator: Simulator, tmp_path: Path, wrong: bool) -> None:
    """Exporter, stream and check print and serve none of it, whether the keys open the door or not."""
    settings = secrets(simulator, tmp_path) | {
        "DB_PATH": str(tmp_path / "northstar.sqlite3"),
        "NORTHSTAR_METRICS_PORT": str(held_port()),
        "PORT": str(held_port()),
        "AGGREGATION_INTERVAL_MS": "100",
    }
    if wrong:
        simulator.faults.set("sales", "html")
        simulator.faults.set("kalshi", "drop", field="fills.fee_cost")
        settings["ANTHROPIC_API_KEY"] = ADMIN_KEY[:-8] + "zzzzzzzz"
    metrics = f"http://{HOST}:{settings['NORTHSTAR_METRICS_PORT']}/metrics"
    current = f"http://{HOST}:{settings['PORT']}/api/pnl/current"
    with Process(tmp_path, settings, "check") as check:
        assert check.wait() == int(wrong), check.output
        is_clean("check", check.output)
    with Process(tmp_path, settings, "exporter") as exporter, Process(tmp_path, settings, "stream") as stream:
        sought = 'northstar_source_errors_total{reason="unauthorised"' if wrong else "northstar_pnl_net_usd"
        page = until(lambda: _text(metrics, sought))
        shown = until(lambda: _text(current, '"sequence":'))
        is_clean("the pages", page, shown)
        for process in (exporter, stream):
            process.send(signal.SIGTERM)
            assert process.wait() == 0
            is_clean("the output", process.output)
    is_clean("the database", *kept(tmp_path / "northstar.sqlite3"))


def _text(url: str, sought: str) -> str | None:
    try:
        text = httpx.get(url).text
    except httpx.HTTPError:
        return None
    return text if sought in text else None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTHROPIC_API_KEY", ADMIN_KEY + "\x07bell"),
        ("ANTHROPIC_API_KEY", "sk-ant-ort01-" + ADMIN_KEY[-32:]),
        ("JOHN_API_TOKEN", TOKEN + " and a blank"),
        ("JOHN_API_TOKEN", TOKEN + "é"),
        ("KALSHI_API_KEY", KEY_ID + "\ttab"),
        ("KALSHI_PRIVATE_KEY", PEM.replace("PRIVATE KEY", "SECRET")),
        ("KALSHI_PRIVATE_KEY", PEM[:400]),
        ("KALSHI_PRIVATE_KEY", PEM.replace(BODY[100:110], "!!!!!!!!!!")),
        ("NORTHSTAR_JOHN_API_TOKN", TOKEN),
        ("PORT", TOKEN),
    ],
    ids=lambda value: value if value.replace("_", "").isupper() else "value",
)
def test_unusable_secret_is_refused_without_being_quoted(
    simulator: Simulator, tmp_path: Path, name: str, value: str
) -> None:
    """Mistyped, cut off, in the wrong place: a sentence about it and exit code 1."""
    settings = secrets(simulator, tmp_path) | {"DB_PATH": str(tmp_path / "x.sqlite3")}
    if name == "KALSHI_PRIVATE_KEY":
        del settings["KALSHI_PRIVATE_KEY_PATH"]
    for command in ("exporter", "check"):
        with Process(tmp_path, settings | {name: value}, command) as process:
            assert process.wait() == 1, process.output
            assert "Traceback" not in process.output
            is_clean(command, process.output)
