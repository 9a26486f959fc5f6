"""The crowd: the same as if every fill had been booked, at a fraction of the room and the time."""

from __future__ import annotations

import json
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from exporter.simulator import examples, oracle
from exporter.simulator.clock import SettableClock
from exporter.simulator.kalshi import listing, rows
from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.crowd import LIFE, Crowd, half_even, micros, moment
from exporter.simulator.kalshi.listing import Wanted
from exporter.simulator.stories import seeded
from exporter.simulator.world import World
from tests.simulator.callers import Ask, Caller

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=30)


def crowded(fills: int = 2500, **options: Any) -> World:
    """Return a world with nothing in it but a crowd."""
    world = World(SettableClock(START + SPAN))
    world.kalshi.add_crowd(Crowd(fills, START, SPAN, **options))
    return world


def booked(crowd: Crowd) -> Account:
    """Return an account in which every fill and settlement of the crowd was booked one by one."""
    account = Account(SettableClock(START + SPAN))
    executed = [(crowd.time(n), 0, crowd.own_price(n), crowd.fill_id(n), n) for n in range(crowd.count)]
    happened = executed + [(crowd.settle_time(m), 1, 0, "", m) for m in range(crowd.settled)]
    for at, kind, _, _, number in sorted(happened):
        if kind:
            result, worth = crowd.result(number)
            account.settle(crowd.ticker(number), result, Decimal(worth).scaleb(-4), at=moment(at))
            continue
        fill = crowd.fill(number)
        account.fill(
            fill.ticker,
            fill.side,
            fill.count,
            fill.yes_price,
            at=fill.time,
            is_taker=fill.is_taker,
            action=fill.action,
            order_id=fill.order_id,
            fill_id=fill.fill_id,
            subaccount=fill.subaccount,
        )
    return account


@pytest.mark.parametrize(("fills", "subaccounts"), [(1, 1), (33, 1), (2500, 3)])
def test_crowd_equals_the_same_fills_booked_one_by_one(fills: int, subaccounts: int) -> None:
    """Every fee, position, settlement row and sum, by both rules, in any window."""
    crowd = crowded(fills, subaccounts=subaccounts).kalshi.crowd
    assert crowd is not None
    account = booked(crowd)
    assert {crowd.fill_id(n): crowd.fill(n).fee for n in range(crowd.count)} == {
        fill.fill_id: fill.fee for fill in account.fills
    }
    for index, row in enumerate(account.settlements):
        assert listing.crowd_settlement_row(crowd, index) == row.row
    for index in range(crowd.settled + crowd.lanes):
        position = crowd.position(index)
        position.held_fees = account.positions[position.subaccount, position.ticker].held_fees
        position.settlement_fee = account.positions[position.subaccount, position.ticker].settlement_fee
        assert position == account.positions[position.subaccount, position.ticker]
    for part in (0, 1, 7):
        begin, end = START + SPAN * part / 10, START + SPAN * (part + 3) / 10
        entries = [e for e in account.journal if begin <= e.time < end]
        sums = crowd.between(begin, end)
        assert sums.average == sum((e.amount for e in entries if e.kind == "realised"), Decimal(0))
        assert sums.fifo == sum((e.by("fifo") for e in entries if e.kind == "realised"), Decimal(0))
        assert sums.fees == sum((e.amount for e in entries if e.kind == "fee"), Decimal(0))
    earned = {number: amount for number, amount in enumerate(crowd.earned) if amount}
    assert earned == {number: int(cash * 1_000_000) for number, cash in account.cash.items() if cash}


def test_shares_are_rounded_half_to_even() -> None:
    """As the booked ones are."""
    assert [half_even(number, 2) for number in (3, 4, 5, 7)] == [2, 2, 2, 4]
    assert [half_even(number, 3) for number in (3, 4, 5)] == [1, 1, 2]


def test_rows_are_the_texts_that_booked_fills_have() -> None:
    """The quick way to write a row and the usual one agree, unknown fields included."""
    crowd = crowded().kalshi.crowd
    assert crowd is not None
    for number in range(0, crowd.count, 3):
        for extra in (False, True):
            text = listing.crowd_fill_json(crowd, number, crowd.market_of(number), extra)
            assert json.loads(text) == json.loads(rows.fill_json(crowd.fill(number), extra))
            assert text == rows.fill_json(crowd.fill(number), extra)


def test_crowd_has_what_makes_accounts_hard() -> None:
    """Fractions, sub-cent prices, ties within orders, crossings, scalars, flat and open markets."""
    crowd = crowded().kalshi.crowd
    assert crowd is not None
    fills = [crowd.fill(number) for number in range(crowd.count)]
    assert all(a.time <= b.time for a, b in pairwise(fills))
    tied = [(a, b) for a, b in pairwise(fills) if a.time == b.time]
    assert len(tied) > 500
    assert all(a.order_id == b.order_id and a.side == b.side for a, b in tied)
    assert len({fill.fill_id for fill in fills}) == crowd.count
    assert any(fill.count % 1 for fill in fills)
    assert any(fill.yes_price % Decimal("0.01") for fill in fills)
    assert {fill.is_taker for fill in fills} == {True, False}
    assert {crowd.result(m)[0] for m in range(crowd.settled)} == {"yes", "no", "scalar"}
    assert crowd.settled == (crowd.count - 1) // (LIFE * crowd.lanes) * crowd.lanes


def walk(caller: Caller, path: str, field: str, **query: Any) -> list[Any]:
    """Return all rows of a list."""
    return [row for page in caller.venue_pages(path, field, **query) for row in page]


def test_pages_merge_the_crowd_with_what_happens_now(ask: Ask) -> None:
    """Newest first over both, each row once, whatever the page size; the open markets trade on."""
    world = crowded()
    account = world.kalshi
    crowd = account.crowd
    assert crowd is not None
    held = next(iter(account.unsettled.values()))
    account.fill(held.ticker, "yes", "1.00", "0.50", fill_id="fill-new")
    early = account.fill("KXEARLY-1", "yes", "1.00", "0.50", at=START + SPAN / 2, fill_id="fill-early")
    caller = ask(world)
    found = walk(caller, "/portfolio/fills", "fills", limit=333)
    ids = [row["fill_id"] for row in found]
    assert ids[0] == "fill-new"
    assert len(ids) == len(set(ids)) == crowd.count + 2
    times = [row["ts"] for row in found]
    assert times == sorted(times, reverse=True)
    assert found[ids.index("fill-early") - 1]["ts"] >= int(early.time.timestamp())
    positions = caller.venue("/portfolio/positions", limit=1000).json()["market_positions"]
    assert len(positions) == crowd.lanes + 1
    account.settle(held.ticker, "yes")
    rows = walk(caller, "/portfolio/settlements", "settlements", limit=50)
    assert rows[0]["ticker"] == held.ticker
    assert len(rows) == crowd.settled + 1


def test_filters_reach_into_the_crowd(ask: Ask) -> None:
    """Ticker, order, time and subaccount; positions and markets by name, event and page."""
    world = crowded(subaccounts=2)
    crowd = world.kalshi.crowd
    assert crowd is not None
    caller, ticker = ask(world), crowd.ticker(5)
    mine = walk(caller, "/portfolio/fills", "fills", ticker=f"{ticker},KXNOBODY-1", limit=7)
    listed = sorted(crowd.numbers(5), key=lambda n: (crowd.time(n), crowd.fill_id(n)), reverse=True)
    assert [row["fill_id"] for row in mine] == [crowd.fill_id(n) for n in listed]
    order = next(
        crowd.order_id(n) for n in range(crowd.count) if n & 1 and crowd.time(n) == crowd.time(n - 1)
    )
    assert len(walk(caller, "/portfolio/fills", "fills", order_id=order)) == 2
    assert walk(caller, "/portfolio/fills", "fills", order_id="unknown") == []
    low, high = (int((START + SPAN * part).timestamp()) for part in (0.25, 0.5))
    some = walk(caller, "/portfolio/fills", "fills", min_ts=low, max_ts=high, limit=1000)
    assert len(some) == crowd.fills_before(micros(START + SPAN / 2) + 1) - crowd.fills_before(
        micros(START + SPAN / 4)
    )
    halves = [walk(caller, "/portfolio/fills", "fills", subaccount=n, limit=1000) for n in (0, 1)]
    assert [len(half) for half in halves] == [crowd.count // 2] * 2
    settled = [
        walk(
            caller,
            "/portfolio/positions",
            "market_positions",
            settlement_status="settled",
            subaccount=n,
            limit=9,
        )
        for n in (0, 1)
    ]
    assert sum(map(len, settled)) == crowd.settled
    row = caller.venue("/portfolio/settlements", ticker=ticker).json()["settlements"]
    assert [r["ticker"] for r in row] == [ticker]
    assert caller.venue(f"/markets/{ticker}").json()["market"]["status"] == "finalized"
    assert caller.venue("/markets", tickers=ticker).json()["markets"][0]["ticker"] == ticker
    for unknown in ("KXCROWD-G99999E0000-T0", "KXCROWD-G00000E0000-T9", "KXCROWD-1"):
        assert caller.venue(f"/markets/{unknown}").status_code == 404
    assert len(walk(caller, "/markets", "markets", status="settled", limit=50)) == crowd.settled


def test_oracle_knows_the_crowd_with_the_rest() -> None:
    """Cash, flows, realised, fees and cost fit, by both rules; a settled market is told by name."""
    world = seeded(2, SettableClock(START), days=3, fills=5000, span=timedelta(days=100))
    report = oracle.report(world)
    flows = sum(map(Decimal, report["cash_flows"].values()), Decimal(0))
    for rule in ("trading", "fifo"):
        trading = report[rule]
        cost = sum((Decimal(p["cost"]) for p in trading["positions"]), Decimal(0))
        assert (
            Decimal(report["cash"]) == flows + Decimal(trading["realised"]) - Decimal(trading["fees"]) - cost
        )
    crowd = world.kalshi.crowd
    assert crowd is not None
    (market,) = oracle.markets(world, [crowd.ticker(3)])
    assert (market["settled"], market["average"]) == (True, market["fifo"])
    assert world.kalshi.earned == Decimal(report["trading"]["realised"]) - Decimal(report["trading"]["fees"])


def test_crowd_is_the_same_for_the_same_arguments_only() -> None:
    """Everything follows from count, start, span and seed."""
    one, same, other = (Crowd(1000, START, SPAN, seed) for seed in (1, 1, 2))
    assert [one.fill_id(n) for n in range(1000)] == [same.fill_id(n) for n in range(1000)]
    assert one.earned == same.earned != other.earned
    with pytest.raises(ValueError, match="at least one fill"):
        Crowd(0, START, SPAN)
    world = crowded(10)
    with pytest.raises(ValueError, match="one crowd"):
        world.kalshi.add_crowd(one)


def test_many_fills_are_cheap() -> None:
    """A million may take 20 s and 400 MB, so a fiftieth 8 MB and a tenth 2 s; a page is 15 000 rows/s."""
    tracemalloc.start()
    Crowd(20_000, START, SPAN)
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert traced < 8_000_000
    began = time.process_time()
    world = crowded(100_000)
    assert time.process_time() - began < 2.0
    began = time.process_time()
    last = world.kalshi.crowd
    assert last is not None
    deep = Wanted(before=(last.time(15_000), ""))
    assert len(list(listing.fills(world.kalshi, deep))) == 15_000
    assert time.process_time() - began < 0.7


def test_examples_still_begin_without_a_crowd() -> None:
    """Only who asks for it has one."""
    assert examples.company().kalshi.crowd is None
