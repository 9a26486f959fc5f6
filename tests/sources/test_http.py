"""The client: what it bounds, what it tries again, and how it names what went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import prometheus_client
import pytest

from exporter import __version__
from exporter.errors import SettingsError, SourceError, SourceMalformed, SourceRejected, SourceUnavailable
from exporter.runtime.clock import monotonic
from exporter.simulator.clock import SettableClock
from exporter.simulator.examples import reference_account
from exporter.simulator.server import serve_in_thread
from exporter.sources import body, http
from exporter.sources.contract import Window
from exporter.sources.credential import usable
from exporter.sources.http import Endpoint, HttpClient
from exporter.sources.kalshi.account import Kalshi
from tests.sources.canned import NOW, Turns, Upstream, Watcher, text_of

pytestmark = pytest.mark.anyio

PATH = "/things"
OK = {"things": []}


def client(answer: Any, **options: Any) -> HttpClient:
    """Return a client of an upstream that knows one path."""
    upstream = answer if isinstance(answer, Upstream) else Upstream({PATH: answer})
    given = {"headers": lambda method, path: {}, "clock": SettableClock(NOW)} | options
    wait = given.pop("wait_when_limited", None)
    endpoint = Endpoint(
        source="kalshi",
        title="Kalshi",
        base_url="https://up.test/",
        requests=100,
        per_seconds=1,
        wait_when_limited=wait,
    )
    return HttpClient(
        endpoint, given.pop("headers"), given.pop("clock"), transport=upstream.transport, **given
    )


def status(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(
        code, json={}, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


async def failure(answer: Any, **options: Any) -> SourceError:
    """Return the error of one request."""
    with pytest.raises(SourceError) as caught:
        await client(answer, **options).get(PATH)
    return caught.value


async def test_an_answer_is_returned_as_it_came(watcher: Watcher) -> None:
    """The client reads nothing into an answer: bytes in, bytes out, with when and what was asked."""
    answer = await client(b' {"things": []}\n', observer=watcher).get(PATH, [("limit", "5")])
    assert (answer.body, answer.status, answer.request) == (b' {"things": []}\n', 200, "GET /things?limit=5")
    assert answer.fetched_at == NOW
    assert watcher.outcomes == ["ok"]


async def test_the_client_says_who_it_is() -> None:
    """Upstreams ask integrators to name themselves."""
    upstream = Upstream({PATH: OK})
    await client(upstream).get(PATH)
    assert upstream.requests[0].headers["user-agent"] == f"northstar-pnl/{__version__}"


async def test_retries_are_bounded(watcher: Watcher) -> None:
    """A server that stays broken is asked a few times, not for ever; each retry is reported."""
    upstream = Upstream({PATH: status(500)})
    error = await failure(upstream, observer=watcher)
    assert len(upstream.requests) == http.ATTEMPTS
    assert watcher.retries == [("kalshi", "server_error")] * (http.ATTEMPTS - 1)
    assert watcher.outcomes == ["server_error"]
    assert error.answers[0].status == 500


async def test_a_passing_failure_is_forgotten() -> None:
    """One bad answer in between costs a retry and nothing else."""
    answer = await client(Turns([httpx.ConnectError("refused"), status(503), OK])).get(PATH)
    assert answer.status == 200


async def test_headers_are_made_anew_for_every_attempt() -> None:
    """A signature carries its time, so an old one would be refused on a retry."""
    asked: list[tuple[str, str]] = []

    def headers(method: str, path: str) -> dict[str, str]:
        asked.append((method, path))
        return {"X-Attempt": str(len(asked))}

    upstream = Upstream({PATH: Turns([status(500), OK])})
    await client(upstream, headers=headers).get(PATH, [("a", "b")])
    assert [request.headers["x-attempt"] for request in upstream.requests] == ["1", "2"]
    assert asked == [("GET", PATH)] * 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:09 GMT"}, 9),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:09 GMT", "date": "Sun, 22 Nov 2026 12:00:04 GMT"}, 5),
        ({"retry_after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry_after": "-3"}, 0),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"anthropic_ratelimit_requests_reset": "2026-11-22T12:00:12Z"}, 12),
        ({"retry_after": "2", "anthropic_ratelimit_requests_reset": "2026-11-22T12:00:12Z"}, 2),
        ({"retry_after": "soon", "anthropic_ratelimit_requests_reset": "2026-11-22T12:00:12Z"}, 12),
    ],
)
async def test_the_servers_wish_is_waited_for(
    headers: dict[str, str], seconds: float, watcher: Watcher
) -> None:
    """A server that says when to come back is believed, in every form in which it may say so."""
    await client(Turns([status(429, **headers), OK]), observer=watcher).get(PATH)
    assert watcher.waits == [seconds]


@pytest.mark.parametrize("nonsense", ["soon", "nan", "inf", "", "Sun, 99 Nov 2026 99:00:00 GMT", "9" * 400])
async def test_a_wish_nobody_understands_is_no_wish(nonsense: str, watcher: Watcher) -> None:
    """Without a readable wish the usual backoff applies."""
    await client(Turns([status(429, retry_after=nonsense), OK]), observer=watcher).get(PATH)
    assert watcher.waits == []
    assert watcher.retries == [("kalshi", "rate_limited")]


async def test_a_long_wish_is_left_to_the_scheduler() -> None:
    """A wait beyond the bound is not sat out: the error says when to come back."""
    upstream = Upstream({PATH: status(429, retry_after="600")})
    error = await failure(upstream)
    assert isinstance(error, SourceUnavailable)
    assert (error.reason, error.retry_after, len(upstream.requests)) == ("rate_limited", 600, 1)


async def test_a_service_may_have_a_usual_wait_after_429() -> None:
    """Where a 429 names no time, a source's own default stands in, for the 429 only."""
    limited = await failure(status(429), wait_when_limited=60.0)
    broken = await failure(status(500), wait_when_limited=60.0)
    assert isinstance(limited, SourceUnavailable)
    assert isinstance(broken, SourceUnavailable)
    assert (limited.retry_after, broken.retry_after) == (60.0, None)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(408, "timeout"), (409, "conflict"), (429, "rate_limited"), (500, "server_error"), (502, "server_error"),
     (503, "server_error"), (504, "server_error"), (529, "server_error")],
)  # fmt: skip
async def test_passing_trouble_is_unavailable(code: int, reason: str) -> None:
    """What passes by itself is named so, and asked again."""
    error = await failure(status(code))
    assert isinstance(error, SourceUnavailable)
    assert (error.reason, error.answers[0].status) == (reason, code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(301, "redirected"), (302, "redirected"), (307, "redirected"), (400, "bad_request"),
     (401, "unauthorised"), (402, "billing"), (403, "forbidden"), (404, "not_found"), (413, "refused")],
)  # fmt: skip
async def test_a_refusal_is_for_a_human_and_asked_once(code: int, reason: str) -> None:
    """Asking again changes nothing, so it is not done; the sentence says what to do."""
    upstream = Upstream({PATH: status(code, location="https://elsewhere.test/")})
    error = await failure(upstream)
    assert isinstance(error, SourceRejected)
    assert error.reason == reason
    assert str(error).startswith(f"Kalshi refused the request (HTTP {code}): ")
    assert str(error).endswith(".")
    assert len(upstream.requests) == 1


async def test_a_tolerated_status_is_an_answer() -> None:
    """A feature the account lacks is no failure, if the caller says so."""
    answer = await client(status(404)).get(PATH, tolerate=(404,))
    assert answer.status == 404


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (httpx.ConnectError("no route"), "connect"),
        (httpx.ConnectTimeout("slow"), "timeout"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.PoolTimeout("full"), "timeout"),
        (httpx.ReadError("reset"), "connection"),
        (httpx.RemoteProtocolError("closed half-way"), "connection"),
    ],
)
async def test_a_broken_connection_is_unavailable(trouble: Exception, reason: str) -> None:
    """No failure of the network reaches the caller under a name of the HTTP library."""
    error = await failure(trouble)
    assert isinstance(error, SourceUnavailable)
    assert error.reason == reason


async def test_an_answer_that_only_drips_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs between bytes never end a server that sends one now and then; this bound does."""
    monkeypatch.setattr(http, "ATTEMPT_SECONDS", 0.0)

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    assert (await failure(never)).reason == "timeout"


async def test_a_body_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body without end must not fill the memory."""
    monkeypatch.setattr(body, "MAX_BODY_BYTES", 50)
    error = await failure(b'{"things": "' + b"x" * 100 + b'"}')
    assert isinstance(error, SourceMalformed)
    assert error.field == "body"


async def test_a_body_that_cannot_be_decompressed_is_malformed() -> None:
    """Broken compression is a broken answer."""

    def handler(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(b"this is no gzip")
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=stream)

    upstream = Upstream({})
    talker = client(upstream)
    talker._http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    with pytest.raises(SourceMalformed):
        await talker.get(PATH)


class Turnstile:
    """Stands in for the limiter and counts who passes."""

    made: list[tuple[float, float]]
    passed: int

    def __init__(self, requests: float, seconds: float) -> None:
        Turnstile.made, Turnstile.passed = [(requests, seconds)], 0

    async def __aenter__(self) -> None:
        Turnstile.passed += 1

    async def __aexit__(self, *args: object) -> None: ...


async def test_every_attempt_passes_the_limiter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries count against the rate like anything else."""
    monkeypatch.setattr(http, "AsyncLimiter", Turnstile)
    await client(Turns([status(500), status(500), OK])).get(PATH)
    assert (Turnstile.made, Turnstile.passed) == ([(100, 1)], 3)


async def trip(talker: HttpClient) -> None:
    """Fail as often as it takes to open the breaker."""
    for _ in range(http.BREAKER_FAILURES):
        with pytest.raises(SourceError):
            await talker.get(PATH)


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the breaker's rest go by."""
    from purgatory.domain import model

    class Time:
        now = 1_000.0

        @classmethod
        def time(cls) -> float:
            return cls.now

    monkeypatch.setattr(model, "time", Time)

    def later() -> None:
        Time.now += http.BREAKER_REST_SECONDS + 1

    return later


def test_the_breaker_rests_by_the_clock_that_nobody_sets() -> None:
    """By the wall clock a step back of an hour would make its rest an hour longer."""
    from purgatory.domain import model

    assert abs(model.OpenedState("any").opened_at - monotonic()) < 60


async def test_the_breaker_opens_then_tries_once_then_closes(
    rest: Callable[[], None], watcher: Watcher
) -> None:
    """After repeated failures the upstream is left alone; then one attempt decides."""
    upstream = Upstream({PATH: status(500)})
    talker = client(upstream, observer=watcher)
    assert talker.breaker_state == "closed"
    await trip(talker)
    assert talker.breaker_state == "open"
    asked = len(upstream.requests)

    with pytest.raises(SourceUnavailable, match="HTTP 500") as caught:
        await talker.get(PATH)
    assert caught.value.reason == watcher.outcomes[-1] == "breaker_open"
    assert len(upstream.requests) == asked

    rest()
    with pytest.raises(SourceUnavailable):
        await talker.get(PATH)
    assert (len(upstream.requests), talker.breaker_state) == (asked + 1, "open")

    rest()
    seen: list[str] = []

    def now_well(request: httpx.Request) -> dict[str, Any]:
        seen.append(talker.breaker_state)
        return OK

    upstream.answers[PATH] = now_well
    await talker.get(PATH)
    assert (seen, talker.breaker_state) == (["half-open"], "closed")


@pytest.mark.parametrize(
    ("answer", "state"),
    [(status(400), "closed"), (status(404), "closed"), (b"<html>", "closed"), (status(401), "open"),
     (status(403), "open"), (status(429), "open"), (httpx.ConnectError("no"), "open")],
)  # fmt: skip
async def test_only_trouble_opens_the_breaker(answer: Any, state: str) -> None:
    """A working server that refuses one request is not left alone; one that refuses the key is."""
    talker = client(answer)
    await trip(talker)
    assert talker.breaker_state == state


async def test_retries_leave_no_trace_outside_the_observer(caplog: pytest.LogCaptureFixture) -> None:
    """The retry library would count in the global registry and log each retry; it does neither."""
    caplog.set_level(logging.INFO, logger="stamina")
    await client(Turns([status(500), OK])).get(PATH)
    names = {family.name for family in prometheus_client.REGISTRY.collect()}
    assert not [name for name in names if "stamina" in name]
    assert not [record for record in caplog.records if record.name.startswith("stamina")]


@pytest.mark.parametrize("secret", ["", "  ", '""', "with blank", "line\nbreak", "ke\u00fd", "null\0"])
def test_a_secret_that_cannot_be_sent_is_refused_before(secret: str) -> None:
    """The HTTP library would quote it in its error; our sentence names the setting only."""
    with pytest.raises(SettingsError) as caught:
        usable(secret, "The key")
    assert str(caught.value).startswith("The key ")
    assert not secret.strip(' "') or secret not in str(caught.value)


def test_a_pasted_secret_loses_blanks_and_quotes() -> None:
    """Keys are pasted with line ends and quotes."""
    assert usable(' "abc"\n', "The key").get_secret_value() == "abc"


async def test_a_real_connection_logs_no_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Down to the socket, with every library at DEBUG, key id and signature stay unseen."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpcore")  # a command that ran in this process may have quietened it
    with serve_in_thread(reference_account(), folder=tmp_path) as simulator:
        settings = simulator.environment(ed25519=True)
        source = Kalshi(
            settings["KALSHI_API_KEY"],
            text_of(settings["KALSHI_PRIVATE_KEY_PATH"]),
            base_url=settings["KALSHI_BASE_URL"],
            clock=SettableClock(NOW),
        )
        await source.fetch(Window(None, NOW))
        await source.aclose()
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    assert settings["KALSHI_API_KEY"] not in caplog.text
    assert "SIGNATURE" not in caplog.text.upper()
