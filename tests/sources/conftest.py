"""Fixtures for the sources: a clock that stands still, retries that do not wait, one async backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from exporter.simulator.clock import SettableClock
from exporter.sources import http
from tests.sources.canned import NOW, Watcher


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries keep their number but lose their waits."""
    with stamina.set_testing(True, attempts=http.ATTEMPTS, cap=True):
        yield


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()
