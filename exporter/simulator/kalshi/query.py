"""Query parameters and paging of the venue: bounds with 400, opaque cursors, newest first.

Quirk:  a cursor belongs to its path and filters; the page size may change between pages.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from exporter.simulator.wire import BadTokenError, fingerprint, seal, unseal


class BadQueryError(ValueError):
    """A query parameter that the venue answers with 400."""


def integer(request: Request, name: str, default: int | None, least: int, most: int) -> int | None:
    """Return an integer parameter within its bounds; anything else is a 400."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        raise BadQueryError(f"{name} must be an integer") from None
    if not least <= value <= most:
        raise BadQueryError(f"{name} must be between {least} and {most}")
    return value


def limit(request: Request, most: int = 1000, default: int = 100) -> int:
    """Return the page size."""
    return integer(request, "limit", default, 1, most) or default


def names(request: Request, name: str, most: int = 1000) -> frozenset[str] | None:
    """Return a comma list as a set; None when the parameter is absent."""
    text = request.query_params.get(name)
    found = frozenset(part for part in text.split(",") if part) if text else None
    if found and len(found) > most:
        raise BadQueryError(f"{name} takes at most {most} values")
    return found


def query_mark(request: Request) -> str:
    """Return what a cursor of this request is bound to: path and filters, not the page size."""
    filters = [pair for pair in request.query_params.multi_items() if pair[0] not in ("cursor", "limit")]
    return fingerprint([("path", request.url.path), *filters])


def page(request: Request, items: list[str], key_of_last: list[Any] | None, field: str) -> Response:
    """Return a list answer made of JSON texts, its cursor empty on the last page."""
    cursor = seal(list(key_of_last), query_mark(request)) if key_of_last else ""
    return Response(
        f'{{"cursor": "{cursor}", "{field}": [{", ".join(items)}]}}', media_type="application/json"
    )


def resume(request: Request) -> list[Any] | None:
    """Return the position in the request's cursor; None for the first page."""
    token = request.query_params.get("cursor")
    if not token:
        return None
    try:
        return unseal(token, query_mark(request))
    except BadTokenError:
        raise BadQueryError("invalid cursor") from None


def place(request: Request) -> tuple[int, Any] | None:
    """Return the place in a list by time that the request's cursor names."""
    found = resume(request)
    return (int(found[0]), found[1]) if found else None


def bounds(request: Request) -> tuple[int, int]:
    """Return min_ts and max_ts in microseconds, both inclusive here (undocumented)."""
    low = integer(request, "min_ts", 0, 0, 1 << 40)
    high = integer(request, "max_ts", 1 << 40, 0, 1 << 40)
    return (low or 0) * 1_000_000, (1 << 40 if high is None else high) * 1_000_000
