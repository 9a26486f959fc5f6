"""Answers of the venue that are not about the portfolio: markets, series, exchange, account, archive.

Source: Kalshi trade API, market and exchange pages (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporter.simulator.kalshi import rows
from exporter.simulator.kalshi.gate import CAPACITY, REFILL, failure
from exporter.simulator.kalshi.market import Series
from exporter.simulator.kalshi.query import BadQueryError, limit, names, query_mark, resume
from exporter.simulator.keys import RSA_KEY_ID
from exporter.simulator.wire import rfc3339, seal
from exporter.simulator.world import World

STATUS = {
    "unopened": {"initialized"},
    "open": {"active"},
    "paused": {"inactive"},
    "closed": {"closed", "determined", "disputed", "amended"},
    "settled": {"finalized"},
}
Handler = Callable[[World, Request], Response]


def markets(world: World, request: Request) -> Response:
    """GET /markets: unknown tickers are simply missing; a bad cursor is answered with the first page."""
    query, now = request.query_params, world.clock()
    tickers, status = names(request, "tickers"), query.get("status")
    if status is not None and status not in STATUS:
        raise BadQueryError(f"unknown status {status}")
    try:
        after = resume(request)
    except BadQueryError:
        after = None
    known = world.kalshi.markets
    pool = [known[t] for t in tickers if t in known] if tickers is not None else list(known.values())
    found = sorted(
        (
            m
            for m in pool
            if (status is None or m.status in STATUS[status])
            and query.get("event_ticker") in (None, m.event_ticker)
            and query.get("series_ticker") in (None, m.series_ticker)
            and (not after or m.ticker > str(after[0]))
        ),
        key=lambda m: m.ticker,
    )
    size = limit(request)
    shown = found[:size]
    cursor = seal([shown[-1].ticker], query_mark(request)) if len(found) > size else ""
    return JSONResponse({"cursor": cursor, "markets": [rows.market_row(m, now) for m in shown]})


def one_market(world: World, request: Request) -> Response:
    """GET /markets/{ticker}."""
    market = world.kalshi.markets.get(request.path_params["ticker"])
    if market is None:
        return failure(404, "not_found", "not found")
    return JSONResponse({"market": rows.market_row(market, world.clock())})


def one_series(world: World, request: Request) -> Response:
    """GET /series/{ticker}: the fee rule."""
    series = world.kalshi.series.get(request.path_params["ticker"])
    if series is None:
        return failure(404, "not_found", "not found")
    return JSONResponse({"series": series_row(series)})


def all_series(world: World, request: Request) -> Response:
    """GET /series."""
    return JSONResponse({"series": [series_row(series) for _, series in sorted(world.kalshi.series.items())]})


def series_row(series: Series) -> dict[str, Any]:
    """Return one series; `fee_multiplier` is a JSON number, unlike every other amount."""
    return {
        "ticker": series.ticker,
        "title": series.title,
        "category": series.category,
        "frequency": "daily",
        "fee_type": series.fee_type,
        "fee_multiplier": float(series.fee_multiplier),
        "tags": [],
    }


# Exchange and account.


def exchange_status(world: World, request: Request) -> Response:
    """GET /exchange/status."""
    state = {"exchange_active": True, "trading_active": True, "intra_exchange_transfers_active": True}
    return JSONResponse(
        state | {"exchange_index_statuses": [{"exchange_index": 0, "description": "Default"} | state]}
    )


def data_timestamp(world: World, request: Request) -> Response:
    """GET /exchange/user_data_timestamp: how fresh the portfolio reads are."""
    return JSONResponse({"as_of_time": rfc3339(world.clock())})


def account_limits(world: World, request: Request) -> Response:
    """GET /account/limits: tokens a second and bucket size."""
    return JSONResponse(
        {
            "usage_tier": "basic",
            "read": {"refill_rate": int(REFILL), "bucket_capacity": int(CAPACITY)},
            "write": {"refill_rate": 100, "bucket_capacity": 100},
            "grants": [],
        }
    )


def endpoint_costs(world: World, request: Request) -> Response:
    """GET /account/endpoint_costs: only what differs from the default."""
    odd = [{"method": "GET", "path": "/portfolio/orders/:id", "cost": 2}]
    return JSONResponse({"default_cost": 10, "endpoint_costs": odd})


def api_keys(world: World, request: Request) -> Response:
    """GET /api_keys."""
    return JSONResponse({"api_keys": [{"api_key_id": RSA_KEY_ID, "name": "simulated", "scopes": ["read"]}]})


# History. Nothing is archived yet: the cutoffs lie before the account's first day.


def cutoff(world: World, request: Request) -> Response:
    """GET /historical/cutoff: RFC 3339 despite the `_ts`."""
    first = rfc3339(world.kalshi.opened)
    fields = (
        "market_settled_ts",
        "trades_created_ts",
        "orders_updated_ts",
        "market_positions_last_updated_ts",
    )
    return JSONResponse(dict.fromkeys(fields, first))


def empty(field: str) -> Handler:
    """Return the handler of a historical list that holds nothing yet."""

    def handler(world: World, request: Request) -> Response:
        limit(request)
        more: dict[str, Any] = {"event_positions": []} if field == "market_positions" else {}
        return JSONResponse({field: [], "cursor": ""} | more)

    return handler
