"""Simulator, exporter and sidecar as processes of their own, on free ports, for as long as a block runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from exporter.commands.demo import DEMO_PACE
from tests.ports import held_port

from . import process
from .workshop import Workshop

START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the figures of a running stack are."""

    api: str
    database: Path


@contextmanager
def simulated(workshop: Workshop, name: str) -> Iterator[Stack]:
    """Run the three on simulated accounts at the demo's pace. Raises TookTooLong."""
    path = workshop.folder / f"{name}.sqlite3"
    port = held_port()
    upstream = f"http://{process.HOST}:{port}"
    environment = {**workshop.environment(path, upstream), **DEMO_PACE, "NORTHSTAR_DEMO": "true"}
    keys = str(workshop.folder / "keys")
    api = f"http://{process.HOST}:{environment['PORT']}/api/pnl"
    with ExitStack() as parts, httpx.Client() as client:
        simulator = parts.enter_context(
            process.running("simulator", "--port", str(port), "--folder", keys, environment=environment)
        )
        process.until(simulator, lambda: process.answer(client, f"{upstream}/health"), START_SECONDS)
        parts.enter_context(process.running("exporter", environment=environment))
        sidecar = parts.enter_context(process.running("stream", environment=environment))
        process.until(sidecar, lambda: process.answer(client, f"{api}/current"), START_SECONDS)
        yield Stack(api, path)
