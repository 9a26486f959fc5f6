"""What the books of the world say, as exact strings: the answers to check a program against.

Units:  dollars, counts of sales as integers; signs as in the words: fees, refunds and costs are positive.
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
from exporter.simulator.kalshi.lots import RULES
from exporter.simulator.kalshi.market import ZERO
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
            "fifo": trading(world, begin, until, "fifo"),
            "sales": sales(world, begin, until),
            "api_cost": api_cost(world, begin, until),
            "cash": text(sum(world.kalshi.cash.values(), ZERO)),
            "cash_flows": cash_flows(world),
        }


def trading(world: World, begin: datetime, until: datetime, rule: str = "average") -> dict[str, Any]:
    """Return realised (before fees), fees, and open positions with cost, mark and unrealised.

    The two lot rules differ in realised and cost of what is partly closed, never in their sum.
    """
    account = world.kalshi
    realised = fees = ZERO
    for entry in account.journal:
        if begin <= entry.time < until:
            if entry.kind == "realised":
                realised += entry.by(rule)
            else:
                fees += entry.amount
    if account.crowd is not None:
        sums = account.crowd.between(begin, until)
        realised += sums.average if rule == "average" else sums.fifo
        fees += sums.fees
    held = [position(world, p, rule) for p in account.unsettled.values() if p.held]
    known = [Decimal(p["unrealised"]) for p in held if p["unrealised"] is not None]
    return {
        "realised": text(realised),
        "fees": text(fees),
        "positions": sorted(held, key=lambda p: (p["subaccount"], p["ticker"])),
        "unrealised": text(sum(known, ZERO)),
        "unmarked": sum(p["unrealised"] is None for p in held),
    }


def position(world: World, held: Position, rule: str = "average") -> dict[str, Any]:
    """Return one open position; mark and unrealised are None when nobody bids.

    A market whose result is known, but not paid, is marked at what it will pay.
    """
    side, market, cost = (
        "yes" if held.held > 0 else "no",
        world.kalshi.markets[held.ticker],
        held.book(rule).cost,
    )
    mark = market.quote(world.clock()).bid_of(side)
    if market.settlement_value is not None:
        mark = market.settlement_value if side == "yes" else 1 - market.settlement_value
    return {
        "ticker": held.ticker,
        "subaccount": held.subaccount,
        "count": text(held.held),
        "cost": text(cost),
        "mark": None if mark is None else text(mark),
        "unrealised": None if mark is None else text(abs(held.held) * mark - cost),
    }


def markets(world: World, tickers: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return what each traded market has come to so far, by both lot rules, payout included.

    Without `tickers` all that were booked; markets of the crowd that have settled only by name.
    """
    account = world.kalshi
    with world.lock:
        world.advance()
        chosen = None if tickers is None else set(tickers)
        found = [p for p in account.positions.values() if chosen is None or p.ticker in chosen]
        if account.crowd is not None:
            numbers = (account.crowd.index(ticker) for ticker in sorted(chosen or ()))
            settled = (n for n in numbers if n is not None and n < account.crowd.settled)
            found += [account.crowd.position(number) for number in settled]
        return [market(p) for p in sorted(found, key=lambda p: (p.ticker, p.subaccount))]


def market(held: Position) -> dict[str, Any]:
    """Return one market in one subaccount; `settlement_fee` is what rounding the payout kept back."""
    books = {
        rule: {"realised": text(held.book(rule).realised), "exposure": text(held.book(rule).cost)}
        for rule in RULES
    }
    return {
        "ticker": held.ticker,
        "subaccount": held.subaccount,
        "exchange_index": held.exchange_index,
        "settled": held.settled,
        "count": text(held.held),
        "traded": text(held.paid["yes"] + held.paid["no"]),
        "closed_pairs": text(min(held.bought.values())),
        "fees": text(held.fees),
        "settlement_fee": text(held.settlement_fee),
        **books,
    }


def cash_flows(world: World) -> dict[str, str]:
    """Return what moved cash in all time and is no trade: signed, transfers within left out."""
    account = world.kalshi
    return {
        "deposits": text(sum((m.effect for m in account.movements if m.kind == "deposit"), ZERO)),
        "withdrawals": text(sum((m.effect for m in account.movements if m.kind == "withdrawal"), ZERO)),
        "margined": text(sum((t.effect for t in account.transfers), ZERO)),
        "credits": text(sum((c.amount for c in account.credits), ZERO)),
    }


def sales(world: World, begin: datetime, until: datetime) -> dict[str, Any]:
    """Return count, gross and fees of paid sales made in the window, and the refunds given in it."""
    gross = fees = refunds = Decimal(0)
    made = given = 0
    for sale in world.sales.sales.values():
        if sale.status != "paid":
            continue
        if begin <= sale.created_at < until:
            made += 1
            gross += sale.gross
            fees += sale.fee
        back = [refund.amount for refund in sale.refunds if begin <= refund.refunded_at < until]
        given += len(back)
        refunds += sum(back, Decimal(0))
    return {
        "orders": made,
        "refunds_given": given,
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
