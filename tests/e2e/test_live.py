"""The live feed between the simulator's socket and the figures, with nothing else asking for readings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporter.simulator import oracle
from exporter.simulator.examples import OPEN_MARKET, reference_account
from exporter.simulator.server import Simulator
from exporter.snapshot import plain_json
from exporter.sources.kalshi import feed
from exporter.sources.registry import read_settings
from exporter.wiring import build_cycle, build_followers
from tests.e2e.conftest import Simulate
from tests.e2e.pipeline import PATIENCE

OTHER = "KXSAMPLE-26DEC01-T11"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost connection is tried again at once."""
    quick = replace(feed.Timeouts(), first_wait=0.01, longest_wait=0.05)
    monkeypatch.setattr(feed, "Timeouts", lambda: quick)


class Company:
    """An exporter that reads once, and then only when its feed asks."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        environ = simulator.environment(ed25519=True) | {
            "NORTHSTAR_SOURCES": "kalshi",
            "DB_PATH": str(folder / "northstar.sqlite3"),
        }
        settings = read_settings(environ)
        self.simulator, self.registry = simulator, CollectorRegistry()
        clock = simulator.world.clock
        self.cycle, health = build_cycle(settings, self.registry, clock)
        (self.source,) = self.cycle.sources
        (follower,) = build_followers(settings, self.cycle, health, clock)
        follower._readings._seconds = 0.01
        self.follower = follower

    @property
    def tree(self) -> Any:
        assert self.cycle.publisher.latest is not None
        return plain_json(self.cycle.publisher.latest)

    @property
    def account(self) -> Any:
        return self.simulator.world.kalshi

    def position(self, ticker: str = OPEN_MARKET) -> Any:
        return self.tree["positions"].get(ticker, {})

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"northstar_live_{name}", {"source": "kalshi"} | labels) or 0.0

    def buy(self, count: str, ticker: str = OPEN_MARKET) -> None:
        """Execute at the venue."""
        with self.simulator.world.lock:
            self.account.fill(ticker, "yes", count, "0.50")

    def quote(self, bid: str, ticker: str = OPEN_MARKET) -> None:
        """Move a quote at the venue."""
        with self.simulator.world.lock:
            self.account.mark(ticker, bid, "0.9500")


@asynccontextmanager
async def company(simulate: Simulate, folder: Path) -> AsyncIterator[Company]:
    """Run an exporter on the reference account while the block runs."""
    made = Company(simulate(reference_account()), folder)
    await made.cycle.start()
    await made.cycle.turns.collect(made.source)
    task = asyncio.create_task(made.follower.run())
    try:
        await until(lambda: made.tree["sources"]["kalshi"].get("live") == "live")
        yield made
    finally:
        task.cancel()
        await asyncio.wait({task})
        await made.cycle.stop()


async def until(true: Callable[[], Any]) -> None:
    """Wait until something holds; fail after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what is waited for happens on other threads
            await asyncio.sleep(0.002)


Story = Callable[[Company], Awaitable[None]]


def played(story: Story, simulate: Simulate, folder: Path) -> None:
    """Run one story to its end."""

    async def told() -> None:
        async with company(simulate, folder) as made:
            await story(made)

    asyncio.run(told())


def test_what_happens_at_the_venue_is_seen_without_a_schedule(simulate: Simulate, tmp_path: Path) -> None:
    """A quote, a fill, a new market with its own quotes, and a settlement."""

    async def story(company: Company) -> None:
        company.quote("0.6100")
        await until(lambda: company.position().get("mark") == "0.61")
        company.buy("4.00")
        await until(lambda: company.position().get("count") == "10.00")
        company.quote("0.3000", OTHER)
        company.buy("2.00", OTHER)
        await until(lambda: company.position(OTHER).get("count") == "2.00")
        company.quote("0.3300", OTHER)
        await until(lambda: company.position(OTHER).get("mark") == "0.33")
        with company.simulator.world.lock:
            company.account.settle(OTHER, "yes")
        await until(lambda: not company.position(OTHER))
        assert company.tree["checks"]["cash"]["ok"]

    played(story, simulate, tmp_path)


FAULTS: dict[str, dict[str, Any]] = {
    "ws_duplicate": {},
    "ws_reorder": {},
    "ws_lose": {"value": 2},
    "ws_garbage": {"value": 2},
    "ws_garbage-fills": {"endpoint": "fill", "field": "msg.trade_id", "value": "renamed"},
    "ws_garbage-quotes": {"endpoint": "ticker", "field": "msg.yes_bid_dollars", "operation": "retype"},
    "ws_drop": {"count": 3},
    "ws_overflow": {"count": 3},
    "ws_silent": {},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_the_socket_leaves_a_wrong_figure(fault: str, simulate: Simulate, tmp_path: Path) -> None:
    """Whatever it does to the frames, after the next reading the figures are the venue's own."""

    async def story(company: Company) -> None:
        company.simulator.faults.set("kalshi", fault.partition("-")[0], **FAULTS[fault])
        for number in range(20):
            company.buy("1.00")
            company.quote(f"0.{6000 + number}")
            await asyncio.sleep(0.01)
        company.simulator.faults.clear("kalshi")
        await company.cycle.turns.collect(company.source)
        await until(lambda: company.position().get("count") == "26.00")
        await until(lambda: company.position().get("mark") == "0.6019")
        with company.simulator.world.lock:
            truth = oracle.report(company.simulator.world)["trading"]
        stated = company.tree["windows"]["all"]["components"]
        assert Decimal(stated["trading_realised"]["usd"]) == Decimal(truth["realised"])
        assert -Decimal(stated["trading_fees"]["usd"]) == Decimal(truth["fees"])
        assert company.tree["checks"]["cash"]["ok"]

    played(story, simulate, tmp_path)


def test_a_dropped_connection_is_followed_by_a_reading(simulate: Simulate, tmp_path: Path) -> None:
    """What was traded while nobody listened is found without waiting for the schedule."""

    async def story(company: Company) -> None:
        company.simulator.faults.set("kalshi", "ws_lose")
        company.buy("4.00")
        company.simulator.faults.set("kalshi", "ws_drop", count=1)
        await until(lambda: company.counted("reconnects_total", reason="closed"))
        company.simulator.faults.clear("kalshi")
        await until(lambda: company.position().get("count") == "10.00")
        await until(lambda: company.tree["sources"]["kalshi"]["live"] == "live")

    played(story, simulate, tmp_path)


def test_ended_subscriptions_are_opened_again_on_the_same_connection(
    simulate: Simulate, tmp_path: Path
) -> None:
    """A buffer overflow costs a reading, not the connection."""

    async def story(company: Company) -> None:
        company.simulator.faults.set("kalshi", "ws_overflow", count=1)
        await until(lambda: company.counted("dropped_total", reason="error_25"))
        company.quote("0.6100")
        company.buy("4.00")
        await until(lambda: company.position().get("count") == "10.00")
        company.quote("0.6200")
        await until(lambda: company.position().get("mark") == "0.62")
        assert company.registry.get_sample_value("northstar_live_reconnects_total") is None

    played(story, simulate, tmp_path)
