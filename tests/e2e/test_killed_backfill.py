"""A year of fills, read by the command itself, killed ten times on the way: the books end as the venue's."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.ledger.trading.reconciliation import FIGURES
from exporter.simulator import oracle
from exporter.simulator.kalshi import gate
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.stories import seeded
from tests.e2e.pipeline import Pipeline, until, usd
from tests.e2e.processes import Process, finish

FILLS = 20_000
KILLS = 10
SLOW = 0.1
"""Seconds that each answer takes while we kill: twenty pages would be over before the first blow."""

KEPT = timedelta(days=30)


def rows_read(database: Path) -> int:
    """Return how many rows of the past are on the disk, by the database's own word."""
    if not database.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            (rows,) = connection.execute("SELECT coalesce(sum(rows), 0) FROM history_parts").fetchone()
        except sqlite3.OperationalError:  # not there yet, or being made
            return 0
    return int(rows)


def test_backfill_killed_ten_times_ends_with_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every difference to the venue is exactly zero: position, exposure, realised, fees and cash."""
    monkeypatch.setattr(gate, "REFILL", 1e6)  # of the venue; the command asks it for its budget
    world = seeded(11, fills=FILLS, retention=KEPT)
    world.stories = []  # from here on nothing happens, so that there is one truth
    with serve_in_thread(world) as simulator:
        settings = simulator.environment() | {
            "DB_PATH": str(tmp_path / "northstar.sqlite3"),
            "NORTHSTAR_SOURCES": "kalshi",
        }
        _kill(simulator, tmp_path, settings)
        done = finish(tmp_path, settings, "backfill", "kalshi")
        assert done.code == 0, done.output
        assert "Traceback" not in done.output
        with Pipeline(simulator, tmp_path, NORTHSTAR_SOURCES="kalshi") as running:
            running.collect()
            _ties(running)
            _every_fill_once(running, settings["DB_PATH"])


def _kill(simulator: Simulator, folder: Path, settings: dict[str, str]) -> None:
    """Start the command ten times and end each with SIGKILL, at any moment after it has got on."""
    chance, database = random.Random(7), folder / "northstar.sqlite3"
    simulator.faults.set("kalshi", "latency", seconds=SLOW)
    places = []
    for _ in range(KILLS):
        before = rows_read(database)
        with Process(folder, settings, "backfill", "kalshi") as command:
            until(lambda before=before: rows_read(database) > before, what=command.output)  # type: ignore[misc]
            with contextlib.suppress(Exception):
                command.child.wait(chance.uniform(0, 2 * SLOW))
            assert command.running, f"it was done before it was killed: {command.output}"
            command.kill()
            assert "Traceback" not in command.output
        places.append(rows_read(database))
    simulator.faults.clear()
    assert places == sorted(set(places)), "a run lost what the one before had kept"


def _ties(running: Pipeline) -> None:
    tree, truth = running.latest, oracle.report(running.simulator.world)
    checks = tree["checks"]
    for figure in FIGURES:
        unit = "contracts" if figure == "position" else "usd"
        assert Decimal(checks[figure][unit]) == 0, checks
    assert Decimal(checks["cash"]["usd"]) == Decimal(truth["cash_flows"]["credits"]), checks
    assert usd(tree, "all", "trading_realised") == Decimal(truth["trading"]["realised"])
    assert usd(tree, "all", "trading_fees") == -Decimal(truth["trading"]["fees"])
    assert Decimal(tree["accounts"]["kalshi"]["cash"]) == Decimal(truth["cash"])
    held = {p["ticker"]: Decimal(p["cost"]) for p in truth["trading"]["positions"]}
    assert {name: Decimal(shown["cost"]) for name, shown in tree["positions"].items()} == held


def _every_fill_once(running: Pipeline, database: str) -> None:
    account = running.simulator.world.kalshi
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        (fills, names) = connection.execute(
            "SELECT count(*), count(DISTINCT key) FROM records WHERE kind = 'fill'"
        ).fetchone()
    assert fills == names == FILLS + len(account.fills)
