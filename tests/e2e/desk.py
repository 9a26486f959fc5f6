"""What accounts of the simulated venue share that an exporter's own cycle reads: keys, a loop, a database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from prometheus_client import CollectorRegistry

from exporter.collect.cycle import Cycle
from exporter.ledger import Ledger
from exporter.ledger.trading.lots import LotRule
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.records import Change
from exporter.simulator import keys
from exporter.simulator.app import create_app
from exporter.simulator.faults import Faults
from exporter.simulator.kalshi import gate
from exporter.simulator.world import World
from exporter.sources.kalshi.account import Kalshi
from exporter.sources.kalshi.limits import TokenBucket
from exporter.store import Store
from tests.builders import SOURCES, infos

UTC = ZoneInfo("UTC")


async def _at_once(_: TokenBucket, _method: str, _path: str) -> None:
    """Let a request pass."""


@contextmanager
def no_budget() -> Iterator[None]:
    """Take every rate limit out of the way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "REFILL", 1e12)
        patch.setattr(gate, "CAPACITY", 1e12)
        patch.setattr(TokenBucket, "spend", _at_once)
        yield


class Desk:
    """What all accounts share: an event loop, the keys, and an empty database to copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runner = asyncio.Runner()
        self.keys = keys.make_keys(folder)
        self.pem = (folder / keys.ED25519_FILE).read_text()
        self.empty = folder / "empty.sqlite3"
        Store.write(self.empty).close()


class Reading:
    """One account with an exporter that follows it."""

    def __init__(self, desk: Desk, world: World, folder: Path, rule: LotRule) -> None:
        database = folder / "account.sqlite3"
        shutil.copyfile(desk.empty, database)
        self.world, self.run = world, desk.runner.run
        app = create_app(world, Faults(), desk.keys)
        self.source = Kalshi(
            keys.ED25519_KEY_ID,
            desk.pem,
            clock=world.clock,
            base_url="http://venue/trade-api/v2",
            transport=httpx.ASGITransport(app),
        )
        self.store = Store.write(database)
        ledger = partial(Ledger, UTC, infos("kalshi"), "bid", rule)
        metrics = ExporterMetrics(CollectorRegistry())
        self.cycle = Cycle(self.store, ledger, [self.source], metrics, world.clock)

    def look(self) -> None:
        """Read the venue once."""
        self.run(self.cycle.turns.collect(self.source))

    def caught_up(self) -> bool:
        """Read once more and tell whether that went well: on a busy machine a reading may time out."""
        self.look()
        assert self.cycle.publisher.latest is not None
        return self.cycle.publisher.latest.sources["kalshi"].error is None

    def replayed(self, rule: LotRule) -> Ledger:
        """Return an empty ledger's view of all records, as a start makes it."""
        ledger = Ledger(UTC, SOURCES, "bid", rule)
        assert ledger.apply(Change(None, record) for record in self.store.records.replay(ledger.books)) == []
        return ledger
