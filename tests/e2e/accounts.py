"""Accounts made up at random: any order of trades, settlements and cash, as the venue allows it.

An account is a plain list of steps, so that a failing one prints and shrinks. `play` takes the steps in
a simulated world and says when to look; what a step cannot do any more it leaves.

Several executions of one order share their microsecond, as they do at the venue, at prices of their own: the
best came first, which decides what a turn through zero costs, and their places in the list say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from exporter.simulator.clock import SettableClock
from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.archive import Archive
from exporter.simulator.kalshi.market import Series
from exporter.simulator.wire import places, rfc3339
from exporter.simulator.world import World

BEGIN = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
TICKERS = ("KXANY-{}-A", "KXANY-{}-T73.50", "KXHALF-{}-A", "KXMAKER-{}-A")
"""Where one has settled, the next of its kind is traded."""

SUBACCOUNTS = (0, 0, 0, 0, 0, 3, 63)
DAY = 86_400
STEP = Decimal("0.0001")
SERIES = (
    Series("KXANY"),
    Series("KXHALF", fee_multiplier=Decimal("0.5")),
    Series("KXMAKER", fee_type="quadratic_with_maker_fees"),
)


def scaled(low: int, high: int, places: int) -> SearchStrategy[Decimal]:
    """Return decimals with so many places."""
    return st.integers(low, high).map(lambda n: Decimal(n).scaleb(-places))


tickers = st.sampled_from((*[TICKERS[0]] * 3, *TICKERS))  # most of it in one market, so that lots meet
contracts = scaled(1, 12, 0) | scaled(1, 1500, 2)
prices = scaled(1, 99, 2) | scaled(1, 9999, 4)
fees = st.none() | st.integers(
    0, 20_000
)  # None: the rule decides; else so many steps of the balance above it
waits = st.sampled_from((1e-6, 0.4, 70, 4_000, 16 * DAY, 35 * DAY)) | st.floats(1e-3, 2 * DAY)

fills = st.fixed_dictionaries(
    {
        "do": st.just("fill"),
        "ticker": tickers,
        "side": st.sampled_from(("yes", "no")),
        "parts": st.lists(
            st.tuples(contracts, prices, fees), min_size=1, max_size=3
        ),  # of one order, at once
        "action": st.sampled_from(("buy", "sell")),
        "taker": st.booleans(),
        "subaccount": st.sampled_from(SUBACCOUNTS),
        "late": st.sampled_from((0, 0, 0, 1, 1800)),  # seconds until the list of fills shows it
    }
)
settlements = st.fixed_dictionaries(
    {
        "do": st.just("settle"),
        "ticker": tickers,
        "result": st.sampled_from(("yes", "no", "scalar", "void")),
        "value": scaled(0, 100, 2) | scaled(0, 10_000, 4),
        "known": st.booleans(),  # determined first, paid later
        "row": st.sampled_from(("usual", "usual", "usual", "zeros", "none")),
    }
)
cash = st.fixed_dictionaries(
    {
        "do": st.sampled_from(("deposit", "withdraw", "credit", "move", "shard", "margin")),
        "amount": scaled(1, 100_000, 2),
        "fee": st.sampled_from((Decimal(0), Decimal("0.50"))),
        "status": st.sampled_from(("applied", "applied", "pending", "failed")),
    }
)
changes = st.fixed_dictionaries(
    {"do": st.just("change"), "which": st.integers(0, 3), "status": st.sampled_from(("applied", "returned"))}
)
pauses = st.fixed_dictionaries({"do": st.sampled_from(("wait", "look")), "seconds": waits})

anything = st.sampled_from((*[fills] * 7, settlements, cash, changes, pauses, pauses)).flatmap(
    lambda kind: kind
)
restatements = st.fixed_dictionaries(
    {"do": st.sampled_from(("bust", "amend", "resettle")), "which": st.integers(0, 9)}
)
late_fills = st.builds(
    lambda fill, late: fill | {"late": late}, fills, st.sampled_from((0, 1, 7200, 2 * DAY))
)
plain_settlements = settlements.map(
    lambda step: step | {"row": "usual", "result": "no" if step["result"] == "void" else step["result"]}
)
late = st.sampled_from(
    (*[late_fills] * 6, plain_settlements, restatements, restatements, cash, pauses, pauses)
).flatmap(lambda kind: kind)
anything_late = st.lists(late, min_size=12, max_size=30)
"""Accounts whose past is not over: rows listed days late, amended, busted, settlements paid otherwise."""

steps = st.lists(anything, min_size=12, max_size=40)
"""Twelve at least: of fewer hypothesis would make most, and hardly anything in them would meet."""


@dataclass(frozen=True)
class Venue:
    """What a test may choose of the venue."""

    lot_rule: str = "average"
    fee_shown: bool = False
    retention: timedelta | None = None
    ignores_subaccount: bool = False


venues = st.builds(
    Venue,
    st.sampled_from(("average", "fifo")),
    st.booleans(),
    st.sampled_from((None, None, timedelta(days=20), timedelta(days=30))),
    st.booleans(),
)


def opened(venue: Venue) -> World:
    """Return a world with an empty account at this venue."""
    world = World(SettableClock(BEGIN))
    account = world.kalshi
    account.series |= {series.ticker: series for series in SERIES}
    account.lot_rule, account.settlement_fee_shown = venue.lot_rule, venue.fee_shown
    account.archive = Archive(
        venue.retention,
        overlap=timedelta(hours=1),
        step=timedelta(hours=1),
        ignores_subaccount=venue.ignores_subaccount,
    )
    return world


def play(world: World, made: list[dict[str, Any]], look: Callable[[], None]) -> None:
    """Take the steps one after the other; `look` is called wherever one says so."""
    looked = False
    for step in made:
        world.clock.advance(timedelta(microseconds=1))
        match step["do"]:
            case "fill":
                _fill(world, step)
            case "settle":
                _settle(world, step, may_be_silent=not looked)
            case "wait":
                world.clock.advance(step["seconds"])
            case "look":
                looked = True
                look()
            case "change":
                _change(world, step)
            case "bust" | "amend" | "resettle":
                _restate(world, step)
            case _:
                _move(world, step)


def _traded(account: Account, kind: str) -> str:
    """Return the market of a kind that is open."""
    names = (kind.format(number) for number in count(1))
    return next(name for name in names if account.market(name).status == "active")


def _fill(world: World, step: dict[str, Any]) -> None:
    account, now = world.kalshi, world.clock()
    ticker = _traded(account, step["ticker"])
    order = f"order-{len(account.fills)}"
    best_first = sorted(step["parts"], key=lambda part: part[1] if step["side"] == "yes" else -part[1])
    for contracts, price, above in best_first:
        cost = contracts * (price if step["side"] == "yes" else 1 - price)
        least = cost.quantize(STEP, ROUND_CEILING) - cost  # cost and fee together move the balance in steps
        account.fill(
            ticker,
            step["side"],
            contracts,
            price,
            fee=None if above is None else least + above * STEP,
            action=step["action"],
            is_taker=step["taker"],
            subaccount=step["subaccount"],
            order_id=order,
            listed=now + timedelta(seconds=step["late"]) if step["late"] else None,
        )


def _settle(world: World, step: dict[str, Any], *, may_be_silent: bool) -> None:
    account, result = world.kalshi, step["result"]
    ticker = _traded(account, step["ticker"])
    if result == "void" and (account.archive.retention or step["row"] == "zeros"):
        result = "no"  # what a void market has paid is in its row alone
    value = step["value"] if result == "scalar" else None
    if step["known"]:
        account.determine(ticker, result, value)
        world.clock.advance(1)
    if step["row"] == "zeros" and result in ("yes", "no") and (0, ticker) in account.unsettled:
        _settle_with_zeros(world, ticker, result)
        return
    # A row is missing when the venue has archived it, long after everybody could see the fills.
    late = any(f.ticker == ticker and f.listed and f.listed > world.clock() for f in account.fills)
    silent = step["row"] == "none" and may_be_silent and not late and result != "void"
    account.settle(ticker, result, value, row=not silent)


def _settle_with_zeros(world: World, ticker: str, result: str) -> None:
    """Pay a market whose row says nothing but zeros, as some rows of real accounts do."""
    account, now = world.kalshi, world.clock()
    account.settle(ticker, result, row=False)
    owners = sorted(owner for owner, name in account.positions if name == ticker)
    zeros = {
        f"{side}_{what}": places(Decimal(0), 2 if what == "count_fp" else 6)
        for side in ("yes", "no")
        for what in ("count_fp", "total_cost_dollars")
    }
    for owner in owners:
        row = {
            "ticker": ticker,
            "event_ticker": account.market(ticker).event_ticker,
            "exchange_index": 0,
            "market_result": result,
            "revenue": 0,
            "value": 100 if result == "yes" else 0,
            "fee_cost": "0.000000",
            "settled_time": rfc3339(now),
            **zeros,
        }
        account.settlement_row(row, subaccount=owner)


def _change(world: World, step: dict[str, Any]) -> None:
    movements = world.kalshi.movements
    if movements:
        account, chosen = world.kalshi, movements[step["which"] % len(movements)]
        account.change_movement(chosen.id, step["status"])


def _restate(world: World, step: dict[str, Any]) -> None:
    """Change what was listed before, of the last weeks: older rows nobody reads again by schedule."""
    account, since = world.kalshi, world.clock() - timedelta(days=20)
    recent = [fill for fill in account.fills if fill.time > since]
    settled = [row.ticker for row in account.settlements if row.time > since]
    which = step["which"]
    if step["do"] == "resettle":
        if settled:
            account.resettle(settled[which % len(settled)], "yes" if which % 2 else "no")
    elif recent:
        fill = recent[which % len(recent)]
        if step["do"] == "bust":
            account.bust(fill.fill_id)
        else:
            account.amend(fill.fill_id, fee=fill.fee + STEP)


def _move(world: World, step: dict[str, Any]) -> None:
    account, amount = world.kalshi, step["amount"]
    match step["do"]:
        case "credit":
            account.credit(amount)
        case "move":
            account.transfer(amount, subaccounts=(0, 3))
        case "shard":
            account.transfer(amount, shards=(0, 2))
        case "margin":
            account.margin(amount if step["status"] == "applied" else -amount)
        case kind:
            getattr(account, kind)(amount, fee=step["fee"], status=step["status"])
