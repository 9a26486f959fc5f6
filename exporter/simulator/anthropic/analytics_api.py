"""Routes of the simulated analytics, under `/v1/organizations/analytics`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporter.simulator.anthropic.analytics import (
    ANALYTICS_FILTERS,
    BETA,
    DIMENSIONS,
    FANS,
    FIRST_DAY,
    LONGEST,
    ORDERS,
    REACH,
    analytics_rows,
    renewed,
)
from exporter.simulator.anthropic.query import (
    EMPTY_RANGE,
    WIDTHS,
    BadQueryError,
    GoneError,
    moment,
    query_mark,
    size,
    start,
)
from exporter.simulator.clock import DAY
from exporter.simulator.wire import BadTokenError, rfc3339, seal, unseal
from exporter.simulator.world import World


def analytics_cost(world: World, request: Request) -> Response:
    """GET /analytics/cost: what was used, at what it costs."""
    return analytics(world, request, "cost")


def analytics_usage(world: World, request: Request) -> Response:
    """GET /analytics/usage: what was used."""
    return analytics(world, request, "usage")


def analytics(world: World, request: Request, what: Literal["cost", "usage"]) -> Response:
    """Return a page of the analytics: rows of what there is, none of what there is not."""
    query, now = request.query_params, world.clock()
    if BETA not in request.headers.get("anthropic-beta", ""):
        raise BadQueryError(f"anthropic-beta: {BETA} is required")
    width = query.get("time_bucket_width")
    if width is not None and width not in WIDTHS:
        raise BadQueryError("time_bucket_width: Input should be '1m', '1h' or '1d'")
    begin, end = start(request), moment(request, "ending_at")
    if width is not None and end is None:
        raise BadQueryError("ending_at: Field required when time_bucket_width is set")
    end = end or min(now, begin + LONGEST)
    if end <= begin:
        raise BadQueryError(EMPTY_RANGE)
    if end - begin > (DAY if width == "1m" else LONGEST):
        raise BadQueryError("ending_at: The range may span at most 31 days, or 24 hours by the minute")
    if begin < max(now - REACH, FIRST_DAY):
        raise BadQueryError("starting_at: Must be within the last 365 days and not before 2026-01-01")
    fans = FANS if what == "cost" else ()
    groups = tuple(dict.fromkeys(query.getlist("group_by[]")))
    if unknown := [name for name in groups if name not in (*DIMENSIONS, *fans)]:
        raise BadQueryError(f"group_by[]: unknown dimension {unknown[0]!r}")
    if len([name for name in groups if name not in FANS]) > 5:
        raise BadQueryError("Cannot specify more than 5 group_by[] dimensions")
    orders = ORDERS[what]
    order, by = query.get("order", "desc"), query.get("order_by", orders[0])
    if order not in ("asc", "desc") or by not in orders:
        raise BadQueryError(f"order_by: Input should be one of {', '.join(orders)}, order asc or desc")
    count = size(request, 20, 1000)
    refreshed = renewed(world.anthropic, now)
    wanted = {
        field: frozenset(query.getlist(name)) for name, field in ANALYTICS_FILTERS.items() if name in query
    }
    rows = analytics_rows(
        world.anthropic, what, begin, end, WIDTHS[width][0] if width else None, groups, wanted, refreshed
    )
    rows.sort(key=lambda row: (row.rank(by), row.rank(orders[0])), reverse=order == "desc")
    first = token_position(world, request, refreshed)
    more = first + count < len(rows)
    token = "page_" + seal([first + count, rfc3339(refreshed)], query_mark(request)) if more else None
    return JSONResponse(
        {
            "data": [line for row in rows[first : first + count] for line in row.lines()],
            "has_more": more,
            "next_page": token,
            "data_refreshed_at": rfc3339(refreshed) if world.anthropic.dials.watermark else None,
        }
    )


def token_position(world: World, request: Request, refreshed: datetime) -> int:
    """Return where the page begins; a renewal since the first page ends the list."""
    token = request.query_params.get("page")
    if not token:
        return 0
    try:
        position, then = unseal(token.removeprefix("page_"), query_mark(request))
    except (BadTokenError, ValueError):
        raise BadQueryError("page: Invalid page token for this query") from None
    if world.anthropic.dials.cursor_expires and then != rfc3339(refreshed):
        raise GoneError("page: The data was refreshed; start over from the first page")
    return int(position)
