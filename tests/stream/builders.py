"""Small snapshots, and a store filled with them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.money import plain
from exporter.snapshot import COMPONENTS, WINDOWS, from_json
from exporter.store import Store
from exporter.times import stamp

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def figure(
    usd: str | Decimal | None, grade: str = "final", at: datetime = START, *because: str
) -> dict[str, Any]:
    """Return a figure; None is a missing one, which has no `usd`."""
    shown: dict[str, Any] = {"grade": "missing" if usd is None else grade}
    if usd is not None:
        shown["usd"] = plain(Decimal(usd))
        shown["as_of"] = stamp(at)
    if because:
        shown["because"] = [reason(text) for text in because]
    return shown


def reason(text: str) -> dict[str, str]:
    """Return a reason from `source: text`."""
    source, _, said = text.partition(": ")
    return {"source": source, "code": said.partition(" for ")[0].replace(" ", "_"), "text": said}


def window(at: datetime, parts: Mapping[str, str], grade: str = "final", *because: str) -> dict[str, Any]:
    """Return a window whose components are `parts`, the rest zero."""
    amounts = {name: Decimal(parts.get(name, "0")) for name in COMPONENTS}
    return {
        "from": stamp(at.replace(hour=0, minute=0, second=0)),
        "to": stamp(at),
        "net": figure(sum(amounts.values(), Decimal(0)), grade, at, *because),
        "components": {name: figure(amount, grade, at) for name, amount in amounts.items()},
    }


def tree(
    epoch: str,
    sequence: int,
    at: datetime = START,
    *,
    parts: Mapping[str, str] | None = None,
    missing: str | None = None,
    positions: Mapping[str, Mapping[str, Any]] | None = None,
    limits: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a snapshot; `missing` names a source without which today has no net."""
    windows = {name: window(at, parts or {"sales_gross": str(sequence)}) for name in WINDOWS}
    if missing is not None:
        windows["today"]["net"] = figure(None, "missing", at, f"{missing}: answered 403")
    return {
        "epoch": epoch,
        "sequence": sequence,
        "as_of": stamp(at),
        "currency": "USD",
        "timezone": "UTC",
        "mark_rule": "bid",
        "lot_rule": "average",
        "windows": windows,
        "positions": dict(positions or {}),
        "unrealised": figure("1.5", "final", at),
        "sources": {
            "kalshi": {
                "title": "Kalshi",
                "kind": "venue",
                "grade": "final",
                "as_of": stamp(at),
                "last_success": stamp(at),
            }
        },
        "checks": {"components_sum_to_net": {"ok": True, "usd": "0.00"}},
        **({"limits": dict(limits)} if limits else {}),
    }


class Writer:
    """The exporter's part: appends snapshots to a store of its own."""

    def __init__(self, path: Path, start: datetime = START, seed: int = 1) -> None:
        self.path = path
        self.store = Store.write(path)
        self.epoch = self.store.snapshots.epoch
        self.sequence = self.store.snapshots.last_sequence()
        self.at = start
        self.random = random.Random(seed)
        self.markets: dict[str, dict[str, Any]] = {}

    def commit(
        self, count: int = 1, *, after: timedelta = timedelta(seconds=1), **changes: Any
    ) -> dict[str, Any]:
        """Append `count` snapshots one second apart and return the last; positions come, move and go."""
        last: dict[str, Any] = {}
        for _ in range(count):
            self.sequence += 1
            self.at += after
            self._trade()
            stated = tree(self.epoch, self.sequence, self.at, **{"positions": dict(self.markets), **changes})
            self.store.snapshots.append(from_json(stated))
            last = stated
        return last

    def close(self) -> None:
        self.store.close()

    def _trade(self) -> None:
        market = f"MARKET-{self.random.randrange(6)}"
        if market in self.markets and self.random.random() < 0.4:
            del self.markets[market]
        else:
            self.markets[market] = {
                "source": "kalshi",
                "side": self.random.choice(["yes", "no"]),
                "count": str(self.random.randrange(1, 100)),
                "cost": plain(Decimal(self.random.randrange(10_000)) / 100),
                "grade": "final",
            }
