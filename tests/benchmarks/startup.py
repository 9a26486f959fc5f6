"""From the command to the first number on the page."""

from __future__ import annotations

import time

import httpx

from tests.ports import held_port

from . import process
from .table import Row, most, unmeasured
from .workshop import Workshop

HOW = """`northstar demo` as a new process, installed and with warm files. The clock starts with the process
and stops at the first whole answer of `/api/pnl/current` with a net for today; the page counts as shown
when, after that, its HTML and the first snapshot of its stream have arrived."""

BUDGET_SECONDS = 5.0
PATIENCE_SECONDS = 30.0
WHATS = ("start: demo to the first live number", "start: demo to the page with its first snapshot")


def measure(workshop: Workshop) -> list[Row]:
    """Return how long a stranger waits."""
    budget = f"{BUDGET_SECONDS:g} s"
    environment = workshop.environment(workshop.folder / "unused.sqlite3")
    page = f"http://{process.HOST}:{environment['PORT']}"
    settings = {name: environment[name] for name in ("PORT", "NORTHSTAR_METRICS_PORT")}
    settings["NORTHSTAR_SIMULATOR_PORT"] = str(held_port())
    began = time.perf_counter()
    try:
        with httpx.Client() as client, process.running("demo", environment=settings) as child:
            process.until(child, lambda: _live(client, page), PATIENCE_SECONDS)
            number = time.perf_counter() - began
            client.get(page).raise_for_status()
            with client.stream("GET", f"{page}/api/pnl/stream") as stream:
                next(line for line in stream.iter_lines() if line.startswith("data:"))
            shown = time.perf_counter() - began
    except process.TookTooLong as error:
        return [unmeasured(what, budget, str(error)) for what in WHATS]
    return [
        most(what, seconds, BUDGET_SECONDS, "s") for what, seconds in zip(WHATS, (number, shown), strict=True)
    ]


def _live(client: httpx.Client, page: str) -> httpx.Response | None:
    answer = process.answer(client, f"{page}/api/pnl/current")
    return answer if answer is not None and "usd" in answer.json()["windows"]["today"]["net"] else None
