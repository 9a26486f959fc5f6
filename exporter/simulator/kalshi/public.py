"""Answers of the venue that are not about the portfolio: markets, series, exchange, account, archive.

Source: Kalshi trade API, market and exchange pages (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporter.simulator.kalshi import listing, rows
from exporter.simulator.kalshi.gate import CAPACITY, REFILL, failure
from exporter.simulator.kalshi.market import Market, Series
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


def markets(world: World, request: Request) -> Response:
    """GET /markets: unknown tickers are simply missing; a bad cursor is answered with the first page."""
    status = request.query_params.get("status")
    if status is not None and status not in STATUS:
        raise BadQueryError(f"unknown status {status}")
    return market_page(world, request, None if status is None else STATUS[status])


def historical_markets(world: World, request: Request) -> Response:
    """GET /historical/markets: settled before the cutoff."""
    return market_page(world, request, None, historical=True)


def market_page(
    world: World, request: Request, statuses: set[str] | None, *, historical: bool = False
) -> Response:
    """Return a page of markets by ticker."""
    query, account, now = request.query_params, world.kalshi, world.clock()
    tickers = names(request, "tickers")

    def keep(market: Market) -> bool:
        return (
            (statuses is None or market.status in statuses)
            and query.get("event_ticker") in (None, market.event_ticker)
            and query.get("series_ticker") in (None, market.series_ticker)
        )

    try:
        position = resume(request)
    except BadQueryError:
        position = None
    after = str(position[0]) if position else ""
    found: Iterator[Market]
    if tickers is None:
        found = listing.markets(account, keep, after, historical=historical)
    else:
        known = (one for ticker in sorted(tickers) if (one := visible(world, ticker, historical=historical)))
        found = (market for market in known if market.ticker > after and keep(market))
    shown = list(islice(found, limit(request)))
    cursor = seal([shown[-1].ticker], query_mark(request)) if next(found, None) else ""
    return JSONResponse({"cursor": cursor, "markets": [rows.market_row(m, now) for m in shown]})


def visible(world: World, ticker: str, *, historical: bool = False) -> Market | None:
    """Return a market if the live endpoints, or the historical ones, know it."""
    market = world.kalshi.find(ticker)
    if market is None or market.hidden or listing.live(world.kalshi, market) == historical:
        return None
    return market


def one_market(world: World, request: Request, *, historical: bool = False) -> Response:
    """GET /markets/{ticker}."""
    market = visible(world, request.path_params["ticker"], historical=historical)
    if market is None:
        return failure(404, "not_found", "not found")
    return JSONResponse({"market": rows.market_row(market, world.clock())})


def historical_market(world: World, request: Request) -> Response:
    """GET /historical/markets/{ticker}."""
    return one_market(world, request, historical=True)


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
        "categories": [series.category],
        "frequency": "daily",
        "fee_type": series.fee_type,
        "fee_multiplier": float(series.fee_multiplier),
        "tags": [],
        "settlement_sources": [{"name": "Simulation", "url": "https://example.com/source"}],
        "contract_url": "https://example.com/contract",
        "contract_terms_url": "https://example.com/terms",
        "additional_prohibitions": None,
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


# History.


def cutoff(world: World, request: Request) -> Response:
    """GET /historical/cutoff: RFC 3339 despite the `_ts`."""
    cut = world.kalshi.cutoffs()
    return JSONResponse(
        {
            "market_settled_ts": rfc3339(cut.markets),
            "trades_created_ts": rfc3339(cut.trades),
            "orders_updated_ts": rfc3339(cut.trades),
            "market_positions_last_updated_ts": rfc3339(cut.positions),
        }
    )
