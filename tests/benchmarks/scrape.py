"""A scrape: one answer of `/metrics`."""

from __future__ import annotations

from time import perf_counter

import httpx
from prometheus_client import CollectorRegistry

from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.figures import figures
from exporter.metrics.page import Page, PageSection

from . import books, database, process
from .table import Row, timed, unmeasured
from .workshop import Workshop, frozen

HOW = """In one process: the page written of a new snapshot with the exporter's own counters. Over HTTP:
a real exporter process, its upstreams unreachable, asked over a new connection each time; in turn with
each, the same server is asked for nothing (an empty `/favicon.ico`), which is what machine and HTTP cost
by themselves."""

BUDGET_MS = 5.0
START_SECONDS = 30.0


def measure(workshop: Workshop) -> list[Row]:
    """Return the time to render the page and to fetch it."""
    positions = workshop.scale.positions
    rows = [rendered(workshop, 10), rendered(workshop, positions)]
    try:
        rows.append(_fetched(workshop))
    except process.TookTooLong as error:
        what = f"/metrics: over HTTP, {positions:,} positions"
        rows.append(unmeasured(what, f"p99 {BUDGET_MS:g} ms", str(error)))
    return rows


def rendered(workshop: Workshop, positions: int) -> Row:
    """Return the time to render the page."""
    tree = frozen(workshop.ledger(workshop.scale.few_records, positions), "bench", 1)
    registry = CollectorRegistry()
    ExporterMetrics(registry)
    times: list[float] = []
    for _ in range(workshop.scale.scrapes):
        page = Page(registry, PageSection(lambda: tree, figures))  # which has kept nothing yet
        began = perf_counter()
        _, body = page.answer()
        times.append(perf_counter() - began)
    series = sum(1 for line in body.splitlines() if not line.startswith(b"#"))
    return timed(f"/metrics: rendered, {positions:,} positions", times, BUDGET_MS, f"{series} series")


def _fetched(workshop: Workshop) -> Row:
    scale = workshop.scale
    path = workshop.folder / "scrape.sqlite3"
    size = books.Size(scale.few_records, scale.positions)
    database.with_records(path, size, frozen(workshop.ledger(size.records, size.positions), "", 1))
    environment = workshop.environment(path)
    url = f"http://{process.HOST}:{environment['NORTHSTAR_METRICS_PORT']}/metrics"
    with httpx.Client() as client, process.running("exporter", environment=environment) as child:
        process.until(child, lambda: database.sequence(process.answer(client, url), 2), START_SECONDS)
        port = int(environment["NORTHSTAR_METRICS_PORT"])
        times, nothing = process.beside(port, ["/metrics"] * scale.scrapes, "/favicon.ico")
    return timed(f"/metrics: over HTTP, {scale.positions:,} positions", times, BUDGET_MS, nothing)
