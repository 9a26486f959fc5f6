"""Routes of the simulated venue under `/trade-api/v2`.

Source: Kalshi trade API, REST pages (read 2026-11); where documentation and live behaviour differ,
        the live one is played.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.kalshi import portfolio, public
from exporter.simulator.kalshi.gate import SKEW_LIMIT, Bucket, check_signature, failure, too_many
from exporter.simulator.kalshi.portfolio import Handler
from exporter.simulator.kalshi.query import BadQueryError
from exporter.simulator.keys import Keys
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
                own = world.kalshi.locked_to if private else None
                if refusal is None and own is not None:
                    refusal, request = locked(request, own)
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


def locked(request: Request, own: int) -> tuple[Response | None, Request]:
    """Return what a key that is locked to one subaccount is refused, and what it has asked for."""
    asked = request.query_params.get("subaccount")
    if asked not in (None, str(own)) or request.url.path.endswith("/subaccounts/balances"):
        sentence = "this API key is restricted to a single subaccount"
        return failure(403, "insufficient_permissions", sentence), request
    query = [*request.query_params.multi_items(), *([("subaccount", str(own))] if asked is None else [])]
    return None, Request({**request.scope, "query_string": urlencode(query).encode()})


PRIVATE: dict[str, Handler] = {
    "/portfolio/balance": portfolio.balance,
    "/portfolio/positions": portfolio.positions,
    "/portfolio/fills": portfolio.fills,
    "/portfolio/settlements": portfolio.settlements,
    "/portfolio/deposits": portfolio.movements("deposit"),
    "/portfolio/withdrawals": portfolio.movements("withdrawal"),
    "/portfolio/subaccounts/balances": portfolio.subaccount_balances,
    "/portfolio/subaccounts/transfers": portfolio.transfers,
    "/portfolio/intra_exchange_instance_transfers": portfolio.shard_transfers,
    "/account/limits": public.account_limits,
    "/historical/fills": portfolio.historical_fills,
    "/historical/positions": portfolio.historical_positions,
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
    "/historical/markets": public.historical_markets,
    "/historical/markets/{ticker}": public.historical_market,
}
