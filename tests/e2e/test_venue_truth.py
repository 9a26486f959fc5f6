"""What the venue states against what we have: named, graded, asked for again, and healed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.trading.lots import LotRule
from exporter.simulator.clock import SettableClock
from exporter.simulator.world import World
from exporter.snapshot import plain_json
from tests.e2e.accounts import Venue, anything_late, opened, play
from tests.e2e.desk import Desk, Reading, no_budget
from tests.e2e.test_random_accounts import same, ties

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
D = Decimal
LATE_ACCOUNTS = int(os.environ.get("RANDOM_ACCOUNTS", "40"))


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


@pytest.fixture
def world() -> World:
    """A world at noon, with an account that has a little cash."""
    made = World(SettableClock(NOON))
    made.kalshi.deposit(100, NOON)
    return made


@pytest.fixture
def exporter(desk: Desk, world: World, tmp_path: Path) -> Iterator[Reading]:
    """An exporter that follows it."""
    reading = Reading(desk, world, tmp_path, "average")
    reading.run(reading.cycle.start())
    yield reading
    reading.run(reading.cycle.stop())


def told(exporter: Reading) -> dict[str, Any]:
    """Return the newest snapshot."""
    assert exporter.cycle.publisher.latest is not None
    return plain_json(exporter.cycle.publisher.latest)


def looked(exporter: Reading, times: int = CONFIRMING_READINGS) -> dict[str, Any]:
    """Read a few times, ten seconds apart, and return what is told then."""
    for _ in range(times):
        exporter.world.clock.advance(10)
        exporter.look()
    return told(exporter)


def grades(snapshot: dict[str, Any], window: str = "all") -> dict[str, str]:
    """Return the grades of the components of a window."""
    return {name: part["grade"] for name, part in snapshot["windows"][window]["components"].items()}


FINAL = dict.fromkeys(("trading_realised", "trading_unrealised_change", "trading_fees"), "final")


def held(world: World, **more: Any) -> None:
    """Hold ten YES at 0.40, quoted."""
    world.kalshi.fill("KXM-1", "yes", 10, "0.40", **more)
    world.kalshi.mark("KXM-1", "0.50", "0.52")


def test_a_market_that_the_venue_does_not_list_is_in_doubt_and_named(exporter: Reading, world: World) -> None:
    """Ten contracts and an empty list of positions: a difference of ten, until they are listed."""
    held(world)
    assert grades(looked(exporter)) == FINAL
    hidden = dict(world.kalshi.unsettled)
    world.kalshi.unsettled.clear()
    snapshot = looked(exporter)
    assert snapshot["checks"]["position"] == {
        "ok": False,
        "contracts": "10.00",
        "detail": "the largest difference is in KXM-1",
        "doubts": ["trading_unrealised_change"],
        "markets": {"KXM-1": "10.00"},
    }
    assert snapshot["checks"]["exposure"]["markets"] == {"KXM-1": "4.00"}
    assert snapshot["positions"]["KXM-1"]["grade"] == "partial"
    assert snapshot["unrealised"]["grade"] == "partial"
    figure = snapshot["windows"]["all"]["components"]["trading_unrealised_change"]
    assert [reason["code"] for reason in figure["because"]] == ["contradicted"] * len(figure["because"])
    world.kalshi.unsettled |= hidden
    healed = looked(exporter, 1)
    assert (grades(healed), healed["checks"]["position"]["ok"]) == (FINAL, True)
    assert healed["positions"]["KXM-1"]["grade"] == "final"


def test_a_fill_of_a_subaccount_that_no_list_has_is_in_doubt(exporter: Reading, world: World) -> None:
    """The list of subaccounts answers 404, while fills are of subaccount 3."""
    held(world, subaccount=3)
    world.kalshi.lists_subaccounts = False
    snapshot = looked(exporter)
    assert snapshot["checks"]["position"]["markets"] == {"KXM-1#3": "10.00"}
    assert grades(snapshot)["trading_realised"] == "partial"
    assert snapshot["positions"]["KXM-1#3"]["grade"] == "missing"  # only markets that it lists are quoted


def test_a_key_that_is_locked_to_a_subaccount_gets_its_own_figures(exporter: Reading, world: World) -> None:
    """Every other number is refused, and so is the list of them; its rows are of its own number."""
    world.kalshi.transfer("50.00", subaccounts=(0, 7))
    world.kalshi.fill("KXOTHER-1", "yes", 1, "0.40")
    world.kalshi.locked_to = 7
    held(world, subaccount=7)
    world.kalshi.fill("KXN-1", "no", 5, "0.41", subaccount=7)
    world.kalshi.settle("KXN-1", "no")
    snapshot = looked(exporter)
    assert "error" not in snapshot["sources"]["kalshi"]
    assert snapshot["positions"].keys() == {"KXM-1#7"}
    assert all(snapshot["checks"][name]["ok"] for name in ("position", "exposure", "realised", "fees"))
    assert snapshot["windows"]["all"]["components"]["trading_realised"]["usd"] == "2.05"


def test_cash_that_does_not_tie_leaves_what_began_before_in_doubt(exporter: Reading, world: World) -> None:
    """A window that begins after the difference was there for the first time does not rest on it."""
    held(world)
    looked(exporter)
    world.kalshi.credit("0.37")
    snapshot = looked(exporter)
    since = snapshot["checks"]["cash"]["since"]
    assert since == "2026-11-20T12:00:40.000000Z"
    assert set(grades(snapshot, "today").values()) == {"partial"}
    world.clock.advance(timedelta(days=1).total_seconds())
    later = looked(exporter)
    assert later["checks"]["cash"]["since"] == since
    assert grades(later, "today")["trading_realised"] == "final"
    assert grades(later, "7d")["trading_realised"] == "partial"


# The past is not over.


def late_sale(exporter: Reading, world: World) -> None:
    """Ten YES at noon; four are sold at 12:10, and the list of fills has it from 13:12 on."""
    held(world)
    looked(exporter)
    world.clock.set(NOON + timedelta(minutes=10))
    listed = NOON + timedelta(minutes=72)
    world.kalshi.fill("KXM-1", "no", 4, "0.70", listed=listed, action="sell")


def test_a_row_that_is_listed_after_the_overlap_is_asked_for_and_heals(
    exporter: Reading, world: World
) -> None:
    """The position knows it at once: named and in doubt until the list has it, and final again then."""
    late_sale(exporter, world)
    snapshot = looked(exporter)
    assert {name for name, check in snapshot["checks"].items() if not check["ok"]} == {
        "cash", "position", "exposure", "realised", "fees",
    }  # fmt: skip
    assert set(grades(snapshot).values()) == {"partial"}
    assert snapshot["positions"]["KXM-1"]["grade"] == "partial"
    world.clock.set(NOON + timedelta(minutes=73))
    healed = looked(exporter, 1)  # the reading begins at 12:10, so that its own overlap has it too
    assert (grades(healed), healed["positions"]["KXM-1"]["count"]) == (FINAL, "6.00")


def test_a_contradiction_asks_for_its_market_long_after_the_overlap(
    exporter: Reading, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads again by schedule here, and the row is older than any overlap when it is listed."""
    monkeypatch.setattr("exporter.collect.turns.due", lambda *_: None)
    late_sale(exporter, world)
    world.clock.set(NOON + timedelta(minutes=69))
    looked(exporter)
    world.clock.set(NOON + timedelta(hours=9))
    snapshot = looked(exporter)
    assert (grades(snapshot), snapshot["positions"]["KXM-1"]["count"]) == (FINAL, "6.00")
    assert snapshot["windows"]["all"]["components"]["trading_realised"]["usd"] == "1.20"
    assert all(check["ok"] for check in snapshot["checks"].values())


def test_the_schedule_finds_what_no_total_contradicts(exporter: Reading, world: World) -> None:
    """A settlement that changed under its old time: the market is no more among the positions."""
    held(world)
    world.kalshi.settle("KXM-1", "yes")
    assert looked(exporter)["windows"]["all"]["components"]["trading_realised"]["usd"] == "6.00"
    world.clock.set(NOON + timedelta(hours=30))
    looked(exporter)
    world.kalshi.resettle("KXM-1", "no")
    assert not looked(exporter)["checks"]["cash"]["ok"]
    world.clock.set(NOON + timedelta(hours=31))
    snapshot = looked(exporter)
    assert snapshot["windows"]["all"]["components"]["trading_realised"]["usd"] == "-4.00"
    assert (grades(snapshot), snapshot["checks"]["cash"]["ok"]) == (FINAL, True)


def test_a_fill_that_was_amended_is_restated(exporter: Reading, world: World) -> None:
    """Its fee was another: found by the contradiction, kept beside what it was."""
    held(world)
    looked(exporter)
    world.clock.set(NOON + timedelta(hours=5))
    (fill,) = world.kalshi.fills
    world.kalshi.amend(fill.fill_id, fee=fill.fee + D("0.01"))
    snapshot = looked(exporter)
    assert grades(snapshot) == FINAL
    revisions = exporter.store.records.revisions("kalshi", "fill", fill.fill_id)
    assert [record.fee - fill.fee for record in revisions] == [D(0), D("0.01")]


def test_a_trade_that_was_busted_is_taken_back(exporter: Reading, world: World) -> None:
    """No list has it any more, and the venue's row ties without it; it stays as a revision."""
    held(world)
    world.kalshi.fill("KXM-1", "yes", 3, "0.45")
    busted = max(world.kalshi.fills, key=lambda fill: fill.sequence)
    looked(exporter)
    world.clock.set(NOON + timedelta(hours=5))
    world.kalshi.bust(busted.fill_id)
    snapshot = looked(exporter)
    assert (grades(snapshot), snapshot["positions"]["KXM-1"]["count"]) == (FINAL, "10.00")
    was, now = exporter.store.records.revisions("kalshi", "fill", busted.fill_id)
    assert (was.voided, now.voided) == (False, True)
    (market,) = exporter.replayed("average").venues["kalshi"].portfolio.books.values()
    assert market.position == 10


def test_the_only_trade_of_a_market_may_be_busted(exporter: Reading, world: World) -> None:
    """What is left of it is nothing, after a restart too."""
    held(world)
    looked(exporter)
    world.clock.set(NOON + timedelta(hours=5))
    world.kalshi.bust(world.kalshi.fills[0].fill_id)
    snapshot = looked(exporter)
    assert (grades(snapshot), snapshot["positions"]) == (FINAL, {})
    assert not exporter.replayed("average").venues["kalshi"].portfolio.books


def test_a_busted_trade_of_a_settled_market_is_found_by_the_schedule(exporter: Reading, world: World) -> None:
    """Its row of the settlement counts without it."""
    held(world)
    world.kalshi.fill("KXM-1", "yes", 3, "0.45")
    busted = max(world.kalshi.fills, key=lambda fill: fill.sequence)
    world.kalshi.settle("KXM-1", "yes")
    looked(exporter)
    world.clock.set(NOON + timedelta(hours=5))
    world.kalshi.fill("KXOTHER-1", "yes", 1, "0.45", at=NOON - timedelta(hours=1))
    world.kalshi.mark("KXOTHER-1", "0.50", "0.52")
    world.kalshi.bust(busted.fill_id)
    snapshot = looked(exporter, 6)
    assert snapshot["windows"]["all"]["components"]["trading_realised"]["usd"] == "6.00"
    assert grades(snapshot) == FINAL


@settings(
    max_examples=LATE_ACCOUNTS,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(made=anything_late, rule=st.sampled_from(("average", "fifo")))
def test_whatever_comes_late_or_is_taken_back_the_books_end_as_the_venues(
    desk: Desk, made: list[dict[str, Any]], rule: LotRule
) -> None:
    """Rows listed days later, fills amended, trades busted, results paid otherwise; read at any moment."""
    world = opened(Venue(rule))
    with tempfile.TemporaryDirectory(dir=desk.folder) as folder:
        reading = Reading(desk, world, Path(folder), rule)
        reading.run(reading.cycle.start())
        try:
            play(world, made, reading.look)
            for _ in range(4):
                world.clock.advance(timedelta(hours=25).total_seconds())
                looked(reading, CONFIRMING_READINGS + 2)
            kept = reading.cycle.books.ledger
            for ledger in (kept, reading.replayed(rule)):
                same(ledger, world)
            ties(kept, world)
            doubted = {doubt.reason.code for doubt in kept.venues["kalshi"].doubts()}
            assert not doubted or world.kalshi.credits
        finally:
            reading.run(reading.cycle.stop())
