"""What the venue states against what we have: named, graded, asked for again, and healed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.simulator.clock import SettableClock
from exporter.simulator.world import World
from exporter.snapshot import plain_json
from tests.e2e.desk import Desk, Reading, no_budget

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
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
