"""HTTP responses of the routes, as ready bytes: figures, and every error in one shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from exporter.stream.events import Event, News
from exporter.stream.feed import Feed
from exporter.stream.gate import AccessRefused
from exporter.stream.hub import Full
from exporter.stream.scopes import Scope

JSON_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def told(feed: Feed, news: News, scope: Scope) -> bytes:
    """Return the poll's answer, joined from bodies that are JSON already.

    It speaks of the snapshot it leads to, which is the cursor to ask with next.
    """
    if not news.events:
        sequence = feed.sequence if news.place is None else news.place.sequence
        return _head(feed.epoch, sequence, feed.as_of) + b',"resync":false,"deltas":[]}'
    last = news.events[-1]
    head = _head(last.cursor.epoch, last.cursor.sequence, last.as_of)
    if last.kind == "snapshot":
        reason = (news.reason or "unknown_cursor").encode()
        return b'%s,"resync":true,"reason":"%s","snapshot":%s}' % (head, reason, last.seen(scope).body)
    return b'%s,"resync":false,"deltas":[%s]}' % (
        head,
        b",".join(event.seen(scope).framed(_entry) for event in news.events),
    )


def _head(epoch: str, sequence: int, as_of: str) -> bytes:
    """Return the beginning of an answer, left open."""
    return _encoded({"epoch": epoch, "sequence": sequence, "as_of": as_of})[:-1]


def _entry(event: Event) -> bytes:
    return b'{"sequence":%d,"patch":%s}' % (event.cursor.sequence, event.body)


def _encoded(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()


def json_answer(answer: Mapping[str, Any], status: int = 200) -> Response:
    return json_bytes(_encoded(answer), status)


def json_bytes(body: bytes, status: int = 200) -> Response:
    return Response(body, status, headers=JSON_HEADERS, media_type="application/json")


CODES = {403: "forbidden", 404: "not_found", 405: "method_not_allowed", 429: "too_many", 503: "unavailable"}

FULL_RETRY_SECONDS = 10
"""For a client that found no place: places come free one at a time, so asking more often gains nothing."""


def error_answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = _encoded({"error": {"code": code, "message": message}})
    return Response(body, status, headers={**JSON_HEADERS, **(headers or {})}, media_type="application/json")


async def refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {}) | ({"Retry-After": "2"} if error.status_code == 503 else {})
    return error_answer(
        error.status_code, CODES.get(error.status_code, "refused"), str(error.detail), headers
    )


async def misunderstood(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return error_answer(422, "invalid_parameter", f"{first['loc'][-1]}: {first['msg']}.")


async def senseless(_request: Request, error: Exception) -> Response:
    return error_answer(422, "invalid_parameter", str(error))


async def unavailable(request: Request, error: Exception) -> Response:
    # What is wrong with the database is for those who may see all; it names files.
    told = str(error) if request.state.grant.scope == "all" else "There is no snapshot to speak of yet."
    return error_answer(503, "unavailable", told, {"Retry-After": "2"})


def refuse_access(error: AccessRefused) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return error_answer(error.status, error.code, str(error), headers)


def full_answer(error: Full) -> Response:
    code = CODES[error.status]
    return error_answer(error.status, code, str(error), {"Retry-After": str(FULL_RETRY_SECONDS)})


async def broken(_request: Request, _error_seen: Exception) -> Response:
    return error_answer(500, "internal", "This is a fault of ours; the log has the details.")
