"""Every fault that the simulator can play, at every source: an error of ours, never a figure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from exporter.errors import SourceError, SourceMalformed, SourceUnavailable
from exporter.simulator import examples
from exporter.simulator.faults import Fault
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.sources.anthropic.organization import Anthropic
from exporter.sources.contract import Source, Window
from exporter.sources.kalshi.account import Kalshi
from exporter.sources.sales.shop import Sales
from tests.sources.canned import NOW, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SOURCES = ["kalshi", "anthropic", "sales"]
WINDOW = Window(NOW - timedelta(days=3), NOW)
FAULTS = {
    "429": (SourceUnavailable, "rate_limited"),
    "429_retry_after": (SourceUnavailable, "rate_limited"),
    "429_reset": (SourceUnavailable, "rate_limited"),
    "500": (SourceUnavailable, "server_error"),
    "502": (SourceUnavailable, "server_error"),
    "503": (SourceUnavailable, "server_error"),
    "529": (SourceUnavailable, "server_error"),
    "html": (SourceMalformed, "malformed"),
    "error_200": (SourceMalformed, "malformed"),
    "reset": (SourceUnavailable, "connection"),
}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """All three services, with the hand-made examples and a sale."""
    world = examples.reference_account()
    world.anthropic = examples.anthropic_reports(world.clock).anthropic
    world.sales.sale("19.00", at=NOW - timedelta(hours=1))
    with serve_in_thread(world) as running:
        yield running


def connect(name: str, simulator: Simulator) -> Source:
    """Return a source that reads the simulator."""
    settings = simulator.environment(ed25519=True)
    if name == "kalshi":
        key = text_of(settings["KALSHI_PRIVATE_KEY_PATH"])
        return Kalshi(
            settings["KALSHI_API_KEY"], key, base_url=settings["KALSHI_BASE_URL"], clock=simulator.world.clock
        )
    if name == "anthropic":
        key = settings["ANTHROPIC_API_KEY"]
        return Anthropic(key, base_url=settings["ANTHROPIC_BASE_URL"], clock=simulator.world.clock)
    return Sales(settings["JOHN_API_BASE_URL"], settings["JOHN_API_TOKEN"], clock=simulator.world.clock)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("kind", FAULTS)
async def test_trouble_upstream_is_one_of_our_errors(name: str, kind: str, simulator: Simulator) -> None:
    """While it lasts there is no reading; when it is over there is one again."""
    source = connect(name, simulator)
    simulator.faults.set(name, Fault(kind, seconds=100))
    with pytest.raises(SourceError) as caught:
        await source.fetch(WINDOW)
    expected, reason = FAULTS[kind]
    assert isinstance(caught.value, expected)
    assert caught.value.reason == reason
    simulator.faults.clear()
    assert (await source.fetch(WINDOW)).records
    await source.aclose()


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("kind", ["500", "reset", "429"])
async def test_a_moment_of_trouble_is_not_noticed(name: str, kind: str, simulator: Simulator) -> None:
    """One failure in between is retried away."""
    source = connect(name, simulator)
    simulator.faults.set(name, Fault(kind, count=1))
    if (name, kind) == ("anthropic", "429"):  # told nothing, these reports are left alone for a minute
        with pytest.raises(SourceUnavailable):
            await source.fetch(WINDOW)
    assert (await source.fetch(WINDOW)).records
    await source.aclose()


@pytest.mark.parametrize("name", SOURCES)
async def test_a_clock_that_differs_is_measured(name: str, simulator: Simulator) -> None:
    """Seconds between the clocks are no trouble, but they are told."""
    source = connect(name, simulator)
    simulator.faults.set(name, Fault("skew", seconds=20))
    assert (await source.fetch(WINDOW)).skew == timedelta(seconds=20)
    await source.aclose()
