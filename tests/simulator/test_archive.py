"""The archive: cutoffs that move with the clock, and rows that go where they should, or nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.simulator import examples, oracle
from exporter.simulator.clock import DAY, SettableClock
from exporter.simulator.kalshi.archive import Archive
from exporter.simulator.stories import seeded
from exporter.simulator.world import World
from tests.simulator.callers import Ask, Caller

NOW = datetime(2026, 11, 22, 15, 4, 5, tzinfo=UTC)


def aging() -> World:
    """Return a world whose event A was settled today and B half; rows stay for ten days."""
    world = examples.frozen(NOW)
    account = world.kalshi
    for ticker in ("KXAGE-A-1", "KXAGE-A-2", "KXAGE-B-1", "KXAGE-B-2"):
        account.fill(ticker, "yes", "2.00", "0.40", fill_id=f"fill-{ticker}")
    for ticker in ("KXAGE-A-1", "KXAGE-A-2", "KXAGE-B-2"):
        account.settle(ticker, "yes")
    account.archive = Archive(timedelta(days=10))
    return world


def tickers(caller: Caller, path: str, field: str, **query: Any) -> list[str]:
    """Return the tickers of a list, all its pages."""
    return [row["ticker"] for page in caller.venue_pages(path, field, **query) for row in page]


def test_nothing_is_archived_without_a_retention(ask: Ask) -> None:
    """The cutoffs lie at the account's first moment, however much time goes by."""
    world = aging()
    world.kalshi.archive = Archive()
    world.clock.advance(DAY * 400)
    caller = ask(world)
    assert set(caller.venue("/historical/cutoff").json().values()) == {"2026-11-22T15:04:05Z"}
    assert len(tickers(caller, "/portfolio/fills", "fills")) == 4
    assert len(tickers(caller, "/portfolio/settlements", "settlements")) == 3
    for path, field in (
        ("/historical/fills", "fills"),
        ("/historical/positions", "market_positions"),
        ("/historical/markets", "markets"),
    ):
        assert tickers(caller, path, field) == []


def test_cutoffs_move_with_the_clock_in_whole_days(ask: Ask) -> None:
    """Retention of positions may differ; both are RFC 3339."""
    world = aging()
    world.kalshi.archive = Archive(timedelta(days=90), timedelta(days=30))
    caller = ask(world)
    assert caller.venue("/historical/cutoff").json() == {
        "market_settled_ts": "2026-08-24T00:00:00Z",
        "trades_created_ts": "2026-08-24T00:00:00Z",
        "orders_updated_ts": "2026-08-24T00:00:00Z",
        "market_positions_last_updated_ts": "2026-10-23T00:00:00Z",
    }
    world.clock.advance(DAY)
    assert caller.venue("/historical/cutoff").json()["trades_created_ts"] == "2026-08-25T00:00:00Z"


def test_fills_move_to_the_archive_by_their_own_time(ask: Ask) -> None:
    """Those of a market that is still open too; filters work there as well."""
    world = aging()
    caller = ask(world)
    world.clock.set(NOW + 10 * DAY)
    assert len(tickers(caller, "/portfolio/fills", "fills")) == 4
    world.clock.set(NOW + 11 * DAY)
    world.kalshi.fill("KXAGE-B-1", "no", "1.00", "0.50", subaccount=2)
    assert tickers(caller, "/portfolio/fills", "fills") == ["KXAGE-B-1"]
    assert len(tickers(caller, "/historical/fills", "fills", limit=3)) == 4
    assert tickers(caller, "/historical/fills", "fills", ticker="KXAGE-B-1") == ["KXAGE-B-1"]
    assert tickers(caller, "/historical/fills", "fills", subaccount=2) == []
    world.kalshi.archive = Archive(timedelta(days=10), ignores_subaccount=True)
    assert len(tickers(caller, "/historical/fills", "fills", subaccount=2)) == 4
    after = int((NOW + DAY).timestamp())
    assert tickers(caller, "/historical/fills", "fills", min_ts=after) == []


def test_settled_market_is_found_in_the_archive_only(ask: Ask) -> None:
    """404 where it was; the open one of its event stays."""
    world = aging()
    caller = ask(world)
    assert caller.venue("/historical/markets/KXAGE-A-1").status_code == 404
    world.clock.set(NOW + 11 * DAY)
    assert caller.venue("/markets/KXAGE-A-1").status_code == 404
    assert tickers(caller, "/markets", "markets", tickers="KXAGE-A-1,KXAGE-B-1") == ["KXAGE-B-1"]
    assert tickers(caller, "/markets", "markets") == ["KXAGE-B-1"]
    assert caller.venue("/historical/markets/KXAGE-A-1").json()["market"]["result"] == "yes"
    assert len(tickers(caller, "/historical/markets", "markets", limit=2)) == 3


def test_positions_go_as_whole_events_and_are_in_both_lists_for_a_while(ask: Ask) -> None:
    """Event A is handed over, then leaves; event B waits for its other market."""
    world = aging()
    caller = ask(world)

    def live() -> list[str]:
        return tickers(caller, "/portfolio/positions", "market_positions", settlement_status="all")

    def archived() -> list[str]:
        return tickers(caller, "/historical/positions", "market_positions")

    everything = ["KXAGE-A-1", "KXAGE-A-2", "KXAGE-B-1", "KXAGE-B-2"]
    assert (live(), archived()) == (everything, [])
    world.clock.set(NOW + 11 * DAY)
    assert (live(), archived()) == (everything, everything[:2])
    world.clock.set(NOW + 12 * DAY)
    assert (live(), archived()) == (everything[2:], everything[:2])
    world.kalshi.settle("KXAGE-B-1", "no")
    world.clock.set(NOW + 30 * DAY)
    assert (live(), archived()) == ([], everything)


def test_settlement_rows_disappear_with_their_positions(ask: Ask) -> None:
    """They have no second home, and the truth does not forget them."""
    world = aging()
    caller, before = ask(world), oracle.report(world)["trading"]
    world.clock.set(NOW + 11 * DAY)
    assert len(tickers(caller, "/portfolio/settlements", "settlements")) == 3
    world.clock.set(NOW + 12 * DAY)
    assert tickers(caller, "/portfolio/settlements", "settlements") == ["KXAGE-B-2"]
    assert oracle.report(world)["trading"] == before


@pytest.mark.parametrize("fills", [0, 3000])
def test_live_and_archive_together_are_complete(ask: Ask, fills: int) -> None:
    """Whatever is archived: each fill is in one of two lists, each settled position in one or both."""
    whole = seeded(3, SettableClock(NOW), days=20, fills=fills, span=timedelta(days=60))
    cut = seeded(
        3,
        SettableClock(NOW),
        days=20,
        fills=fills,
        span=timedelta(days=60),
        retention=timedelta(days=35 if fills else 9),
    )
    every, some = ask(whole, _generous()), ask(cut, _generous())

    def ids(caller: Caller, path: str) -> list[str]:
        return [f["fill_id"] for page in caller.venue_pages(path, "fills", limit=1000) for f in page]

    live, old = ids(some, "/portfolio/fills"), ids(some, "/historical/fills")
    assert min(len(live), len(old)) > 50
    assert live + old == ids(every, "/portfolio/fills")

    all_settled = {"settlement_status": "settled", "limit": 1000}
    here = tickers(some, "/portfolio/positions", "market_positions", **all_settled)
    there = tickers(some, "/historical/positions", "market_positions", limit=1000)
    assert set(here) & set(there), "the overlap of a day holds some"
    assert {*here, *there} == set(tickers(every, "/portfolio/positions", "market_positions", **all_settled))
    rows = tickers(some, "/portfolio/settlements", "settlements", limit=1000)
    assert set(here) <= set(rows)
    assert not set(rows) & (set(there) - set(here))
    found = tickers(some, "/markets", "markets", limit=1000)
    gone = tickers(some, "/historical/markets", "markets", limit=1000)
    assert sorted(found + gone) == tickers(every, "/markets", "markets", limit=1000)


def _generous() -> Any:
    """Return a pace that refills the bucket fully between any two requests."""
    now = [0.0]

    def pace() -> float:
        now[0] += 10
        return now[0]

    return pace
