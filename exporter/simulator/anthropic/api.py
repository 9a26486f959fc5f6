"""Routes of the simulated Anthropic organization under `/v1/organizations`.

Source: Anthropic Admin API pages (read 2026-08) and behaviour that unrelated projects reported
        until 2026-11; where they differ the reported behaviour is played.
Quirk:  the cost report knows finished UTC days only; "today only" is a 400.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.anthropic.analytics_api import analytics_cost, analytics_usage
from exporter.simulator.anthropic.dials import Dials
from exporter.simulator.anthropic.memory import snap
from exporter.simulator.anthropic.query import (
    EMPTY_RANGE,
    WIDTHS,
    BadQueryError,
    GoneError,
    grouping,
    moment,
    query_mark,
    size,
    start,
)
from exporter.simulator.anthropic.reports import COST_GROUPS, USAGE_GROUPS, cost_rows
from exporter.simulator.clock import DAY, midnight
from exporter.simulator.keys import Keys
from exporter.simulator.wire import BadTokenError, identity, parse_time, rfc3339, seal, unseal
from exporter.simulator.world import World

BASE = "/v1/organizations"
FILTERS = {  # query name -> field of a usage line
    "models[]": "model",
    "workspace_ids[]": "workspace_id",
    "api_key_ids[]": "api_key_id",
    "account_ids[]": "account_id",
    "service_account_ids[]": "service_account_id",
    "service_tiers[]": "service_tier",
    "context_window[]": "context_window",
    "inference_geos[]": "inference_geo",
    "speeds[]": "speed",
}
ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    410: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    529: "overloaded_error",
}
Handler = Callable[[World, Request], Response]
_numbers = itertools.count(1)


def failure(status: int, message: str) -> JSONResponse:
    """Return an error in the service's envelope."""
    kind = ERRORS.get(status, "api_error")
    return JSONResponse(
        {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id()}, status
    )


def request_id() -> str:
    """Return an id for one answer."""
    return "req_" + identity("anthropic", next(_numbers)).replace("-", "")[:24]


def routes(world: World, keys: Keys) -> list[Route]:
    """Return the organization's routes, each behind the key check."""

    def guarded(handler: Handler) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            with world.lock:
                world.advance()
                try:
                    answer = refusal(request, keys, world.anthropic.dials) or handler(world, request)
                except BadQueryError as error:
                    answer = failure(400, str(error))
                except GoneError as error:
                    answer = failure(410, str(error))
            answer.headers["request-id"] = request_id()
            answer.headers["anthropic-organization-id"] = world.anthropic.organization["id"]
            return answer

        return endpoint

    return [Route(BASE + path, guarded(handler)) for path, handler in HANDLERS.items()]


def refusal(request: Request, keys: Keys, dials: Dials) -> Response | None:
    """Return what keeps the request out: a missing, unknown or ordinary key, or no version header."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("x-api-key") or (bearer if scheme.lower() == "bearer" else "")
    newer = request.url.path.startswith(f"{BASE}/analytics/")
    if key in keys.scoped and not newer:
        return failure(403, "The key has the scopes: read:analytics. It needs: org:admin.")
    if key not in keys.admin and not (newer and key in keys.scoped):
        if key.startswith(("sk-ant-api03-", "sk-ant-api01-")):
            return failure(
                dials.ordinary_key_status, "This endpoint needs an Admin API key; an ordinary key was given."
            )
        return failure(401, "invalid x-api-key")
    if newer and not dials.analytics:
        return failure(404, "Not found")
    if not request.headers.get("anthropic-version"):
        return failure(400, "anthropic-version: header is required")
    return None


def resume(request: Request, begin: datetime) -> datetime:
    """Return the first bucket of the page asked for."""
    token = request.query_params.get("page")
    if not token:
        return begin
    try:
        return parse_time(unseal(token.removeprefix("page_"), query_mark(request))[0])
    except (BadTokenError, IndexError, TypeError, ValueError):
        raise BadQueryError("page: Invalid page token for this query") from None


def report(request: Request, buckets: list[dict[str, Any]], follows: datetime | None) -> Response:
    """Return the report's envelope; `follows` is the first bucket of the next page."""
    token = "page_" + seal([rfc3339(follows)], query_mark(request)) if follows else None
    return JSONResponse({"data": buckets, "has_more": follows is not None, "next_page": token})


# Reports.


def cost_report(world: World, request: Request) -> Response:
    """GET /cost_report: finished UTC days, oldest first; amounts in cents."""
    query, book, now = request.query_params, world.anthropic, world.clock()
    if query.get("bucket_width", "1d") != "1d":
        raise BadQueryError("bucket_width: Input should be '1d'")
    groups, most = grouping(request, COST_GROUPS), size(request, 7, 31)
    dates = book.dials.date_only
    asked, today = start(request, dates=dates), midnight(now)
    begin = midnight(asked)
    if begin != asked and book.dials.starting_inside == "next":
        begin += DAY
    end = min(midnight(moment(request, "ending_at", dates=dates) or today), today)
    if end <= begin:
        raise BadQueryError(EMPTY_RANGE)
    if any(name.startswith("workspace_ids") for name in query):
        return report(request, [], None)  # a filter that does not exist is not refused: nothing comes back
    first = resume(request, begin)
    last = min(first + most * DAY, end)
    buckets: list[dict[str, Any]] = []
    for offset in range((last - first).days):
        day = first + offset * DAY
        lines = book.served(day.date(), now)
        if lines is None and day.date() in book.bills and book.dials.landing == "missing":
            continue  # finished, but not landed: absent, which is not zero
        rows = cost_rows(lines or (), groups, exponent=book.dials.amounts == "exponent")
        buckets.append(bucket(day, DAY, rows))
    return report(request, buckets, last if last < end else None)


def bucket(begin: datetime, width: timedelta, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one bucket of a report."""
    return {"starting_at": rfc3339(begin), "ending_at": rfc3339(begin + width), "results": results}


def usage_report(world: World, request: Request) -> Response:
    """GET /usage_report/messages: tokens by minute, hour or day, the running bucket included."""
    query, now = request.query_params, world.clock()
    if query.get("bucket_width", "1d") not in WIDTHS:
        raise BadQueryError("bucket_width: Input should be '1d', '1h' or '1m'")
    width, default, most = WIDTHS[query.get("bucket_width", "1d")]
    groups, count = grouping(request, USAGE_GROUPS), size(request, default, most)
    fast = "fast-mode-2026-02-01" in request.headers.get("anthropic-beta", "")
    if "speed" in groups and world.anthropic.dials.speed_needs_beta and not fast:
        raise BadQueryError("group_by[]: speed needs the beta header fast-mode-2026-02-01")
    begin, horizon = snap(start(request), width), snap(now, width) + width
    end = min(moment(request, "ending_at") or horizon, horizon)
    if end <= begin:
        raise BadQueryError(EMPTY_RANGE)
    wanted = {field: frozenset(query.getlist(name)) for name, field in FILTERS.items() if name in query}
    buckets: list[dict[str, Any]] = []
    first = resume(request, begin)
    while first < end and len(buckets) < count:
        buckets.append(bucket(first, width, world.usage_memory.rows(first, width, groups, wanted, now)))
        first += width
    return report(request, buckets, first if first < end else None)


# Names.


def listing(request: Request, items: list[dict[str, Any]]) -> Response:
    """Return a list that pages with `after_id` and `before_id`."""
    most, query = size(request, 20, 1000), request.query_params
    ids = [item["id"] for item in items]
    for name in ("after_id", "before_id"):
        if name in query and query[name] not in ids:
            raise BadQueryError(f"{name}: unknown id")
    if "before_id" in query:
        stop = ids.index(query["before_id"])
        shown, more = items[max(0, stop - most) : stop], stop > most
    else:
        first = ids.index(query["after_id"]) + 1 if "after_id" in query else 0
        shown, more = items[first : first + most], first + most < len(items)
    return JSONResponse(
        {
            "data": shown,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
            "has_more": more,
        }
    )


def workspaces(world: World, request: Request) -> Response:
    """GET /workspaces: archived ones and the default one only on request."""
    query, book = request.query_params, world.anthropic
    archived, home = query.get("include_archived") == "true", query.get("include_default") == "true"
    shown = [w for w in book.workspaces if archived or w["archived_at"] is None]
    if home:
        shown.append(book.named(book.default_workspace, "Default"))
    wanted = query.getlist("ids[]")
    return listing(request, [w for w in shown if not wanted or w["id"] in wanted])


def api_keys(world: World, request: Request) -> Response:
    """GET /api_keys, in the shape each key was added with."""
    query = request.query_params

    def workspace(key: dict[str, Any]) -> Any:
        return key["workspace_id"] if "workspace_id" in key else key["scope"].get("workspace_id")

    return listing(
        request,
        [
            key
            for key in world.anthropic.api_keys
            if query.get("status") in (None, key["status"])
            and ("workspace_id" not in query or query["workspace_id"] == workspace(key))
        ],
    )


def me(world: World, request: Request) -> Response:
    """GET /me: the cheap key check."""
    return JSONResponse(world.anthropic.organization)


HANDLERS: dict[str, Handler] = {
    "/analytics/cost": analytics_cost,
    "/analytics/usage": analytics_usage,
    "/cost_report": cost_report,
    "/usage_report/messages": usage_report,
    "/workspaces": workspaces,
    "/api_keys": api_keys,
    "/me": me,
}
