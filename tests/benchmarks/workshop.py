"""The place one run works in: a folder that is thrown away, and the ledgers that take long to build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from exporter.ledger import Ledger, state
from exporter.simulator import keys
from exporter.snapshot import Cursor, Snapshot
from tests.ports import held_port

from . import books
from .scale import Scale

NOWHERE = "http://127.0.0.1:9"
"""Upstreams that refuse every connection: the exporter runs on what it has."""


@dataclass
class Workshop:
    """`folder` holds the databases; `scale` says how large they are."""

    folder: Path
    scale: Scale
    _ledgers: dict[books.Size, Ledger] = field(default_factory=dict)

    def ledger(self, records: int, positions: int) -> Ledger:
        """Return a ledger of that size, built once; whoever books into it shares it."""
        size = books.Size(records, positions)
        if size not in self._ledgers:
            self._ledgers[size] = books.ledger(size)
        return self._ledgers[size]

    def release(self) -> None:
        """Let go of the ledgers, so that they weigh on nothing measured later."""
        self._ledgers.clear()

    def environment(self, database: Path, upstream: str = NOWHERE) -> dict[str, str]:
        """Return settings of an exporter and a sidecar on free ports of the loopback."""
        return {
            **keys.environment(upstream, self.folder / "keys"),
            "DB_PATH": str(database),
            "PORT": str(held_port()),
            "NORTHSTAR_METRICS_PORT": str(held_port()),
            "NORTHSTAR_AGGREGATION_INTERVAL_MS": "1000",
        }


def frozen(ledger: Ledger, epoch: str, sequence: int, now: datetime = books.NOW) -> Snapshot:
    """Return the snapshot of a ledger; all sources have just answered."""
    return state(ledger, now=now, cursor=Cursor(epoch, sequence), sources=books.sources(now), openings={})


def moving(
    ledger: Ledger, epoch: str, count: int, every: timedelta = timedelta(seconds=10)
) -> Iterator[Snapshot]:
    """Yield snapshots, made as they are asked for; all markets are quoted, one price moves each time."""
    for number in range(1, count + 1):
        now = books.NOW + every * number
        ledger.observe(books.observed(ledger, now, number))
        yield frozen(ledger, epoch, number, now)
