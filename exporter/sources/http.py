"""The HTTP client of a source: timeouts, retries with back-off, rate limit, circuit breaker, plain errors.

Units:  seconds and bytes, named in each constant.
Quirk:  stamina would register a counter in the global Prometheus registry and log every retry;
        both are switched off, because retries are reported to an `Observer`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

import httpx
import stamina
import stamina.instrumentation
from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain import model as breaker_model
from purgatory.domain.model import Context, ExcludeType, OpenedState

from exporter import __version__
from exporter.errors import SourceError, SourceMalformed, SourceRejected, SourceUnavailable
from exporter.records import Answer
from exporter.runtime.clock import monotonic
from exporter.sources.body import ACCEPT_ENCODING, BodyRefused, read_body
from exporter.sources.reachability import check_proxies, trust, why_unreachable
from exporter.sources.redaction import redacted
from exporter.sources.refusal import code_word
from exporter.sources.retry_after import requested, server_date

CONNECT_SECONDS = 5.0  # a handshake across an ocean takes a fifth of a second; five mean that nobody listens
READ_SECONDS = 15.0  # reports are aggregated while we wait; longer than this they fail anyway
WRITE_SECONDS = 5.0  # we send a few hundred bytes
POOL_SECONDS = 5.0  # requests of a source follow each other, so a wait here is a leak of connections
ATTEMPT_SECONDS = 30.0  # read time-outs begin anew with every byte: this ends an answer that only drips
ATTEMPTS = 4  # outlasts a restart of one upstream server; beyond that the scheduler's next turn does better
RETRY_SECONDS = 60.0  # no request, retries included, holds up its source for longer than about a minute
FIRST_WAIT_SECONDS, LONGEST_BACKOFF_SECONDS, JITTER_SECONDS = 0.25, 5.0, 0.5
LONGEST_RETRY_AFTER_SECONDS = 20.0  # a longer wait is the scheduler's business: other sources go on meanwhile
BREAKER_FAILURES = 3  # whole requests, each after all its attempts
BREAKER_REST_SECONDS = 30.0


class _Rest:
    """What the breaker measures its rest by. Its own is the wall clock: set back, it would rest as long."""

    time = staticmethod(monotonic)


breaker_model.time = _Rest  # type: ignore[assignment, attr-defined]

BreakerState = Literal["closed", "half-open", "open"]
_STATES: dict[str, BreakerState] = {"closed": "closed", "half-opened": "half-open", "opened": "open"}
Headers = Callable[[str, str], Mapping[str, str]]
"""From method and path (without query) to the headers of one attempt; a signature is made anew each time."""


class Observer(Protocol):
    """Who wants to know how requests go; the composition root hands in metrics."""

    def retried(self, source: str, reason: str) -> None:
        """A request is tried again, after a failure for `reason`."""

    def waited(self, source: str, seconds: float) -> None:
        """A request is about to wait `seconds` because the server asked for it."""

    def finished(self, source: str, outcome: str) -> None:
        """A request ended, all attempts included: `ok`, or the reason of its error."""


class Silent:
    """An observer that keeps nothing."""

    def retried(self, source: str, reason: str) -> None: ...

    def waited(self, source: str, seconds: float) -> None: ...

    def finished(self, source: str, outcome: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Whom a client talks to and how; nothing in here shows a credential."""

    source: str
    title: str
    base_url: str
    requests: float = 1.0
    per_seconds: float = 1.0
    pace: Callable[[str, str], Awaitable[None]] | None = (
        None  # from method and path; instead of the two above
    )
    wait_when_limited: float | None = None  # after a 429 without a word about when to come back
    hints: Mapping[int, str] | None = None  # by status: what a human should do about a refusal


class HttpClient:
    """Asks one upstream. Every failure is a SourceError; every answer is kept raw.

    `clock` is our own clock (aware UTC), used to date answers and to measure the upstream's skew.
    `secrets` are cut out of any body that echoes them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        headers: Headers,
        clock: Callable[[], datetime],
        *,
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        secrets: Callable[[], Collection[str]] = tuple,
    ) -> None:
        stamina.instrumentation.set_on_retry_hooks(())
        self.source, self.title = endpoint.source, endpoint.title
        self.skew: timedelta | None = None
        self._endpoint, self._headers, self._clock = endpoint, headers, clock
        self._observer, self._secrets = observer or Silent(), secrets
        self._base = httpx.URL(endpoint.base_url.rstrip("/"))
        check_proxies()
        self._http = httpx.AsyncClient(
            transport=transport,
            verify=trust(),
            timeout=httpx.Timeout(
                connect=CONNECT_SECONDS, read=READ_SECONDS, write=WRITE_SECONDS, pool=POOL_SECONDS
            ),
            follow_redirects=False,  # signed headers must not travel to another host
            headers={
                "User-Agent": f"northstar-pnl/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": ACCEPT_ENCODING,
            },
            event_hooks={"response": [_not_elsewhere]},
        )
        self._limiter = AsyncLimiter(endpoint.requests, endpoint.per_seconds)
        self._pace = endpoint.pace or self._steadily
        self._breakers = AsyncCircuitBreakerFactory(BREAKER_FAILURES, BREAKER_REST_SECONDS)
        self._circuit: Context | None = None
        self._last_sentence = ""

    def __repr__(self) -> str:
        return f"<HttpClient {self.source} {self._base.host} {self.breaker_state}>"

    @property
    def breaker_state(self) -> BreakerState:
        """Whether requests are sent (`closed`), held back (`open`), or tried once (`half-open`)."""
        return _STATES[self._circuit.state] if self._circuit else "closed"

    def now(self) -> datetime:
        """Return the time by our own clock."""
        return self._clock()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def get(
        self, path: str, params: Sequence[tuple[str, str]] = (), *, tolerate: Collection[int] = ()
    ) -> Answer:
        """Return the answer to GET `path`, a JSON text (not parsed), after as many attempts as are allowed.

        An answer whose status is in `tolerate` is returned like a success.
        """
        breaker = await self._breakers.get_breaker(self.source, exclude=_ALIVE)
        self._circuit = breaker.context
        try:
            async with breaker:
                answer = await self._persist(path, params, tolerate)
        except OpenedState as opened:
            opened.__traceback__ = None  # one instance is raised again and again and would keep every frame
            self._observer.finished(self.source, "breaker_open")
            raise SourceUnavailable(
                self.source,
                "breaker_open",
                f"{self.title} is left alone for {BREAKER_REST_SECONDS:.0f} s after repeated failures, "
                f"the last of which was: {self._last_sentence}",
            ) from None
        except SourceError as error:
            self._last_sentence = str(error)
            self._observer.finished(self.source, error.reason)
            raise
        self._observer.finished(self.source, "ok")
        return answer

    async def _persist(
        self, path: str, params: Sequence[tuple[str, str]], tolerate: Collection[int]
    ) -> Answer:
        """Try until it works, must not be tried again, or the bounds are reached."""
        reason = ""
        async for attempt in stamina.retry_context(
            on=self._again_after,
            # After a rest one attempt is enough to learn whether the upstream is back.
            attempts=1 if self.breaker_state == "half-open" else ATTEMPTS,
            timeout=RETRY_SECONDS,
            wait_initial=FIRST_WAIT_SECONDS,
            wait_max=LONGEST_BACKOFF_SECONDS,
            wait_jitter=JITTER_SECONDS,
        ):
            with attempt:
                if attempt.num > 1:
                    self._observer.retried(self.source, reason)
                try:
                    await self._pace("GET", path)
                    return await self._attempt(path, params, tolerate)
                except SourceError as error:
                    reason = error.reason
                    raise
        raise AssertionError("unreachable")

    async def _steadily(self, _method: str, _path: str) -> None:
        async with self._limiter:
            return

    def _again_after(self, error: Exception) -> bool | float:
        """Tell stamina whether to try again, and after how long if the server said so."""
        if not isinstance(error, SourceUnavailable):
            return False
        if error.retry_after is None:
            return True
        if error.retry_after > LONGEST_RETRY_AFTER_SECONDS:
            return False
        self._observer.waited(self.source, error.retry_after)
        return error.retry_after

    async def _attempt(
        self, path: str, params: Sequence[tuple[str, str]], tolerate: Collection[int]
    ) -> Answer:
        url = self._base.copy_with(raw_path=self._base.raw_path.rstrip(b"/") + path.encode())
        request = self._http.build_request("GET", url, params=list(params) or None)
        signed_path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        request.headers.update(self._headers("GET", signed_path))
        shown = f"GET {request.url.raw_path.decode('ascii')}"
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                response = await self._http.send(request, stream=True)
                try:
                    body = await self._read(response)
                finally:
                    await response.aclose()
        except BodyRefused as error:
            raise self._not_json(f"{error} for {shown}") from error
        except (TimeoutError, httpx.TransportError) as error:
            raise await self._unreachable(error) from error
        answer = Answer(
            source=self.source,
            request=shown,
            status=response.status_code,
            fetched_at=self._clock(),
            body=body,
        )
        return self._judge(response, answer, tolerate)

    async def _read(self, response: httpx.Response) -> bytes:
        """Return the body with secrets cut out. Raises BodyRefused for one beyond the bounds."""
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = await read_body(response.stream, response.headers.get("content-encoding", ""))
        return redacted(body, self._secrets())

    async def _unreachable(self, error: Exception) -> SourceError:
        found = await why_unreachable(error, self._base)
        said = f"at {self._base.scheme}://{self._base.netloc.decode('ascii')} {found.said}"
        if found.lasting:
            return SourceRejected(self.source, found.reason, f"{self.title} {said}.")
        return self._unavailable(found.reason, said)

    def _judge(self, response: httpx.Response, answer: Answer, tolerate: Collection[int]) -> Answer:
        """Return a usable answer; raise what its status means otherwise."""
        date = server_date(response.headers)
        self.skew = None if date is None else date - answer.fetched_at
        status = response.status_code
        if status in tolerate:
            return answer
        if 200 <= status < 300:
            if answer.body.lstrip()[:1] not in (b"{", b"["):
                raise self._not_json("sent something other than JSON", answer)
            return answer
        if status in _PASSING or status >= 500:
            wanted = requested(response.headers, answer.fetched_at)
            if status == 429 and wanted is None:
                wanted = self._endpoint.wait_when_limited
            reason = _PASSING.get(status, "server_error")
            raise self._unavailable(reason, f"{_SAID.get(reason, 'failed')} (HTTP {status})", wanted, answer)
        raise self._rejected(status, answer)

    def _rejected(self, status: int, answer: Answer) -> SourceRejected:
        if 300 <= status < 400:
            reason, advice = "redirected", "check the base URL, redirects are not followed"
        else:
            reason, advice = _REFUSALS.get(status, ("refused", "see the raw answer for its reason"))
        advice = (self._endpoint.hints or {}).get(status, advice)
        word = code_word(answer.body)
        said = f"HTTP {status}, {word}" if word else f"HTTP {status}"
        sentence = f"{self.title} refused the request ({said}): {advice}."
        return SourceRejected(self.source, reason, sentence, answers=[answer])

    def _unavailable(
        self, reason: str, what: str, retry_after: float | None = None, answer: Answer | None = None
    ) -> SourceUnavailable:
        return SourceUnavailable(
            self.source,
            reason,
            f"{self.title} {what}.",
            retry_after=retry_after,
            answers=[answer] if answer else [],
        )

    def _not_json(self, what: str, answer: Answer | None = None) -> SourceMalformed:
        return SourceMalformed(
            self.source,
            "body",
            f"{self.title} {what}; check its address and whether it changed.",
            answers=[answer] if answer else [],
        )


async def _not_elsewhere(response: httpx.Response) -> None:
    """Forget where an answer points: nobody follows it, and a malformed address would still be read."""
    response.headers.pop("location", None)


_PASSING = {408: "timeout", 409: "conflict", 425: "conflict", 429: "rate_limited"}
_SAID = {
    "rate_limited": "asks us to slow down, its rate limit is met",
    "timeout": "gave up waiting",
    "conflict": "was busy with the same data",
}
_REFUSALS = {
    400: ("bad_request", "it did not understand the request, so this program and the service disagree"),
    401: ("unauthorised", "check the key, and that this machine's clock is right"),
    402: ("billing", "settle the account's billing"),
    403: ("forbidden", "give the key the right to read this"),
    404: ("not_found", "check the base URL"),
}


def _server_is_well(error: BaseException) -> bool:
    """Say whether an error shows a working server: only its opinion of the key asks for a pause."""
    if isinstance(error, SourceRejected):
        return error.reason not in ("unauthorised", "forbidden")
    return isinstance(error, SourceMalformed)


_ALIVE: ExcludeType = [(SourceError, _server_is_well)]
