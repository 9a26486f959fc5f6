"""The venue's answers about the portfolio.

Source: Kalshi trade API, portfolio pages (read 2026-11); where documentation and live behaviour
        differ, the live one is played.
Quirk:  `subaccount` defaults to 0 on balance and positions, and to all on fills and settlements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_FLOOR, Decimal
from itertools import islice
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporter.simulator.kalshi import listing, rows
from exporter.simulator.kalshi.gate import failure
from exporter.simulator.kalshi.listing import Listed, Wanted
from exporter.simulator.kalshi.purse import Movement, Transfer
from exporter.simulator.kalshi.query import (
    BadQueryError,
    bounds,
    integer,
    limit,
    names,
    page,
    place,
    query_mark,
    resume,
)
from exporter.simulator.kalshi.records import Position
from exporter.simulator.wire import places, seal, unix
from exporter.simulator.world import World

Handler = Callable[[World, Request], Response]
Moved = TypeVar("Moved", Movement, Transfer)


def balance(world: World, request: Request) -> Response:
    """GET /portfolio/balance: cash in cents and dollars, open positions in cents, cash not included."""
    subaccount = integer(request, "subaccount", 0, 0, 63) or 0
    shard = integer(request, "exchange_index", None, 0, 1000)
    account, now = world.kalshi, world.clock()
    shards = {0: Decimal(0)} | {s: cash for (owner, s), cash in account.purse.items() if owner == subaccount}
    chosen = shards if shard is None else {shard: shards.get(shard, Decimal(0))}
    cash = sum(chosen.values(), Decimal(0))
    value = account.portfolio_value(subaccount, now, shard)
    answer: dict[str, Any] = {
        "balance": int((cash * 100).to_integral_value(ROUND_FLOOR)),
        "balance_dollars": places(cash, 4),
        "portfolio_value": int(value * 100),
        "updated_ts": unix(now),
    }
    if account.locked_to is None:
        answer["balance_breakdown"] = [
            {"exchange_index": number, "balance": places(amount, 4)}
            for number, amount in sorted(chosen.items())
        ]
    return JSONResponse(answer)


def subaccount_balances(world: World, request: Request) -> Response:
    """GET /portfolio/subaccounts/balances: one row per subaccount and shard."""
    if not world.kalshi.lists_subaccounts:
        return failure(404, "not_found", "not found")
    now = unix(world.clock())
    return JSONResponse(
        {
            "subaccount_balances": [
                {
                    "subaccount_number": number,
                    "exchange_index": shard,
                    "balance": places(cash, 4),
                    "updated_ts": now,
                }
                for (number, shard), cash in sorted(world.kalshi.purse.items())
            ]
        }
    )


def positions(world: World, request: Request) -> Response:
    """GET /portfolio/positions: unsettled rows unless asked; flat ones stay until they settle."""
    status = request.query_params.get("settlement_status", "unsettled")
    if status not in ("unsettled", "settled", "all"):
        raise BadQueryError(f"unknown settlement_status {status}")
    return position_page(world, request, status)


def historical_positions(world: World, request: Request) -> Response:
    """GET /historical/positions: settled events that were handed over."""
    return position_page(world, request, "historical")


def position_page(world: World, request: Request, view: str) -> Response:
    """Return a page of positions by ticker, with the events of just these rows."""
    account, query = world.kalshi, request.query_params
    subaccount, shard = (
        integer(request, "subaccount", 0, 0, 63),
        integer(request, "exchange_index", None, 0, 99),
    )
    nonzero = names(request, "count_filter") or frozenset()
    if nonzero - {"position", "total_traded"}:
        raise BadQueryError("count_filter takes position and total_traded")
    size, after = limit(request), resume(request)
    ticker = frozenset({query["ticker"]}) if "ticker" in query else None
    wanted = Wanted(ticker, query.get("event_ticker"), subaccount=subaccount)
    found = (
        p
        for p in listing.positions(account, view, wanted, str(after[0]) if after else "")
        if shard in (None, p.exchange_index)
        and (p.held or "position" not in nonzero)
        and (p.bought["yes"] or p.bought["no"] or "total_traded" not in nonzero)
    )
    shown = list(islice(found, size))
    events: dict[str, list[Position]] = {}
    for position in shown:
        events.setdefault(position.ticker.rsplit("-", 1)[0], []).append(position)
    cursor = seal([shown[-1].ticker], query_mark(request)) if next(found, None) else ""
    rule, now = account.lot_rule, account.clock()
    return JSONResponse(
        {
            "cursor": cursor,
            "market_positions": [rows.position_row(p, now, rule) for p in shown],
            "event_positions": [
                rows.event_row(name, members, rule) for name, members in sorted(events.items())
            ],
        }
    )


def fills(world: World, request: Request) -> Response:
    """GET /portfolio/fills: newest first, every subaccount unless one is named."""
    return timeline_page(request, listing.fills(world.kalshi, fills_wanted(request)), "fills")


def historical_fills(world: World, request: Request) -> Response:
    """GET /historical/fills: what is older than the cutoff."""
    wanted = fills_wanted(request, all_subaccounts=world.kalshi.archive.ignores_subaccount)
    return timeline_page(request, listing.fills(world.kalshi, wanted, historical=True), "fills")


def fills_wanted(request: Request, *, all_subaccounts: bool = False) -> Wanted:
    """Return the filters of a request for fills."""
    subaccount = integer(request, "subaccount", None, 0, 63)
    return Wanted(
        names(request, "ticker", 100),
        order=request.query_params.get("order_id"),
        subaccount=None if all_subaccounts else subaccount,
        before=place(request),
    ).within(*bounds(request))


def settlements(world: World, request: Request) -> Response:
    """GET /portfolio/settlements: gross lifetime counts and costs, payout of the net position in cents."""
    query = request.query_params
    wanted = Wanted(
        frozenset({query["ticker"]}) if "ticker" in query else None,
        query.get("event_ticker"),
        subaccount=integer(request, "subaccount", None, 0, 63),
        before=place(request),
    ).within(*bounds(request))
    return timeline_page(request, listing.settlements(world.kalshi, wanted), "settlements")


def timeline_page(request: Request, found: Iterator[Listed], field: str) -> Response:
    """Return a page of a list that goes back in time.

    The cursor names the last row served, so rows that arrive meanwhile neither shift nor repeat.
    """
    shown = list(islice(found, limit(request)))
    more = next(found, None) is not None
    return page(request, [text for _, text in shown], list(shown[-1][0]) if more else None, field)


def movements(kind: str) -> Handler:
    """Return the handler of GET /portfolio/deposits or /withdrawals, newest first."""

    def handler(world: World, request: Request) -> Response:
        moved = [m for m in world.kalshi.movements if m.kind == kind]
        return moved_page(request, moved, kind + "s", rows.movement_row, 500)

    return handler


def transfers(world: World, request: Request) -> Response:
    """GET /portfolio/subaccounts/transfers."""
    moved = [t for t in world.kalshi.transfers if t.subaccounts[0] != t.subaccounts[1]]
    return moved_page(request, moved, "transfers", rows.transfer_row, 1000)


def shard_transfers(world: World, request: Request) -> Response:
    """GET /portfolio/intra_exchange_instance_transfers."""
    moved = [t for t in world.kalshi.transfers if t.shards[0] != t.shards[1] or t.effect]
    return moved_page(request, moved, "transfers", rows.shard_transfer_row, 500)


def moved_page(
    request: Request, moved: Sequence[Moved], field: str, row: Callable[[Moved], dict[str, Any]], most: int
) -> Response:
    """Return a page of movements or transfers, newest first."""
    size, after = limit(request, most), resume(request)
    found = sorted(moved, key=lambda m: (m.time, m.id), reverse=True)
    skip = 1 + [m.id for m in found].index(str(after[0])) if after else 0
    shown = found[skip : skip + size]
    more = skip + size < len(found)
    cursor = seal([shown[-1].id], query_mark(request)) if more else ""
    return JSONResponse({field: [row(m) for m in shown], "cursor": cursor})
