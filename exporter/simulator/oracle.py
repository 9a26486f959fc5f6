"""What the books of the world say, as exact strings: the answers to check a program against.

Units:  dollars; signs as in the words: fees, refunds and costs are positive.
Rules:  flows count by event time in the half-open window [from, to). A sale counts once it is
        `paid`, at its `created_at`, with its present gross and fee; a refund counts at
        `refunded_at`. Positions and cash are of now. A mark is the best bid of the side held.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from exporter.simulator.anthropic.book import start_of
from exporter.simulator.kalshi.records import Position
from exporter.simulator.wire import exact, rfc3339
from exporter.simulator.world import World

START = datetime(1970, 1, 1, tzinfo=UTC)


def report(world: World, begin: datetime = START, end: datetime | None = None) -> dict[str, Any]:
    """Return the world's own figures for [begin, end); `end` defaults to the end of time."""
    with world.lock:
        world.advance()
        until = end or datetime.max.replace(tzinfo=UTC)
        return {
            "from": rfc3339(begin),
            "to": rfc3339(until),
            "as_of": rfc3339(world.clock()),
            "trading": trading(world, begin, until),
            "sales": sales(world, begin, until),
            "api_cost": api_cost(world, begin, until),
            "cash": text(sum(world.kalshi.cash.values(), Decimal(0))),
        }


def trading(world: World, begin: datetime, until: datetime) -> dict[str, Any]:
    """Return realised (before fees), fees, and open positions with cost, mark and unrealised."""
    entries = [entry for entry in world.kalshi.journal if begin <= entry.time < until]
    held = [position(world, p) for p in world.kalshi.unsettled.values() if p.held]
    known = [Decimal(p["unrealised"]) for p in held if p["unrealised"] is not None]
    return {
        "realised": text(sum((e.amount for e in entries if e.kind == "realised"), Decimal(0))),
        "fees": text(sum((e.amount for e in entries if e.kind == "fee"), Decimal(0))),
        "positions": sorted(held, key=lambda p: (p["subaccount"], p["ticker"])),
        "unrealised": text(sum(known, Decimal(0))),
        "unmarked": sum(p["unrealised"] is None for p in held),
    }


def position(world: World, held: Position) -> dict[str, Any]:
    """Return one open position; mark and unrealised are None when nobody bids."""
    side = "yes" if held.held > 0 else "no"
    mark = world.kalshi.markets[held.ticker].quote(world.clock()).bid_of(side)
    return {
        "ticker": held.ticker,
        "subaccount": held.subaccount,
        "count": text(held.held),
        "cost": text(held.cost),
        "mark": None if mark is None else text(mark),
        "unrealised": None if mark is None else text(abs(held.held) * mark - held.cost),
    }


def sales(world: World, begin: datetime, until: datetime) -> dict[str, str]:
    """Return gross and fees of paid sales made in the window, and refunds given in it."""
    gross = fees = refunds = Decimal(0)
    for sale in world.sales.sales.values():
        if sale.status != "paid":
            continue
        if begin <= sale.created_at < until:
            gross += sale.gross
            fees += sale.fee
        refunds += sum((r.amount for r in sale.refunds if begin <= r.refunded_at < until), Decimal(0))
    return {
        "gross": text(gross),
        "refunds": text(refunds),
        "fees": text(fees),
        "net": text(gross - refunds - fees),
    }


def api_cost(world: World, begin: datetime, until: datetime) -> dict[str, Any]:
    """Return cost per UTC day that starts in the window: as the report serves it now, and as it truly was."""
    book, now = world.anthropic, world.clock()

    def within(days: Iterable[date]) -> list[date]:
        return [day for day in sorted(days) if begin <= start_of(day) < until]

    billed = {}
    for day in within(book.bills):
        lines = book.served(day, now)
        if lines is not None:
            billed[day] = sum((line.amount for line in lines), Decimal(0)) / 100
    true = {day: (book.true_cost(day) or Decimal(0)) / 100 for day in within({*book.bills, *book.true_cents})}
    return {
        "billed": {day.isoformat(): text(amount) for day, amount in billed.items()},
        "true": {day.isoformat(): text(amount) for day, amount in true.items()},
        "billed_total": text(sum(billed.values(), Decimal(0))),
        "true_total": text(sum(true.values(), Decimal(0))),
    }


def text(amount: Decimal) -> str:
    """Return every digit, without trailing zeros beyond the cent."""
    plain = exact(amount.normalize(), 2)
    return "0.00" if Decimal(plain) == 0 else plain
