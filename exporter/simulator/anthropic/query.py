"""Query parameters of all reports, each wrong one a 400 in the service's words."""

from __future__ import annotations

import re
from datetime import datetime

from starlette.requests import Request

from exporter.simulator.anthropic.lines import HOUR, MINUTE
from exporter.simulator.clock import DAY
from exporter.simulator.wire import fingerprint, parse_time

WIDTHS = {
    "1d": (DAY, 7, 31),
    "1h": (HOUR, 24, 168),
    "1m": (MINUTE, 60, 1440),
}  # width, default and most buckets
EMPTY_RANGE = "Invalid date range: ending date must be after starting date"


class GoneError(ValueError):
    """A page token that a renewal has ended, answered with 410."""


class BadQueryError(ValueError):
    """A request that the service answers with 400 and this message."""


def moment(request: Request, name: str, *, dates: bool = False) -> datetime | None:
    """Return an RFC 3339 parameter; with `dates` one without a time is its midnight."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if dates and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T00:00:00Z"
    try:
        return parse_time(text)
    except ValueError:
        raise BadQueryError(f"{name}: Input should be a valid RFC 3339 datetime") from None


def start(request: Request, *, dates: bool = False) -> datetime:
    """Return `starting_at`, which every report needs."""
    found = moment(request, "starting_at", dates=dates)
    if found is None:
        raise BadQueryError("starting_at: Field required")
    return found


def size(request: Request, default: int, most: int) -> int:
    """Return `limit`: buckets in reports, rows in lists."""
    try:
        value = int(request.query_params.get("limit", default))
    except ValueError:
        raise BadQueryError("limit: Input should be a valid integer") from None
    if not 1 <= value <= most:
        raise BadQueryError(f"limit: Input should be between 1 and {most}")
    return value


def grouping(request: Request, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the `group_by[]` values, at most five, each known."""
    groups = tuple(dict.fromkeys(request.query_params.getlist("group_by[]")))
    for name in groups:
        if name not in known:
            raise BadQueryError(f"group_by[]: Input should be one of {', '.join(known)}, not {name!r}")
    if len(groups) > 5:
        raise BadQueryError("Cannot specify more than 5 group_by[] dimensions")
    return groups


def query_mark(request: Request) -> str:
    """Return what a page token is bound to: every other parameter."""
    return fingerprint(
        [("path", request.url.path), *(p for p in request.query_params.multi_items() if p[0] != "page")]
    )
