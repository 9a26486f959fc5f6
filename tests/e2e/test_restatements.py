"""What sources say otherwise, from their lists to the log of restatements, stream, metrics and our log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from exporter.simulator import examples
from exporter.simulator.clock import SettableClock
from tests.e2e.conftest import Build, Simulate

pytestmark = pytest.mark.slow

CENT = Decimal("0.01")
DAY = date(2026, 11, 20)


def test_every_kind_of_record_that_is_said_otherwise_is_told_with_old_and_new(
    simulate: Simulate, pipeline: Build, said: Callable[[], str]
) -> None:
    """An amended fill, a settlement paid the other way, a corrected sale, a late one, a revised bill."""
    clock = SettableClock(examples.NOW)
    world = examples.company(clock)
    running = pipeline(simulate(world))
    running.collect()
    assert "restatements" not in running.current()
    clock.advance(timedelta(days=1))  # within which all is read again
    account, shop, book = world.kalshi, world.sales, world.anthropic
    account.amend("f-0002", fee=account.fills[-1].fee + CENT)
    account.resettle(examples.SETTLED_MARKET, "yes")
    sold = next(each for each in shop.sales.values() if each.status == "paid" and not each.refunds)
    was = sold.gross
    shop.change(sold.id, gross=was + 1)
    shop.sale("12.34", fee="0.66", at=clock() - timedelta(hours=30), id="late-1")
    shop.sale("5.00", id="new-1")
    first, *rest = book.bills[DAY][-1].lines or ()
    book.revise(DAY, [replace(first, amount=first.amount + 100), *rest])
    running.collect()

    answer = httpx.get(f"{running.stream_url}/api/pnl/restatements").json()
    found = {(each["kind"], each["key"]): each for each in answer["restatements"]}
    assert set(found) == {
        ("fill", "f-0002"),
        ("settlement", examples.SETTLED_MARKET),
        ("sale", sold.id),
        ("sale", "late-1"),
        ("billed_day", DAY.isoformat()),
    }
    assert _change(found["fill", "f-0002"]) == {"fee": CENT}
    assert _change(found["settlement", examples.SETTLED_MARKET])["payout"]
    assert _change(found["sale", sold.id]) == {"gross": Decimal(1)}
    assert _change(found["billed_day", DAY.isoformat()]) == {"amount": Decimal(1)}
    assert "before" not in found["sale", "late-1"]
    assert found["sale", "late-1"]["after"] == {"gross": "12.34", "fee": "0.66", "refunds": "0.00"}

    told = running.current()["restatements"]
    assert told["count"] == len(found)
    assert told["latest"][-1].items() <= answer["restatements"][0].items()
    counted = running.metrics().of("northstar_restatements_total")
    assert sum(counted.values()) == len(found)
    assert f"source=sales restated sale {sold.id} of" in said()
    assert f": gross {was} -> {was + 1}" in said()
    assert "source=sales late sale late-1 of 2026-11-22T06:00:00.000000Z: gross 12.34, fee 0.66" in said()
    assert "Decimal(" not in said()

    running.collect()
    assert running.current()["restatements"] == told, "each is told once"


def _change(entry: dict[str, Any]) -> dict[str, Decimal]:
    """Return by how much each amount changed."""
    off = {name: Decimal(usd) - Decimal(entry["before"][name]) for name, usd in entry["after"].items()}
    return {name: usd for name, usd in off.items() if usd}
