"""ASGI middleware for authentication and access, before anything else runs: host, origin, token, scope.

Pages of other origins are refused here; CORS, which tells browsers what the listed ones may read, is around
it. It also calls the endpoints of the two streams itself. Behind the framework's layers each of their clients
would keep a dozen frames and exit stacks for hours.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from exporter.errors import ExporterError
from exporter.runtime.host_names import HostNames, host_name
from exporter.stream.scopes import Scope as Reach
from exporter.stream.tokens import Token, Tokens

OPEN = frozenset({"/", "/metrics", "/api/openapi.json"})
"""No figure of the company is in these."""

HEALTH = "/api/health"
"""For load balancers: the status is for everybody, the reasons for those who may see all."""

TOTALS_PATHS = frozenset(
    {
        "/api/pnl/current",
        "/api/pnl/deltas",
        "/api/pnl/stream",
        "/api/pnl/ws",
        "/api/pnl/history",
        "/api/token",
    }
)
"""What is projected. Everything else is closed to a token with the scope `totals`, new routes included."""

API_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"vary", b"Authorization"),
)

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]{1,255}")
"""What is repeated in a sentence: an origin, and nothing that only looks like one."""

MAX_QUERY = 8_192
"""A question is hundreds of bytes; a longer one is refused before it is parsed."""


class AccessRefused(ExporterError):
    """Not let in; the text says why in a sentence."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        self.status = status
        self.code = code
        super().__init__(sentence)


class OriginRefused(AccessRefused):
    """A page of another site. It may read this sentence, though no figure, and so learns what to do."""

    def __init__(self, origin: str) -> None:
        self.origin = origin if _ORIGIN.fullmatch(origin) and _parsed(origin) else "null"
        if self.origin == "null":
            sentence = (
                "A page that was opened as a file has no origin that NORTHSTAR_ORIGINS could list: "
                "open it through a web server, such as python3 -m http.server 8000."
            )
        else:
            sentence = (
                f"This page may not show the figures: add {self.origin} to NORTHSTAR_ORIGINS where the "
                "stream runs, and start it again."
            )
        super().__init__(403, "forbidden", sentence)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request may see; `token` is None where none is asked for."""

    scope: Reach
    token: Token | None = None


EVERYTHING = Grant("all")


class Access:
    """The rules of one process: `routable` when others than this machine can reach it; `demo` when the
    figures are made up, so that pages of every site may show them."""

    def __init__(
        self,
        database: Path,
        *,
        routable: bool = False,
        demo: bool = False,
        origins: Sequence[str] = (),
        names: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tokens = Tokens(database)
        self.routable = routable
        self.demo = demo
        self.origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._names = HostNames([*names, *_hosts(self.origins)])
        self.clock = clock
        self._monotonic = monotonic

    @property
    def asks(self) -> bool:
        """Whether a token is asked for: where others can reach us, and once one to read with was made."""
        return self.routable or self.tokens.closed(self._monotonic())

    def known(self) -> dict[str, Token]:
        """Return the tokens that are valid now, by id."""
        return self.tokens.known(self._monotonic())

    def grant(self, path: str, query: str, headers: Headers) -> Grant | None:
        """Return what a request may see; None for no figure at all. Raises Refused."""
        guarded = path.startswith("/api/") and path not in OPEN
        stated = headers.get("host", "")
        name = host_name(stated) if stated else ""
        if name is None:
            raise AccessRefused(400, "invalid_host", "The Host header of this request is no address.")
        if guarded:
            self._origin(headers)
        if not self.asks:
            self._host(name)
            return EVERYTHING
        if not guarded:
            return None
        token = self._token(query, headers)
        if token is None:
            if path.startswith(HEALTH):
                return None
            sentence = (
                "A token is needed: as the widget's token, or in a request as Authorization: Bearer TOKEN."
            )
            raise AccessRefused(401, "unauthorised", sentence)
        if not token.reads or (token.scope == "totals" and path not in TOTALS_PATHS):
            if path.startswith(HEALTH):
                return None
            raise AccessRefused(
                403, "forbidden", f"A token with the scope {token.scope} does not reach this."
            )
        return Grant(token.scope, token)

    def _token(self, query: str, headers: Headers) -> Token | None:
        """Return the token a request shows, None when it shows none. Raises Refused for a wrong one."""
        now, monotonic = self.clock(), self._monotonic()
        kind, _, text = headers.get("authorization", "").partition(" ")
        if kind:
            found = self.tokens.find(text.strip(), monotonic, now) if kind.lower() == "bearer" else None
            if found is None:
                raise AccessRefused(401, "unauthorised", "This token is not valid: it may have been revoked.")
            return found
        for text in parse_qs(query).get("token", ()):
            found = self.tokens.verify(text, monotonic, now)
            if found is None:
                sentence = "This is not a valid short-lived token: get one from POST /api/token."
                raise AccessRefused(401, "unauthorised", sentence)
            return found
        return None

    def _origin(self, headers: Headers) -> None:
        """Refuse pages of other sites: a browser would open a WebSocket for them without asking."""
        origin = headers.get("origin")
        if origin is None or self.demo:
            return
        parsed = _parsed(origin)
        same = parsed is not None and parsed.netloc == headers.get("host", "") and origin != "null"
        if not same and origin.lower() not in self.origins:
            raise OriginRefused(origin)

    def _host(self, name: str) -> None:
        """Refuse names that are not ours, while no token protects us: another site's name may have been
        pointed at this machine, and its pages would then be of the same origin."""
        if name not in self._names:
            raise AccessRefused(
                403, "forbidden", "This host name is not known here: add it to NORTHSTAR_HOST_NAMES."
            )


def _parsed(url: str) -> SplitResult | None:
    """Return the parts of an address that somebody sent, None when it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _hosts(origins: Iterable[str]) -> Iterator[str]:
    """Yield the names of web sites that may show the figures: their pages may also come from here."""
    for origin in origins:
        parsed = _parsed(origin)
        if parsed is not None and parsed.hostname:
            yield parsed.hostname


Endpoint = Callable[[Any], Awaitable[Any]]
"""What a route calls: given a request it returns the response, given a WebSocket nothing."""


class Gate:
    """ASGI middleware: lets in, calls the endpoints of some paths itself, and hands the rest on."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        direct: Mapping[tuple[str, str], Endpoint],
        refusal: Callable[[AccessRefused], Response],
    ) -> None:
        self._app = app
        self._access = access
        self._direct = direct
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith("/api/"):
            send = _guarded(send)
        try:
            grant = self._access.grant(path, _query(scope), Headers(scope=scope))
        except AccessRefused as refused:
            answer = self._refusal(refused)
            if isinstance(refused, OriginRefused):
                answer.headers["Access-Control-Allow-Origin"] = refused.origin
            await answer(scope, receive, send)
            return
        scope["state"]["grant"] = grant
        endpoint = self._direct.get((scope["type"], path))
        asked = scope.get("method", "GET")
        if asked == "HEAD":
            # Every route that answers GET answers it; the server leaves the body out.
            scope = {**scope, "method": "GET"}
        if endpoint is None or asked not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = await endpoint(Request(scope))
            if asked == "HEAD":  # an endless answer has a beginning, and no length
                answer = Response(status_code=answer.status_code, headers=dict(answer.headers))
                del answer.headers["content-length"]
            await answer(scope, receive, send)
        else:
            await endpoint(WebSocket(scope, receive, send))


def _query(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    if len(query) > MAX_QUERY:
        raise AccessRefused(414, "too_long", f"The query is longer than {MAX_QUERY} bytes.")
    return query.decode("latin-1")


def _guarded(send: Send) -> Send:
    """Return `send`, adding the headers that every answer of the API has."""

    async def guarded(message: Message) -> None:
        if message["type"].endswith("response.start"):
            given = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(pair for pair in API_HEADERS if pair[0] not in given or pair[0] == b"vary"),
            ]
        await send(message)

    return guarded
