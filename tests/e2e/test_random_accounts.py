"""Thousands of accounts made up at random: our books are the venue's own, to the last digit.

Each account is read over HTTP by the exporter's own cycle, with its store, its past and its ledger, as
often as its steps say, and is compared with what the simulated venue has computed for itself.

    RANDOM_ACCOUNTS=5000 .venv/bin/python -m pytest -n0 tests/e2e/test_random_accounts.py
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, event, given, settings

from exporter.ledger import Ledger
from exporter.ledger.journal import VENUE_CASH
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.positions import Book
from exporter.ledger.trading.reconciliation import FIGURES
from exporter.records import book_key
from exporter.simulator import oracle
from exporter.simulator.world import World
from tests.e2e.accounts import Venue, opened, play, steps, venues
from tests.e2e.desk import Desk, Reading, no_budget
from tests.e2e.pipeline import until

ACCOUNTS = int(os.environ.get("RANDOM_ACCOUNTS", "150"))
UTC = ZoneInfo("UTC")
D = Decimal


@pytest.fixture(scope="module", autouse=True)
def unlimited() -> Iterator[None]:
    """Nobody's rate limit is in the way."""
    with no_budget():
        yield


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("accounts"))
    yield made
    made.runner.close()


@settings(
    max_examples=ACCOUNTS,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(made=steps, venue=venues)
def test_random_account_is_the_venues_own(desk: Desk, made: list[dict[str, Any]], venue: Venue) -> None:
    """Positions, realised by average cost and first in first out, fees, exposure and cash."""
    live(desk, made, venue)


def live(desk: Desk, made: list[dict[str, Any]], venue: Venue) -> None:
    """Let an account live, read it on the way and at the end, and compare."""
    world = opened(venue)
    rule: LotRule = "fifo" if venue.lot_rule == "fifo" else "average"
    with tempfile.TemporaryDirectory(dir=desk.folder) as folder:
        reading = Reading(desk, world, Path(folder), rule)
        reading.run(reading.cycle.start())
        try:
            play(world, made, reading.look)
            world.clock.advance(3600)  # the venue's lists have caught up by then
            until(reading.caught_up)
            kept = reading.cycle.books.ledger
            for ledger in (kept, reading.replayed("average"), reading.replayed("fifo")):
                same(ledger, world)
            ties(kept, world)
            note(world)
        finally:
            reading.run(reading.cycle.stop())


def same(ledger: Ledger, world: World) -> None:
    """Compare every market and every sum with the venue's own, to the last digit."""
    venue = ledger.venues["kalshi"]
    rule, books = venue.portfolio.lots, venue.portfolio.books
    shown = world.kalshi.settlement_fee_shown
    for truth in oracle.markets(world):
        scope = book_key(truth["subaccount"], truth["ticker"])
        book = books.get(scope, Book(scope, truth["ticker"]))  # of a trade that was taken back there is none
        assert book.position == D(truth["count"]), scope
        assert book.cost == D(truth[rule]["exposure"]), (scope, rule)
        assert book.realised - book.fees == D(truth[rule]["realised"]) - D(truth["fees"]), (scope, rule)
        if not shown:  # else a fraction of a cent is called a fee there and a smaller payout here
            assert (book.realised, book.fees) == (D(truth[rule]["realised"]), D(truth["fees"])), (scope, rule)
    report = oracle.report(world)
    trading = report["fifo" if rule == "fifo" else "trading"]
    realised = venue.journal.contribution("trading_realised", "all", None)
    fees = -venue.journal.contribution("trading_fees", "all", None)
    assert realised - fees == D(trading["realised"]) - D(trading["fees"])
    if not shown:
        assert (realised, fees) == (D(trading["realised"]), D(trading["fees"]))
    assert venue.portfolio.exposure == sum((D(p["cost"]) for p in trading["positions"]), D(0))
    unexplained = D(report["cash_flows"]["credits"])
    assert venue.journal.balances.get(VENUE_CASH, D(0)) == D(report["cash"]) - unexplained
    ledger.prove()


def ties(ledger: Ledger, world: World) -> None:
    """The venue's own statement agrees in every figure; its cash differs by what no list explains."""
    venue = ledger.venues["kalshi"]
    for figure in FIGURES:
        assert venue.portfolio.reconciliation.worst(figure).size == 0, figure
    stated = sum((balance.cash for balance in venue.cash.values()), D(0))
    report = oracle.report(world)
    assert stated == D(report["cash"])
    assert venue.cash_difference() == D(report["cash_flows"]["credits"])
    differ, ours, _ = venue.portfolio.reconciliation.lot_rules()
    assert ours == differ


def note(world: World) -> None:
    """Tell hypothesis what the account had, for its statistics."""
    account = world.kalshi
    event(f"fills {'none' if not account.fills else 'some' if len(account.fills) < 10 else 'many'}")
    for market in account.markets.values():
        event(f"result {market.result or 'open'}")
    if account.archive.retention and any(fill.time < account.cutoffs().trades for fill in account.fills):
        event("archived fills")
