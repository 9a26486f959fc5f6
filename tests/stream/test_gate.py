"""Who is let in, over the loopback; and what never shows."""

from __future__ import annotations

import json
import logging
import re
from argparse import Namespace
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from exporter.commands.stream import run
from exporter.errors import SettingsError
from exporter.settings import Settings
from exporter.snapshot import apply
from exporter.stream import create_app
from exporter.stream.gate import Access, AccessRefused
from exporter.stream.tokens import SHORT_SECONDS, Tokens
from tests.builders import held as position
from tests.stream.builders import START, Writer
from tests.stream.serving import PATIENCE, serving, until

pytestmark = pytest.mark.slow

TICKER = "KXTICKER-26NOV22-T1"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}


@pytest.fixture
def access(path: Path) -> Access:
    """Rules whose clock a test may set; no token is made yet."""
    access = Access(path, origins=["https://board.example"], names=["pnl.example"])
    access.at = START.timestamp()  # type: ignore[attr-defined]
    access.clock = lambda: access.at  # type: ignore[attr-defined]
    return access


@pytest.fixture
def tokens(access: Access) -> dict[str, str]:
    """One token of each scope."""
    return {scope: access.tokens.create(scope, scope, START) for scope in ("all", "totals", "ingest")}


@pytest.fixture
def guarded(path: Path, writer: Writer, access: Access) -> FastAPI:
    """A sidecar with those rules."""
    return create_app(path, poll_seconds=0.002, access=access, clock=lambda: writer.at + timedelta(seconds=3))


@pytest.fixture
def url(guarded: FastAPI) -> Iterator[str]:
    with serving(guarded) as address:
        until(lambda: guarded.state.feed.current())
        yield address


def get(url: str, path: str, token: str | None = None, **kwargs: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(url + path, headers=headers | kwargs.pop("headers", {}), timeout=PATIENCE, **kwargs)


def short(url: str, token: str) -> str:
    answer = httpx.post(
        url + "/api/token", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
    ).json()
    assert answer["expires_in"] == SHORT_SECONDS
    found: str = answer["token"]
    return found


API = ["/api/pnl/current", "/api/pnl/deltas", "/api/pnl/stream", "/api/pnl/history", "/api/pnl/groups"]


def test_without_a_token_made_the_loopback_is_open(url: str) -> None:
    """Nobody needs a token to try it out."""
    assert get(url, "/api/pnl/current").status_code == 200
    assert httpx.post(url + "/api/token", timeout=PATIENCE).json()["token"] == ""


@pytest.mark.parametrize("path_asked", [*API, "/api/pnl/ws", "/api/nothing", "/api/pnl/explain"])
def test_once_there_is_a_token_everything_asks_for_one(
    url: str, tokens: dict[str, str], path_asked: str
) -> None:
    """Also what does not exist, and the upgrade, before it."""
    headers = UPGRADE if path_asked.endswith("ws") else {}
    for wrong in (None, "x", "nst_00000000_" + "a" * 43, tokens["all"][:-1] + "x", tokens["all"] + "\t1"):
        answer = get(url, path_asked, wrong, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "unauthorised"
    basic = get(url, path_asked, headers={**headers, "Authorization": "Basic bm86bm8="})
    assert basic.status_code == 401


def test_page_and_health_stay_open_without_saying_anything(url: str, tokens: dict[str, str]) -> None:
    """A load balancer needs the status alone; reasons name files."""
    for path in ("/", "/widget.js", "/metrics", "/api/openapi.json", "/api/health/live"):
        assert get(url, path).status_code == 200
    assert "reason" not in get(url, "/api/health").text
    assert all(set(part) == {"ok"} for part in get(url, "/api/health").json()["parts"].values())
    assert "limit_seconds" in get(url, "/api/health", tokens["all"]).text


def test_short_lived_token_opens_an_address_until_it_expires(
    url: str, tokens: dict[str, str], access: Access
) -> None:
    """For what cannot send a header; a long-lived one is refused there, and it makes no other."""
    ticket = short(url, tokens["all"])
    assert get(url, f"/api/pnl/current?token={ticket}").status_code == 200
    with connect(f"{url.replace('http', 'ws', 1)}/api/pnl/ws?token={ticket}") as socket:
        assert json.loads(socket.recv(PATIENCE))["type"] == "retry"
    assert get(url, f"/api/pnl/current?token={tokens['all']}").status_code == 401
    for wrong in (ticket[:-1] + ("0" if ticket[-1] != "0" else "1"), ticket.replace("_", "-"), "nsa__", ""):
        assert get(url, f"/api/pnl/current?token={wrong}").status_code == 401
    later = re.sub(r"_(\d+)_", lambda found: f"_{int(found[1]) + 60}_", ticket)
    assert get(url, f"/api/pnl/current?token={later}").status_code == 401
    assert httpx.post(f"{url}/api/token?token={ticket}", timeout=PATIENCE).status_code == 403
    access.at += SHORT_SECONDS  # type: ignore[attr-defined]
    assert get(url, f"/api/pnl/current?token={ticket}").status_code == 401


def test_revoked_token_ends_its_streams_and_its_short_lived_ones(
    url: str, tokens: dict[str, str], access: Access
) -> None:
    """4401 says why; whoever came with another token stays."""
    ticket = short(url, tokens["totals"])
    address = f"{url.replace('http', 'ws', 1)}/api/pnl/ws"
    with connect(f"{address}?token={ticket}") as socket:
        assert access.tokens.revoke(tokens["totals"].split("_")[1])
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - it is told some things before
            for _ in range(4):
                socket.recv(PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{address}?token={ticket}")
    assert refused.value.response.status_code == 401
    assert get(url, "/api/pnl/current", tokens["all"]).status_code == 200


def test_figures_stay_closed_when_the_last_token_is_revoked(
    url: str, tokens: dict[str, str], access: Access
) -> None:
    """To take one reader's right away is to give nobody any: not him, and not everybody."""
    for token in tokens.values():
        assert access.tokens.revoke(token.split("_")[1])
    assert access.tokens.all() == []
    until(lambda: get(url, "/api/pnl/current", tokens["all"]).status_code == 401)
    for path in API:
        assert get(url, path).status_code == 401
    access.tokens.create("the next", "all", START)
    assert get(url, "/api/pnl/current").status_code == 401


def test_totals_are_all_that_a_token_for_totals_sees(
    url: str, tokens: dict[str, str], writer: Writer, guarded: FastAPI
) -> None:
    """On each transport, whole and as deltas: no ticker, no position, no sentence; all else is closed."""
    token = tokens["totals"]
    start = f"{writer.epoch}-{writer.sequence}"
    held = get(url, "/api/pnl/current", token).json()
    ticket = short(url, token)
    told: list[str] = []
    with (
        connect(f"{url.replace('http', 'ws', 1)}/api/pnl/ws?token={ticket}") as socket,
        httpx.stream("GET", f"{url}/api/pnl/stream?token={ticket}", timeout=PATIENCE) as response,
    ):
        lines = response.iter_lines()
        for number in range(3):
            positions = {f"{TICKER}-{number}": position(number)}
            writer.commit(positions=positions, missing=f"kalshi: no mark for {TICKER}")
        last = f"{writer.epoch}-{writer.sequence}"
        while f'"id":"{last}"' not in (told[-1] if told else ""):
            told.append(str(socket.recv(PATIENCE)))
        line = ""
        while line != f"id: {last}":
            told.append(line := next(lines))
        told.append(next(lines))
        told.append(next(lines))
    deltas = get(url, f"/api/pnl/deltas?since={start}", token)
    for delta in deltas.json()["deltas"]:
        held = apply(held, delta["patch"])
    now = get(url, "/api/pnl/current", token)
    assert held == now.json()
    assert now.json()["scope"] == "totals"
    told += [deltas.text, now.text, get(url, "/api/pnl/deltas", token).text]
    told += [get(url, "/api/pnl/deltas?since=x", token).text, get(url, "/api/pnl/history", token).text]
    everything = "\n".join(told)
    assert "windows" in everything
    assert TICKER not in everything
    assert "positions" not in everything
    assert "no mark" not in everything
    assert TICKER in get(url, "/api/pnl/current", tokens["all"]).text
    assert get(url, "/api/pnl/history?fields=cash", token).status_code == 403
    for path in (
        "/api/pnl/groups",
        "/api/pnl/aside",
        "/api/pnl/restatements",
        "/api/pnl/periods",
        "/api/pnl/prometheus/read",
        "/api/pnl/statement?period=month",
        "/api/pnl/changes?period=month&since=2026-11-22T12:00:00Z",
        "/api/pnl/comparison",
        "/api/pnl/course?period=month",
        "/api/pnl/export?what=fills&period=month",
        "/api/pnl/explain",
        "/api/pnl/anything-new",
    ):
        assert get(url, path, token).status_code == 403
    guarded.state.feed._tree = guarded.state.feed._current = None
    guarded.state.feed.trouble = f"trouble with {TICKER}"
    assert TICKER not in get(url, "/api/pnl/current", token).text


def test_token_for_sending_in_reads_nothing(url: str, tokens: dict[str, str]) -> None:
    for path in API:
        assert get(url, path, tokens["ingest"]).status_code == 403


def test_token_for_sending_in_closes_nothing(url: str, access: Access) -> None:
    """Neither while it is there nor when it is gone."""
    token = access.tokens.create("shop", "ingest", START)
    assert get(url, "/api/pnl/current").status_code == 200
    assert access.tokens.revoke(token.split("_")[1])
    assert get(url, "/api/pnl/current").status_code == 200
    assert not access.asks


NO_ADDRESS = ("[::1", "[", "[]", "]", "a[b]", "[::1]x", "[v1.x]", "[fe80::1%25]", "x:y", "@")


@pytest.mark.parametrize("asks", [False, True])
def test_header_that_is_no_address_is_refused_and_no_fault(
    url: str, access: Access, caplog: pytest.LogCaptureFixture, asks: bool
) -> None:
    """Whoever writes nonsense into Host or Origin reads a sentence, and the log nothing."""
    if asks:
        access.tokens.create("reader", "all", START)
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        for text in NO_ADDRESS:
            for path in ("/", "/api/health", "/api/pnl/current", "/api/pnl/stream", "/api/nothing/"):
                for headers in ({"Host": text}, {"Origin": f"http://{text}"}, {"Origin": text}):
                    with client.stream("GET", path, headers=headers) as answer:
                        assert answer.status_code < 500, (path, headers)
    answer = get(url, "/api/pnl/current", headers={"Host": "[::1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_host")
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


@given(st.text(st.characters(max_codepoint=255), max_size=20))
def test_any_host_is_let_in_or_refused_in_a_sentence(host: str) -> None:
    """Whatever the header holds, without a fault."""
    refused = None
    try:
        Access(Path("nowhere")).grant("/metrics", "", Headers({"Host": host}))
    except AccessRefused as error:
        refused = error
    assert refused is None or (refused.status in (400, 403) and str(refused).endswith("."))


def test_pages_of_other_sites_are_refused(url: str, access: Access) -> None:
    """A browser sends their WebSocket handshake without asking; a name pointed at us is not ours."""
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
    ):
        for path, more in (("/api/pnl/current", {}), ("/api/pnl/ws", UPGRADE)):
            answer = get(url, path, headers={**more, **headers})
            assert answer.status_code == 403, headers
            assert ("NORTHSTAR_HOST_NAMES" if "Host" in headers else "NORTHSTAR_ORIGINS") in answer.text
    own = url.removeprefix("http://")
    for headers in (
        {"Origin": url},
        {"Origin": "https://board.example"},
        {"Host": "stream:8080"},
        {"Host": "pnl.example:8080"},
        {"Host": "board.example"},
        {"Host": own},
    ):
        assert get(url, "/api/pnl/current", headers=headers).status_code == 200, headers


@pytest.mark.parametrize(
    ("origin", "advice"),
    [
        ("http://127.0.0.1:8000", "add http://127.0.0.1:8000 to NORTHSTAR_ORIGINS"),
        ("null", "open it through a web server"),
        ('https://evil.example"><script>', "open it through a web server"),
    ],
)
def test_refused_page_may_read_what_to_do_and_nothing_else(url: str, origin: str, advice: str) -> None:
    """Who embeds the widget for the first time is told the setting; what is no origin is not repeated."""
    for path in ("/api/pnl/deltas?wait=0", "/api/health"):
        answer = get(url, path, headers={"Origin": origin})
        assert answer.status_code == 403
        assert answer.headers["access-control-allow-origin"] == (origin if "127" in origin else "null")
        assert advice in answer.json()["error"]["message"]
        assert "evil" not in answer.text
    assert "access-control-allow-origin" not in get(url, "/metrics", headers={"Origin": origin}).headers


def test_every_page_may_show_what_is_made_up(path: Path, writer: Writer) -> None:
    """A stranger's blank page shows the demo, from a file as well; its data is nobody's."""
    app = create_app(path, poll_seconds=0.002, access=Access(path, demo=True))
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        for origin in ("https://anywhere.example", "null"):
            answer = get(url, "/api/pnl/current", headers={"Origin": origin})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "*"
        assert get(url, "/api/pnl/current", headers={"Host": "evil.example"}).status_code == 403


def test_listed_origin_may_read_and_ask_with_a_token(url: str, tokens: dict[str, str]) -> None:
    """The browser's question before the request is answered; a refusal can be read, too."""
    asked = {
        "Origin": "https://board.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = httpx.options(url + "/api/pnl/current", headers=asked, timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://board.example"
    assert "access-control-allow-credentials" not in answer.headers
    refused = get(url, "/api/pnl/current", headers={"Origin": "https://board.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://board.example"
    asked["Origin"] = "https://evil.example"
    denied = httpx.options(url + "/api/pnl/current", headers=asked, timeout=PATIENCE)
    assert "access-control-allow-origin" not in denied.headers


def test_answers_carry_headers_that_bind_browsers(url: str) -> None:
    """Neither framed, sniffed nor read by other sites, and never mixed up between two tokens by a cache."""
    for path in ("/api/pnl/current", "/api/pnl/history", "/api/nothing", "/api/health"):
        headers = get(url, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "authorization" in headers["vary"].lower()
    with httpx.stream("GET", url + "/api/pnl/stream", timeout=PATIENCE) as response:
        assert response.headers["x-content-type-options"] == "nosniff"


def test_token_never_reaches_a_log_or_an_error(
    url: str, tokens: dict[str, str], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the level: addresses with tokens are not logged, right or wrong."""
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn.error", "uvicorn.access", "websockets"):
        caplog.set_level(logging.DEBUG, name)
    ticket = short(url, tokens["all"])
    said = ""
    for path in ("/api/pnl/current", "/api/pnl/stream", "/api/nothing", "/api/pnl/history"):
        for token in (ticket, tokens["all"], tokens["all"] + "wrong"):
            with httpx.stream("GET", f"{url}{path}?token={token}&step=x", timeout=PATIENCE) as answer:
                said += str(answer.headers)
                if answer.status_code != 200:
                    said += answer.read().decode()
    with connect(f"{url.replace('http', 'ws', 1)}/api/pnl/ws?token={ticket}") as socket:
        socket.recv(PATIENCE)
    with pytest.raises(InvalidStatus):
        connect(f"{url.replace('http', 'ws', 1)}/api/pnl/ws?token={tokens['all']}")
    ours = [
        record
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore", "websockets.client"))
    ]
    out, err = capfd.readouterr()
    said += out + err + "\n".join(f"{record.getMessage()} {record.exc_info}" for record in ours)
    for secret in (ticket.split("_")[3], tokens["all"].split("_", 2)[2]):
        assert secret not in said


def test_last_use_is_noted(url: str, tokens: dict[str, str], access: Access) -> None:
    """At most once a minute, as the time of the token's file."""
    assert all(token.used is None for token in access.tokens.all())
    access.at += 90  # type: ignore[attr-defined]
    get(url, "/api/pnl/current", tokens["all"])
    used = {token.scope: token.used for token in access.tokens.all()}
    assert used["all"] == START + timedelta(seconds=90)
    assert used["totals"] is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.com"])
def test_address_that_others_reach_needs_a_token_to_start(tmp_path: Path, host: str) -> None:
    """One sentence says why and what to do; a token to send in with does not count."""
    settings = Settings(host=host, db_path=tmp_path / "pnl.sqlite3")
    Tokens(settings.db_path).create("shop", "ingest", START)
    with pytest.raises(SettingsError) as refused:
        run(settings, Namespace(workers=1, listener=None))
    assert host in str(refused.value)
    assert "northstar token create" in str(refused.value)
    assert not Settings(host=host, published_on_loopback=True).routable
    assert Access(settings.db_path, routable=settings.routable).asks
