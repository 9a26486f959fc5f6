"""Prometheus itself: run on a configuration, and asked questions by someone who can wait.

A busy machine answers a scrape too late now and then. Prometheus then holds every series of that target
for gone until the next scrape, so a question asked once may find nothing. Ask at the time of a scrape
that is known, or with `until`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import Process
from tests.ports import held_port

PATIENCE = 120.0
"""Seconds after which something is not coming any more, on a machine that does much else."""

CLIENT = httpx.Client(timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))
"""Made once: to make one for each question costs more than the answer, and burdens what is asked about."""

needed = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed: see tests/install-tools."
)

Series = list[dict[str, Any]]


@contextmanager
def started(config: Path, data: Path, port: int, *flags: str) -> Iterator[Process]:
    """Run a server on a configuration, which may be one that it refuses."""
    program = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={HOST}:{port}",
        *flags,
    ]
    with Process(config.parent, {}, program=program) as process:
        until(lambda: answers(f"http://{HOST}:{port}/-/ready") or not process.running, PATIENCE)
        yield process


@contextmanager
def serving(config: Path, folder: Path, port: int | None = None) -> Iterator[str]:
    """Run a server with its data in the folder; the value is its address."""
    port = port or held_port()
    with started(config, folder / "data", port) as process:
        assert process.running, process.output
        yield f"http://{HOST}:{port}"


def answers(url: str) -> bool:
    """Tell whether the address answers 200."""
    try:
        return CLIENT.get(url).status_code == 200
    except httpx.TransportError:
        return False


def ask(url: str, query: str, at: float | None = None) -> Series:
    """Return the result of a query at a time, now if none is given; an error or a warning fails."""
    data = {"query": query} | ({} if at is None else {"time": f"{at:.3f}"})
    answer = CLIENT.post(f"{url}/api/v1/query", data=data).json()
    assert answer["status"] == "success", (query, answer)
    assert not answer.get("warnings"), (query, answer)
    found: Series = answer["data"]["result"]
    return found


def values(series: Series) -> list[float]:
    """Return the numbers of a result."""
    return [float(each["value"][1]) for each in series]


def samples(url: str, selector: str) -> list[tuple[float, str]]:
    """Return time and value of every sample of the last hour of the one series that is meant."""
    found = ask(url, f"{selector}[1h]")
    assert len(found) <= 1, found
    return [(float(time), value) for series in found for time, value in series["values"]]
