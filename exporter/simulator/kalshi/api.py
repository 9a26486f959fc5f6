"""Routes of the simulated venue under `/trade-api/v2`.

Source: Kalshi trade API, REST pages (read 2026-11); where documentation and live behaviour differ,
        the live one is played.
Quirk:  `subaccount` defaults to 0 on balance and positions, and to all on fills and settlements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.kalshi import rows
from exporter.simulator.kalshi.account import Account, Fill, Position, Settlement
from exporter.simulator.kalshi.gate import CAPACITY, REFILL, SKEW_LIMIT, Bucket, check_signature, failure, too_many
from exporter.simulator.keys import RSA_KEY_ID, Keys
from exporter.simulator.wire import BadTokenError, fingerprint, places, rfc3339, seal, unix, unseal
from exporter.simulator.world import World

BASE = "/trade-api/v2"
STATUS = {
    "unopened": {"initialized"}, "open": {"active"}, "paused": {"inactive"},
    "closed": {"closed", "determined", "disputed", "amended"}, "settled": {"finalized"},
}
Handler = Callable[[World, Request], Response]
Event = TypeVar("Event", Fill, Settlement)


class BadQueryError(ValueError):
    """A query parameter that the venue answers with 400."""


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


# Query parameters.


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
    return Response(f'{{"cursor": "{cursor}", "{field}": [{", ".join(items)}]}}', media_type="application/json")


def resume(request: Request) -> list[Any] | None:
    """Return the position in the request's cursor; None for the first page."""
    token = request.query_params.get("cursor")
    if not token:
        return None
    try:
        return unseal(token, query_mark(request))
    except BadTokenError:
        raise BadQueryError("invalid cursor") from None


def newest_first(request: Request, events: list[Event], keep: Callable[[Event], bool]) -> tuple[list[Event], bool]:
    """Return one page of `events` (kept oldest first), newest first, and whether more follow.

    The cursor names the last row served, so rows that arrive meanwhile neither shift nor repeat.
    """
    size, after = limit(request), resume(request)
    found: list[Event] = []
    for event in reversed(events):
        if after and [rfc_key(event.time), event.sequence] >= after:
            continue
        if keep(event):
            if len(found) == size:
                return found, True
            found.append(event)
    return found, False


def rfc_key(moment: datetime) -> int:
    """Return microseconds since 1970, for cursors."""
    return round(moment.timestamp() * 1_000_000)


# Portfolio.


def balance(world: World, request: Request) -> Response:
    """GET /portfolio/balance: cash in cents and dollars, open positions in cents, cash not included."""
    subaccount = integer(request, "subaccount", 0, 0, 63) or 0
    account, now = world.kalshi, world.clock()
    cash = account.cash.get(subaccount, Decimal(0))
    value = account.portfolio_value(subaccount, now)
    return JSONResponse({
        "balance": int((cash * 100).to_integral_value(ROUND_FLOOR)), "balance_dollars": places(cash, 4),
        "portfolio_value": int(value * 100), "updated_ts": unix(now),
        "balance_breakdown": [{"exchange_index": 0, "balance": places(cash, 4)}],
    })


def subaccount_balances(world: World, request: Request) -> Response:
    """GET /portfolio/subaccounts/balances: one row per subaccount and shard."""
    now = unix(world.clock())
    return JSONResponse({"subaccount_balances": [
        {"subaccount_number": number, "exchange_index": 0, "balance": places(cash, 4), "updated_ts": now}
        for number, cash in sorted(world.kalshi.cash.items())
    ]})


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
        p for (owner, ticker), p in pool.items()
        if owner == subaccount and (status != "settled" or p.settled)
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
    return JSONResponse({
        "cursor": cursor,
        "market_positions": [rows.position_row(p, opened) for p in shown],
        "event_positions": [rows.event_row(name, members) for name, members in sorted(events.items())],
    })


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
    return page(request, [rows.settlement_json(row, account.extra_fields) for row in shown], last, "settlements")


def bounds(request: Request) -> tuple[float, float]:
    """Return min_ts and max_ts in Unix seconds, both inclusive here (undocumented)."""
    low = integer(request, "min_ts", 0, 0, 1 << 40)
    high = integer(request, "max_ts", 1 << 40, 0, 1 << 40)
    return float(low or 0), float(1 << 40 if high is None else high)


def movements(kind: str) -> Handler:
    """Return the handler of GET /portfolio/deposits or /withdrawals, newest first."""

    def handler(world: World, request: Request) -> Response:
        size, after = limit(request, 500), resume(request)
        found = sorted((m for m in world.kalshi.movements if m.kind == kind), key=lambda m: (m.time, m.id))[::-1]
        skip = 1 + [m.id for m in found].index(str(after[0])) if after else 0
        shown = found[skip : skip + size]
        more = skip + size < len(found)
        cursor = seal([shown[-1].id], query_mark(request)) if more else ""
        return JSONResponse({kind + "s": [rows.movement_row(m) for m in shown], "cursor": cursor})

    return handler


# Markets.


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
    found = sorted((
        m for m in pool
        if (status is None or m.status in STATUS[status])
        and query.get("event_ticker") in (None, m.event_ticker)
        and query.get("series_ticker") in (None, m.series_ticker)
        and (not after or m.ticker > str(after[0]))
    ), key=lambda m: m.ticker)
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
    """GET /series/{ticker}: the fee rule; `fee_multiplier` is a JSON number."""
    series = world.kalshi.series.get(request.path_params["ticker"])
    if series is None:
        return failure(404, "not_found", "not found")
    return JSONResponse({"series": {
        "ticker": series.ticker, "title": series.title, "category": series.category, "frequency": "daily",
        "fee_type": series.fee_type, "fee_multiplier": float(series.fee_multiplier), "tags": [],
    }})


def all_series(world: World, request: Request) -> Response:
    """GET /series."""
    return JSONResponse({"series": [
        {"ticker": s.ticker, "title": s.title, "category": s.category, "frequency": "daily",
         "fee_type": s.fee_type, "fee_multiplier": float(s.fee_multiplier), "tags": []}
        for _, s in sorted(world.kalshi.series.items())
    ]})


# Exchange and account.


def exchange_status(world: World, request: Request) -> Response:
    """GET /exchange/status."""
    state = {"exchange_active": True, "trading_active": True, "intra_exchange_transfers_active": True}
    return JSONResponse(state | {"exchange_index_statuses": [{"exchange_index": 0, "description": "Default"} | state]})


def data_timestamp(world: World, request: Request) -> Response:
    """GET /exchange/user_data_timestamp: how fresh the portfolio reads are."""
    return JSONResponse({"as_of_time": rfc3339(world.clock())})


def account_limits(world: World, request: Request) -> Response:
    """GET /account/limits: tokens a second and bucket size."""
    return JSONResponse({
        "usage_tier": "basic", "read": {"refill_rate": int(REFILL), "bucket_capacity": int(CAPACITY)},
        "write": {"refill_rate": 100, "bucket_capacity": 100}, "grants": [],
    })


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
    fields = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
    return JSONResponse(dict.fromkeys(fields, first))


def empty(field: str) -> Handler:
    """Return the handler of a historical list that holds nothing yet."""

    def handler(world: World, request: Request) -> Response:
        limit(request)
        more: dict[str, Any] = {"event_positions": []} if field == "market_positions" else {}
        return JSONResponse({field: [], "cursor": ""} | more)

    return handler


PRIVATE: dict[str, Handler] = {
    "/portfolio/balance": balance,
    "/portfolio/positions": positions,
    "/portfolio/fills": fills,
    "/portfolio/settlements": settlements,
    "/portfolio/deposits": movements("deposit"),
    "/portfolio/withdrawals": movements("withdrawal"),
    "/portfolio/subaccounts/balances": subaccount_balances,
    "/account/limits": account_limits,
    "/historical/fills": empty("fills"),
    "/historical/positions": empty("market_positions"),
    "/api_keys": api_keys,
}
PUBLIC: dict[str, Handler] = {
    "/markets": markets,
    "/markets/{ticker}": one_market,
    "/series": all_series,
    "/series/{ticker}": one_series,
    "/exchange/status": exchange_status,
    "/exchange/user_data_timestamp": data_timestamp,
    "/account/endpoint_costs": endpoint_costs,
    "/historical/cutoff": cutoff,
    "/historical/markets": empty("markets"),
}
