"""An exporter with a long past: when it shows figures again after a restart, and what it weighs."""

from __future__ import annotations

import time

import httpx

from . import books, database, process
from .table import Row, most, unmeasured
from .workshop import Workshop, frozen

HOW = """A database with the records of a year and one snapshot; a real exporter process is started on it, its
upstreams unreachable. Timed are its first answer of `/metrics` that shows the stored snapshot, and the
first newer one, before which all records were read back and booked again. Memory is the resident set,
from the kernel, two seconds later, and its highest mark."""

BUDGET_MB = 200.0
PATIENCE_SECONDS = 150.0
SETTLE_SECONDS = 2.0


def measure(workshop: Workshop) -> list[Row]:
    """Return start, rebuild and memory of one exporter."""
    scale = workshop.scale
    path = workshop.folder / "memory.sqlite3"
    last = frozen(workshop.ledger(scale.records, scale.positions), "", 1)
    workshop.release()
    count = database.with_records(path, books.Size(scale.records, scale.positions), last)
    del last
    environment = workshop.environment(path)
    url = f"http://{process.HOST}:{environment['NORTHSTAR_METRICS_PORT']}/metrics"
    what = f"{count:,} records"
    try:
        with httpx.Client() as client, process.running("exporter", environment=environment) as child:
            began = time.perf_counter()
            process.until(child, lambda: database.sequence(process.answer(client, url), 1), PATIENCE_SECONDS)
            shown = time.perf_counter() - began
            process.until(child, lambda: database.sequence(process.answer(client, url), 2), PATIENCE_SECONDS)
            new = time.perf_counter() - began
            time.sleep(SETTLE_SECONDS)
            resident, peak = process.resident_bytes(child.pid)
    except process.TookTooLong as error:
        return [unmeasured(f"memory: exporter with {what}", f"{BUDGET_MB:g} MB", str(error))]
    return [
        most(f"memory: exporter with {what}", resident / 1e6, BUDGET_MB, "MB", f"peak {peak / 1e6:.0f} MB"),
        Row(f"restart: {what}, the last snapshot is shown again", "", f"{shown:.1f} s"),
        Row(f"restart: {what}, the first new snapshot", "", f"{new:.1f} s"),
        Row("restart: records read back and booked", "", f"{count / (new - shown):,.0f} a second"),
    ]
