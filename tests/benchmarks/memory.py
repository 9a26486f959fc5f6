"""An exporter with a long past: when it shows figures again after a restart, and what it weighs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from . import books, database, process
from .table import Row, most, unmeasured
from .workshop import Workshop, frozen

HOW = """A database with the records of a year and one snapshot; a real exporter process is started on it, its
upstreams unreachable. Timed are its first answer of `/metrics` that shows the stored snapshot, and the
first newer one, before which all records were read back and booked again. Memory is the resident set,
from the kernel, two seconds later, and its highest mark. Then it is asked to stop, which writes a checkpoint
of the books, and started again on that."""

BUDGET_MB = 200.0
BUDGET_SECONDS = 2.0
PATIENCE_SECONDS = 400.0
SETTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Restarted:
    """Seconds until it showed the last snapshot, and a new one; bytes then, and at most; seconds to stop."""

    shown: float
    new: float
    resident: int
    peak: int
    stopped: float


def measure(workshop: Workshop) -> list[Row]:
    """Return start, rebuild and memory of one exporter, without a checkpoint and with one."""
    scale = workshop.scale
    path = workshop.folder / "memory.sqlite3"
    last = frozen(workshop.ledger(scale.records, scale.positions), "", 1)
    workshop.release()
    count = database.with_records(path, books.Size(scale.records, scale.positions), last)
    del last
    environment = workshop.environment(path)
    what = f"{count:,} records"
    try:
        whole = _restart(environment, 1)
        resumed = _restart(environment, database.newest_sequence(path))
    except process.TookTooLong as error:
        return [unmeasured(f"memory: exporter with {what}", f"{BUDGET_MB:g} MB", str(error))]
    kept = path.with_name(f"{path.name}.checkpoint")
    written = (
        f"{kept.stat().st_size / 1e6:.0f} MB" if kept.exists() else "none: too few records to be worth one"
    )
    return [
        most(
            f"memory: exporter with {what}",
            whole.resident / 1e6,
            BUDGET_MB,
            "MB",
            f"peak {whole.peak / 1e6:.0f} MB",
        ),
        Row(f"restart: {what}, the last snapshot is shown again", "", f"{whole.shown:.1f} s"),
        Row(f"restart: {what}, the first new snapshot", "", f"{whole.new:.1f} s"),
        Row(
            "restart: records read back and booked", "", f"{count / (whole.new - whole.shown):,.0f} a second"
        ),
        Row("stop: the checkpoint is written", "", f"{whole.stopped:.1f} s, {written}"),
        most(
            f"restart: {what}, the first new snapshot after a checkpoint",
            resumed.new,
            BUDGET_SECONDS,
            "s",
            f"{resumed.resident / 1e6:.0f} MB, peak {resumed.peak / 1e6:.0f} MB",
        ),
    ]


def _restart(environment: Mapping[str, str], seen: int) -> Restarted:
    """Start an exporter whose last snapshot was number `seen`, wait for the next one, and stop it."""
    url = f"http://{process.HOST}:{environment['NORTHSTAR_METRICS_PORT']}/metrics"
    with httpx.Client() as client, process.running("exporter", environment=environment) as child:
        began = time.perf_counter()
        process.until(child, lambda: database.sequence(process.answer(client, url), seen), PATIENCE_SECONDS)
        shown = time.perf_counter() - began
        process.until(
            child, lambda: database.sequence(process.answer(client, url), seen + 1), PATIENCE_SECONDS
        )
        new = time.perf_counter() - began
        time.sleep(SETTLE_SECONDS)
        resident, peak = process.resident_bytes(child.pid)
        began = time.perf_counter()
    return Restarted(shown, new, resident, peak, time.perf_counter() - began)
