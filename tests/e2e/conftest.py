"""Fixtures: upstreams that never tire, clients that never wait, pipelines that always end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import stamina

from exporter.collect import turns
from exporter.simulator.kalshi import gate
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.world import World
from exporter.sources import http
from exporter.sources.anthropic import organization
from exporter.sources.kalshi.limits import TokenBucket
from exporter.sources.sales import shop as sales
from tests.e2e.pipeline import Pipeline

Simulate = Callable[[World], Simulator]
Build = Callable[..., Pipeline]


async def _at_once(_: TokenBucket, _method: str, _path: str) -> None:
    """Let a request pass."""


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries keep their number and lose their waits; nobody's rate limit is in the way.

    A breaker still opens after as many failures as ever, and rests for a blink. A turn at the past ends when
    the past does, however busy the machine.
    """
    monkeypatch.setattr(turns, "PAST_SECONDS", 600)
    monkeypatch.setattr(gate, "REFILL", 1e9)
    monkeypatch.setattr(TokenBucket, "spend", _at_once)
    monkeypatch.setattr(organization, "REQUESTS_PER_MINUTE", 1e6)
    monkeypatch.setattr(sales, "REQUESTS_PER_SECOND", 1e6)
    monkeypatch.setattr(http, "BREAKER_REST_SECONDS", 0.05)
    with stamina.set_testing(True, attempts=http.ATTEMPTS, cap=True):
        yield


@pytest.fixture
def simulate(unhurried: None) -> Iterator[Simulate]:
    """Serves a world until the test is over."""
    with ExitStack() as open_until_the_end:
        yield lambda world: open_until_the_end.enter_context(serve_in_thread(world))


@pytest.fixture
def pipeline(unhurried: None, tmp_path: Path) -> Iterator[Build]:
    """Builds pipelines in a folder of the test, and stops them after it."""
    with ExitStack() as open_until_the_end:

        def build(simulator: Simulator, **options: object) -> Pipeline:
            folder = tmp_path / f"pipeline-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return open_until_the_end.enter_context(Pipeline(simulator, folder, **options))

        yield build


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Returns everything that was logged so far, traces included."""
    caplog.set_level(logging.INFO, "northstar")
    formatter = logging.Formatter()

    def text() -> str:
        return "\n".join(formatter.format(record) for record in caplog.records)

    return text
