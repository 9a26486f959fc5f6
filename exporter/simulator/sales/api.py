"""GET /v1/sales, the contract of `docs/sales-api.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.keys import Keys
from exporter.simulator.sales.book import Sale
from exporter.simulator.wire import BadTokenError, exact, fingerprint, parse_time, rfc3339, seal, unseal
from exporter.simulator.world import World

PATH = "/v1/sales"


class BadQueryError(ValueError):
    """A request that is answered with 400 and this message."""


def failure(status: int, code: str, message: str) -> JSONResponse:
    """Return an error body of the contract."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def routes(world: World, keys: Keys) -> list[Route]:
    """Return the one route of the contract."""

    async def endpoint(request: Request) -> Response:
        with world.lock:
            world.advance()
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or token not in keys.sales:
                return failure(401, "unauthorized", "A valid bearer token is required.")
            try:
                return sales(world, request)
            except BadQueryError as error:
                return failure(400, "invalid_request", str(error))

    handler: Callable[[Request], Any] = endpoint
    return [Route(PATH, handler)]


def sales(world: World, request: Request) -> Response:
    """Return one page of sales by (updated_at, id), oldest change first."""
    query = request.query_params
    since = _time(query.get("updated_since"))
    limit = _limit(query.get("limit", "100"))
    mark = fingerprint(pair for pair in query.multi_items() if pair[0] != "cursor")
    found, more = world.sales.changed(since, _resume(query.get("cursor"), mark), limit)
    cursor = seal([found[-1].updated_at.isoformat(), found[-1].id], mark) if more else None
    return JSONResponse({"sales": [sale_row(sale) for sale in found], "next_cursor": cursor})


def sale_row(sale: Sale) -> dict[str, Any]:
    """Return a sale as the contract writes it; amounts are decimal strings in dollars."""
    return {
        "id": sale.id,
        "created_at": rfc3339(sale.created_at),
        "updated_at": rfc3339(sale.updated_at),
        "status": sale.status,
        "gross": exact(sale.gross, 2),
        "fee": exact(sale.fee, 2),
        "tax": exact(sale.tax, 2),
        "currency": "USD",
        "customer": sale.customer,
        "product": sale.product,
        "refunds": [
            {"id": r.id, "refunded_at": rfc3339(r.refunded_at), "amount": exact(r.amount, 2)}
            for r in sale.refunds
        ],
    }


def _time(text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text is not None else None
    except ValueError:
        raise BadQueryError("updated_since must be an RFC 3339 time") from None


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 500:
        raise BadQueryError("limit must be an integer from 1 to 500")
    return int(text)


def _resume(token: str | None, mark: str) -> tuple[datetime, str] | None:
    if token is None:
        return None
    try:
        updated, name = unseal(token, mark)
        return parse_time(updated), name
    except (BadTokenError, ValueError, TypeError):
        raise BadQueryError("cursor does not belong to this query") from None
