"""A backfill: the whole past of a large account, from the venue to the disk."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from exporter.store import Store
from tests.ports import held_port

from . import process
from .table import Row, most, unmeasured
from .workshop import Workshop

HOW = """`northstar backfill kalshi` as a new process on an empty database, against a simulator process whose
account has that many fills over a year, of which the live lists hold the last month; the settlement rows of
all other markets are gone and are rebuilt. The venue's request budget is that of the smallest tier, a quarter
of it left alone: this alone makes 67 seconds of a million fills. Timed is the process from start to end."""

BUDGET_SECONDS = 120.0
PATIENCE_SECONDS = 600.0
RETENTION_DAYS = 30


def measure(workshop: Workshop) -> list[Row]:
    """Return how long the past of an account takes, and what it weighs."""
    fills = workshop.scale.records
    what = f"backfill: {fills:,} fills"
    port = held_port()
    url = f"http://{process.HOST}:{port}"
    path = workshop.folder / "backfill.sqlite3"
    environment = workshop.environment(path, url)  # this makes the keys that the venue then finds
    arguments = simulated(port, fills, workshop.folder / "keys")
    try:
        with process.running(*arguments, environment=environment) as venue, httpx.Client() as client:
            process.until(venue, lambda: up(client, url), PATIENCE_SECONDS)
            seconds, peak = _backfilled(environment)
        with Store.read(path) as store:
            found = store.histories.found("kalshi")
    except process.TookTooLong as error:
        return [unmeasured(what, f"{BUDGET_SECONDS:g} s", str(error))]
    beside = f"{found.fills / seconds:,.0f} a second, {found.rebuilt:,} settlements rebuilt"
    return [
        most(what, seconds, BUDGET_SECONDS, "s", beside),
        Row("backfill: memory at its highest", "", f"{peak / 1e6:.0f} MB"),
        Row("backfill: size of the database", "", f"{path.stat().st_size / 1e6:.0f} MB"),
    ]


def _backfilled(environment: Mapping[str, str]) -> tuple[float, int]:
    """Run the command to its end; return its seconds and the most memory it held."""
    began, peak = time.perf_counter(), 0
    end = datetime.now(UTC) + timedelta(seconds=PATIENCE_SECONDS)
    with process.running("backfill", "kalshi", environment=environment) as child:
        while child.poll() is None:
            if datetime.now(UTC) > end:
                raise process.TookTooLong(f"not done after {PATIENCE_SECONDS:.0f} s")
            status = Path(f"/proc/{child.pid}/status")
            if status.exists() and "VmHWM" in status.read_text():
                peak = max(peak, process.resident_bytes(child.pid)[1])
            time.sleep(process.POLL_SECONDS * 5)
        seconds = time.perf_counter() - began
        if child.returncode:
            raise process.TookTooLong(f"ended with exit code {child.returncode}")
    return seconds, peak


def simulated(port: int, fills: int, folder: Path) -> tuple[str, ...]:
    """Return the command of a venue with so many fills, most of them archived."""
    long = ("--fills", str(fills), "--retention", str(RETENTION_DAYS))
    return ("simulator", "--port", str(port), "--folder", str(folder), *long)


def up(client: httpx.Client, url: str) -> httpx.Response | None:
    return process.answer(client, f"{url}/trade-api/v2/exchange/status")
