"""Prometheus itself, run on a configuration and asked questions."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e.pipeline import HOST, until
from e2e.processes import free_port

PATIENCE = 90.0
"""Seconds after which something is not coming any more; nothing is measured against it."""

needed = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed: apt install prometheus."
)

Series = list[dict[str, Any]]


@contextmanager
def serving(config: Path, folder: Path) -> Iterator[str]:
    """Run a server on a configuration; the value is its address."""
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={HOST}:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://{HOST}:{port}"
        until(lambda: _ready(url), PATIENCE)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def ask(url: str, query: str, at: float | None = None) -> Series:
    """Return the result of an instant query."""
    data = {"query": query} | ({} if at is None else {"time": f"{at:.3f}"})
    answer = httpx.post(f"{url}/api/v1/query", data=data, timeout=PATIENCE).json()
    assert answer["status"] == "success", (query, answer)
    result: Series = answer["data"]["result"]
    return result


def values(series: Series) -> list[float]:
    """Return the numbers of a result."""
    return [float(each["value"][1]) for each in series]
