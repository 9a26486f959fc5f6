"""All three services on one port, with the oracle and the fault dial beside them."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.simulator import oracle, trouble
from exporter.simulator.anthropic import api as anthropic
from exporter.simulator.faults import FaultError, Faults, from_json
from exporter.simulator.kalshi import api as kalshi
from exporter.simulator.kalshi import socket
from exporter.simulator.keys import Keys, make_keys
from exporter.simulator.sales import api as sales
from exporter.simulator.wire import parse_time
from exporter.simulator.world import World


def create_app(
    world: World, faults: Faults, keys: Keys | None = None, *, pace: Callable[[], float] = time.monotonic
) -> Starlette:
    """Return the app. Without `keys` it accepts a pair made for this process; `pace` feeds rate limits."""
    known = keys or make_keys(Path(tempfile.mkdtemp(prefix="simulator-keys-")))
    return Starlette(
        routes=[
            *kalshi.routes(world, known, pace),
            socket.route(world, known, faults),
            *anthropic.routes(world, known),
            *sales.routes(world, known),
            *dial(faults),
            Route("/oracle", _oracle(world)),
            Route("/oracle/markets", _oracle_markets(world)),
            Route("/health", _health),
        ],
        middleware=[
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=1),
            Middleware(trouble.Trouble, world=world, faults=faults),
        ],
        exception_handlers={404: not_found},
    )


async def not_found(request: Request, error: Exception) -> Response:
    """Answer an unknown path as the service that owns it would: the venue in plain text."""
    source = trouble.source_of(request.url.path)
    if source == "anthropic":
        return anthropic.failure(404, "Not found")
    if source == "sales":
        return sales.failure(404, "not_found", "no such path")
    return PlainTextResponse("404 page not found", 404)


def dial(faults: Faults) -> list[Route]:
    """Return the routes of the fault dial."""

    async def show(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
        return JSONResponse(faults.describe())

    async def turn(request: Request) -> Response:
        source = request.path_params["source"]
        try:
            if request.method == "DELETE":
                faults.clear(source)
            else:
                faults.replace(source, from_json(json.loads(await request.body())))
        except (FaultError, ValueError, TypeError) as error:
            return JSONResponse({"error": {"code": "invalid_fault", "message": str(error)}}, 400)
        return JSONResponse(faults.describe())

    return [
        Route("/faults", show, methods=["GET", "DELETE"]),
        Route("/faults/{source}", turn, methods=["PUT", "DELETE"]),
    ]


def _oracle(world: World) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        query = request.query_params
        try:
            begin = parse_time(query["from"]) if "from" in query else oracle.START
            end = parse_time(query["to"]) if "to" in query else None
        except ValueError:
            return JSONResponse({"error": "from and to are RFC 3339 times"}, 400)
        return JSONResponse(oracle.report(world, begin, end))

    return endpoint


def _oracle_markets(world: World) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        named = request.query_params.get("tickers")
        return JSONResponse({"markets": oracle.markets(world, named.split(",") if named else None)})

    return endpoint


async def _health(request: Request) -> Response:
    return PlainTextResponse("ok")
