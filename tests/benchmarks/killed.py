"""A backfill that is killed ten times on the way: it must end with no difference to the venue at all."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from exporter.store import Store
from tests.ports import held_port

from . import process
from .backfill import PATIENCE_SECONDS, simulated, up
from .table import Row, most, unmeasured
from .workshop import Workshop

HOW = """`northstar backfill kalshi` on such an account, ended with SIGKILL ten times, each time when a
further eleventh of the fills is on the disk and a random moment later, and started again. Then the exporter
runs until it has read the venue's present; the differences are those of its checks, over all open markets,
and the venue is the simulator, which computes its positions by arithmetic of its own."""

KILLS = 10
CHECKS = ("position", "exposure", "realised", "fees", "cash")
SETTLE_SECONDS = 300.0
"""For the exporter to rebuild its ledger of a million fills, and to read the present once."""


def measure(workshop: Workshop) -> list[Row]:
    """Return how long it took, and the largest difference that is left."""
    fills = workshop.scale.killed_records
    what = f"backfill killed {KILLS} times: {fills:,} fills"
    port = held_port()
    path = workshop.folder / "killed.sqlite3"
    url = f"http://{process.HOST}:{port}"
    environment = workshop.environment(path, url) | {"NORTHSTAR_SOURCES": "kalshi"}
    try:
        with (
            process.running(
                *simulated(port, fills, workshop.folder / "keys"), environment=environment
            ) as venue,
            httpx.Client(timeout=PATIENCE_SECONDS) as client,
        ):
            process.until(venue, lambda: up(client, url), PATIENCE_SECONDS)
            began = time.perf_counter()
            lost = _killed(environment, path, fills)
            seconds = time.perf_counter() - began
            off = _differences(environment, path)
    except process.TookTooLong as error:
        return [unmeasured(what, "0 USD", str(error))]
    with Store.read(path) as store:
        found = store.histories.found("kalshi")
    worst = max(off, key=lambda name: abs(off[name]))
    beside = f"the largest of {', '.join(CHECKS)} is {worst}; {found.fills:,} fills, each once"
    return [
        most(f"{what}, largest difference", float(abs(off[worst])), 0, "USD or contracts", beside),
        Row(f"{what}, from first to last", "", f"{seconds:.0f} s, {lost:,} rows lost"),
    ]


def _killed(environment: Mapping[str, str], path: Path, fills: int) -> int:
    """Kill the command ten times, let it end, and return the most rows that a kill has lost."""
    chance, lost = random.Random(7), 0
    for number in range(1, KILLS + 1):
        with process.running("backfill", "kalshi", environment=environment) as child:
            aim = number * fills // (KILLS + 1)
            process.until(child, lambda aim=aim: _rows(path) >= aim or None, PATIENCE_SECONDS)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.5))
            seen = _rows(path)
            child.kill()
            child.wait()
        lost = max(lost, seen - _rows(path))
    with process.running("backfill", "kalshi", environment=environment) as child:
        try:
            code = child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise process.TookTooLong(f"not done after {PATIENCE_SECONDS:.0f} s") from None
        if code:
            raise process.TookTooLong(f"ended with exit code {code}")
    return lost


def _rows(path: Path) -> int:
    """Return how many rows of the past are on the disk."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            (rows,) = connection.execute("SELECT coalesce(sum(rows), 0) FROM history_parts").fetchone()
        except sqlite3.OperationalError:  # being made just now
            return 0
    return int(rows)


def _differences(environment: Mapping[str, str], path: Path) -> dict[str, Decimal]:
    """Run the exporter until it has compared itself with the venue; return the differences by figure.

    The account trades on. A reading that a fill cuts in two differs for a moment, so the best of it counts.
    """
    with process.running("exporter", environment=environment) as child:
        return process.until(child, lambda: _compared(path), SETTLE_SECONDS)


def _compared(path: Path) -> dict[str, Decimal] | None:
    with Store.read(path) as store:
        tree = store.snapshots.latest()
    if tree is None or "history" in tree["sources"].get("kalshi", {}) or "cash" not in tree["checks"]:
        return None
    off = {name: _size(tree["checks"][name]) for name in CHECKS}
    return None if any(off.values()) and tree["sequence"] < PATIENT_SNAPSHOTS else off


PATIENT_SNAPSHOTS = 60
"""A minute of them: a difference that stays so long is no reading that was cut in two."""


def _size(check: Mapping[str, Any]) -> Decimal:
    return Decimal(check["contracts"] if "contracts" in check else check["usd"])
