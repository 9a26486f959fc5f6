"""The layer between the network and the simulated services that plays the faults of the dial.

Plain ASGI on purpose: a reset and a silent timeout need the connection itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.simulator.anthropic import api as anthropic
from exporter.simulator.faults import Fault, Faults
from exporter.simulator.kalshi import gate as kalshi
from exporter.simulator.kalshi.restated import RESTATED
from exporter.simulator.mutation import ONE_IN, mutate, odd_rows
from exporter.simulator.sales import api as sales
from exporter.simulator.wire import rfc3339
from exporter.simulator.world import World

PREFIXES = {"/trade-api/": "kalshi", "/v1/organizations": "anthropic", "/v1/sales": "sales"}
OPERATION = {"drop": "remove", "rename": "rename", "retype": "retype", "null": "null"}
TOKENS = {"cursor": ("cursor", "next_cursor"), "page": ("next_page",), "after_id": ("last_id",)}
"""The parameter that asks for the next page, and the fields that answer with its value."""

TEXTS = {410: "start over", 429: "rate limited", 500: "internal error", 503: "unavailable", 529: "overloaded"}
NAMES = {410: "gone", 429: "rate_limited", 500: "internal", 503: "unavailable", 529: "overloaded"}


async def pause(seconds: float) -> None:
    """Wait; return early when the server is leaving, so that what follows still ends in order."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(seconds)


def source_of(path: str) -> str | None:
    """Return the service that a path belongs to."""
    return next((source for prefix, source in PREFIXES.items() if path.startswith(prefix)), None)


class Trouble:
    """ASGI middleware: dates every answer by the world's clock and breaks those the dial names."""

    def __init__(self, app: ASGIApp, world: World, faults: Faults) -> None:
        self.app, self.world, self.faults = app, world, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        source = source_of(scope["path"]) if scope["type"] in ("http", "websocket") else None
        upgrade = scope["type"] == "websocket"
        hits = self.faults.strike(source, scope["path"], upgrade=upgrade) if source else []
        skew = timedelta(seconds=sum(f.seconds for f in hits if f.kind == "skew"))
        if skew:
            scope["simulator.skew"] = skew
        dated = self._dated(send, skew) if scope["type"] == "http" else send
        for fault in hits:
            if fault.kind == "latency":
                await pause(fault.seconds)
            elif fault.kind in ("timeout", "reset"):
                await self._hang_up(scope, receive, send, fault.seconds if fault.kind == "timeout" else 0)
                return
            elif answer := self._instead(str(source), fault, scope):
                await answer(scope, receive, dated)
                return
            elif fault.kind == "short":
                scope = shortened(scope, fault.value)
            elif fault.kind == "late":
                scope = delayed(scope, self.world.clock() - timedelta(seconds=fault.seconds))
            elif fault.kind in RESTATED:
                with self.world.lock:
                    RESTATED[fault.kind](self.world.kalshi)
        if upgrade:
            await self.app(scope, receive, send)
            return
        changes = [f for f in hits if f.field is not None or f.kind == "odd_rows"]
        changes += [again for f in hits if f.kind == "repeat_cursor" and (again := repeated(scope))]
        await self.app(scope, receive, Tampered(dated, changes) if changes else dated)

    def _dated(self, send: Send, skew: timedelta) -> Send:
        stamp = format_datetime(self.world.clock() + skew, usegmt=True).encode()

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", stamp)]
            await send(message)

        return dated

    async def _hang_up(self, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
        """Stay silent for a while, then cut the connection with a TCP reset."""
        if seconds:
            await pause(seconds)
        transport = scope.get("simulator.transport")
        if transport is None:  # not under our server: an unfinished answer is the nearest thing
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]}
            )
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            return
        wire = transport.get_extra_info("socket")
        if wire is not None and not transport.is_closing():  # the caller may have hung up first
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        while not (await receive())["type"].endswith(".disconnect"):
            continue

    def _instead(self, source: str, fault: Fault, scope: Scope) -> Response | None:
        """Return the answer that a fault puts in place of the real one, if it does."""
        if fault.kind == "html":
            return HTMLResponse(
                "<html><head><title>One moment</title></head><body>Checking your browser</body></html>"
            )
        if fault.kind == "error_200":
            return error(source, 500, 200)
        if fault.kind == "502":
            return HTMLResponse("<html><head><title>502 Bad Gateway</title></head></html>", 502)
        if fault.kind in ("half", "gone"):
            query = QueryParams(scope["query_string"])
            status = 500 if fault.kind == "half" else 410
            return error(source, status) if any(query.get(name) for name in TOKENS) else None
        if fault.kind[:3] not in ("429", "500", "503", "529"):
            return None
        answer = error(source, int(fault.kind[:3]))
        if fault.kind == "429_retry_after":
            answer.headers["retry-after"] = f"{fault.seconds:g}"
        if fault.kind == "429_reset":
            reset = self.world.clock() + timedelta(seconds=fault.seconds)
            answer.headers["anthropic-ratelimit-requests-reset"] = rfc3339(reset.replace(microsecond=0))
        return answer


def shortened(scope: Scope, rows: int) -> Scope:
    """Return the scope of a request that asks for at most `rows` rows."""
    query = QueryParams(scope["query_string"])
    asked = query.get("limit", "")
    limit = min(int(asked), rows) if asked.isdigit() else rows
    pairs = [(name, value) for name, value in query.multi_items() if name != "limit"]
    return {**scope, "query_string": urlencode([*pairs, ("limit", limit)]).encode()}


def delayed(scope: Scope, until: datetime) -> Scope:
    """Return the scope of a request whose list ends at a time; of any other, as it is."""
    if not scope["path"].endswith(("/portfolio/fills", "/portfolio/settlements")):
        return scope
    query = QueryParams(scope["query_string"])
    last = int(until.timestamp()) // 60 * 60  # whole minutes: a cursor is of one question
    asked = query.get("max_ts", "")
    pairs = [(name, value) for name, value in query.multi_items() if name != "max_ts"]
    last = min(int(asked), last) if asked.isdigit() else last
    return {**scope, "query_string": urlencode([*pairs, ("max_ts", last)]).encode()}


def repeated(scope: Scope) -> Fault | None:
    """Return the change that makes a page name itself as the next; None for a first page."""
    query = QueryParams(scope["query_string"])
    for name, fields in TOKENS.items():
        if query.get(name):
            field = fields[1] if scope["path"].startswith("/v1/sales") else fields[0]
            return Fault("mutate", field=field, operation="set", value=query[name])
    return None


def error(source: str, status: int, sent: int | None = None) -> Response:
    """Return an error of `status` in the words of the service, sent with status `sent`."""
    if source == "anthropic":
        answer: Response = anthropic.failure(status, TEXTS[status])
    elif source == "sales":
        answer = sales.failure(status, NAMES[status], TEXTS[status])
        if status == 429:
            answer.headers["retry-after"] = "1"  # the contract promises it
    elif status == 429:
        answer = kalshi.too_many()
    elif status == 503:
        answer = JSONResponse({"exchange_active": False, "trading_active": False}, 503)
    else:
        answer = kalshi.failure(status, NAMES[status], TEXTS[status])
    answer.status_code = sent or status
    return answer


class Tampered:
    """A `send` that collects a JSON body, changes it and passes it on."""

    def __init__(self, send: Send, changes: list[Fault]) -> None:
        self.send, self.changes = send, changes
        self.start: Message = {}
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self._changed()
        kept = [pair for pair in self.start["headers"] if pair[0] != b"content-length"]
        await self.send({**self.start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await self.send({"type": "http.response.body", "body": body})

    def _changed(self) -> bytes:
        if self.start["status"] != 200:
            return bytes(self.body)
        document: Any = json.loads(self.body)
        for fault in self.changes:
            if fault.kind == "odd_rows":
                document = odd_rows(document, fault.value or ONE_IN)
                continue
            operation = fault.operation or OPERATION[fault.kind]
            document = mutate(document, str(fault.field), operation, fault.value)
        return json.dumps(document).encode()


class Transport:
    """Outermost layer: notes the connection in the scope, so that a fault can cut it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn hands out a bound method of the object that owns the transport; there is no public way.
        scope["simulator.transport"] = getattr(getattr(send, "__self__", None), "transport", None)
        await self.app(scope, receive, send)
