"""Routes of the simulated venue under `/trade-api/v2`.

Source: Kalshi trade API, REST pages (read 2026-11); where documentation and live behaviour differ,
        the live one is played.
Quirk:  `subaccount` defaults to 0 on balance and positions, and to all on fills and settlements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.kalshi import public, rows
from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.gate import SKEW_LIMIT, Bucket, check_signature, failure, too_many
from exporter.simulator.kalshi.public import Handler
from exporter.simulator.kalshi.query import (
    BadQueryError,
    bounds,
    integer,
    limit,
    names,
    newest_first,
    page,
    query_mark,
    resume,
    rfc_key,
)
from exporter.simulator.kalshi.records import Fill, Position, Settlement
from exporter.simulator.keys import Keys
from exporter.simulator.wire import places, seal, unix
from exporter.simulator.world import World

BASE = "/trade-api/v2"


def routes(world: World, keys: Keys, pace: Callable[[], float] = time.monotonic) -> list[Route]:
    """Return the venue's routes, each behind its lock; `pace` feeds the token buckets."""
    buckets: dict[str, Bucket] = {}

    def guarded(handler: Handler, *, private: bool) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            with world.lock:
                world.advance()
                refusal = gate(request) if private else None
                try:
                    return refusal or handler(world, request)
                except BadQueryError as error:
                    return failure(400, "invalid_parameters", str(error))

        return endpoint

    def gate(request: Request) -> Response | None:
        shift = request.scope.get("simulator.skew")
        now = world.clock() + shift if shift else world.clock()
        tolerance = SKEW_LIMIT if shift else world.kalshi.clock_tolerance
        path = request.scope.get("raw_path", b"").decode().split("?")[0] or request.url.path
        refusal = check_signature(request.headers, request.method, path, keys.kalshi, now, tolerance)
        if refusal is not None:
            return refusal
        bucket = buckets.setdefault(request.headers["kalshi-access-key"], Bucket(pace))
        return None if bucket.spend() else too_many()

    table = [Route(BASE + path, guarded(handler, private=True)) for path, handler in PRIVATE.items()]
    return table + [Route(BASE + path, guarded(handler, private=False)) for path, handler in PUBLIC.items()]


# Portfolio.


def balance(world: World, request: Request) -> Response:
    """GET /portfolio/balance: cash in cents and dollars, open positions in cents, cash not included."""
    subaccount = integer(request, "subaccount", 0, 0, 63) or 0
    account, now = world.kalshi, world.clock()
    cash = account.cash.get(subaccount, Decimal(0))
    value = account.portfolio_value(subaccount, now)
    return JSONResponse(
        {
            "balance": int((cash * 100).to_integral_value(ROUND_FLOOR)),
            "balance_dollars": places(cash, 4),
            "portfolio_value": int(value * 100),
            "updated_ts": unix(now),
            "balance_breakdown": [{"exchange_index": 0, "balance": places(cash, 4)}],
        }
    )


def subaccount_balances(world: World, request: Request) -> Response:
    """GET /portfolio/subaccounts/balances: one row per subaccount and shard."""
    now = unix(world.clock())
    return JSONResponse(
        {
            "subaccount_balances": [
                {
                    "subaccount_number": number,
                    "exchange_index": 0,
                    "balance": places(cash, 4),
                    "updated_ts": now,
                }
                for number, cash in sorted(world.kalshi.cash.items())
            ]
        }
    )


def positions(world: World, request: Request) -> Response:
    """GET /portfolio/positions: unsettled rows unless asked; flat ones stay until they settle."""
    account, query = world.kalshi, request.query_params
    subaccount = integer(request, "subaccount", 0, 0, 63)
    status = query.get("settlement_status", "unsettled")
    if status not in ("unsettled", "settled", "all"):
        raise BadQueryError(f"unknown settlement_status {status}")
    nonzero = names(request, "count_filter") or frozenset()
    if nonzero - {"position", "total_traded"}:
        raise BadQueryError("count_filter takes position and total_traded")
    pool = account.unsettled if status == "unsettled" else account.positions
    found = [
        p
        for (owner, ticker), p in pool.items()
        if owner == subaccount
        and (status != "settled" or p.settled)
        and query.get("ticker") in (None, ticker)
        and query.get("event_ticker") in (None, account.markets[ticker].event_ticker)
        and (p.held or "position" not in nonzero)
        and (p.bought["yes"] or p.bought["no"] or "total_traded" not in nonzero)
    ]
    return position_page(request, account, found)


def position_page(request: Request, account: Account, found: Iterable[Position]) -> Response:
    """Return a page of positions by ticker, with the events of just these rows."""
    size, after = limit(request), resume(request)
    ordered = sorted((p for p in found if not after or p.ticker > str(after[0])), key=lambda p: p.ticker)
    shown = ordered[:size]
    events: dict[str, list[Position]] = {}
    for position in shown:
        events.setdefault(account.markets[position.ticker].event_ticker, []).append(position)
    cursor = seal([shown[-1].ticker], query_mark(request)) if len(ordered) > size else ""
    opened = account.clock()
    return JSONResponse(
        {
            "cursor": cursor,
            "market_positions": [rows.position_row(p, opened) for p in shown],
            "event_positions": [rows.event_row(name, members) for name, members in sorted(events.items())],
        }
    )


def fills(world: World, request: Request) -> Response:
    """GET /portfolio/fills: newest first, every subaccount unless one is named."""
    account, query = world.kalshi, request.query_params
    tickers, order = names(request, "ticker", 100), query.get("order_id")
    subaccount = integer(request, "subaccount", None, 0, 63)
    low, high = bounds(request)

    def keep(fill: Fill) -> bool:
        return (
            (tickers is None or fill.ticker in tickers)
            and order in (None, fill.order_id)
            and subaccount in (None, fill.subaccount)
            and low <= fill.time.timestamp() <= high
        )

    shown, more = newest_first(request, account.fills, keep)
    last = [rfc_key(shown[-1].time), shown[-1].sequence] if more else None
    return page(request, [rows.fill_json(fill, account.extra_fields) for fill in shown], last, "fills")


def settlements(world: World, request: Request) -> Response:
    """GET /portfolio/settlements: gross lifetime counts and costs, payout of the net position in cents."""
    account, query = world.kalshi, request.query_params
    subaccount = integer(request, "subaccount", None, 0, 63)
    low, high = bounds(request)

    def keep(row: Settlement) -> bool:
        return (
            query.get("ticker") in (None, row.ticker)
            and query.get("event_ticker") in (None, row.event_ticker)
            and subaccount in (None, row.subaccount)
            and low <= row.time.timestamp() <= high
        )

    shown, more = newest_first(request, account.settlements, keep)
    last = [rfc_key(shown[-1].time), shown[-1].sequence] if more else None
    return page(
        request, [rows.settlement_json(row, account.extra_fields) for row in shown], last, "settlements"
    )


def movements(kind: str) -> Handler:
    """Return the handler of GET /portfolio/deposits or /withdrawals, newest first."""

    def handler(world: World, request: Request) -> Response:
        size, after = limit(request, 500), resume(request)
        found = sorted((m for m in world.kalshi.movements if m.kind == kind), key=lambda m: (m.time, m.id))[
            ::-1
        ]
        skip = 1 + [m.id for m in found].index(str(after[0])) if after else 0
        shown = found[skip : skip + size]
        more = skip + size < len(found)
        cursor = seal([shown[-1].id], query_mark(request)) if more else ""
        return JSONResponse({kind + "s": [rows.movement_row(m) for m in shown], "cursor": cursor})

    return handler


PRIVATE: dict[str, Handler] = {
    "/portfolio/balance": balance,
    "/portfolio/positions": positions,
    "/portfolio/fills": fills,
    "/portfolio/settlements": settlements,
    "/portfolio/deposits": movements("deposit"),
    "/portfolio/withdrawals": movements("withdrawal"),
    "/portfolio/subaccounts/balances": subaccount_balances,
    "/account/limits": public.account_limits,
    "/historical/fills": public.empty("fills"),
    "/historical/positions": public.empty("market_positions"),
    "/api_keys": public.api_keys,
}
PUBLIC: dict[str, Handler] = {
    "/markets": public.markets,
    "/markets/{ticker}": public.one_market,
    "/series": public.all_series,
    "/series/{ticker}": public.one_series,
    "/exchange/status": public.exchange_status,
    "/exchange/user_data_timestamp": public.data_timestamp,
    "/account/endpoint_costs": public.endpoint_costs,
    "/historical/cutoff": public.cutoff,
    "/historical/markets": public.empty("markets"),
}
