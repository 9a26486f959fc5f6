"""What else follows the feed in the sidecar: its trouble is told, and is nobody else's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge

from exporter.stream import create_app
from exporter.stream.feed import Feed
from tests.stream.builders import Writer
from tests.stream.serving import serving, until

pytestmark = pytest.mark.slow


class Broken:
    """A companion that is in trouble, and then fails altogether."""

    name = "companion"
    trouble = "What it speaks to cannot be reached."

    def register(self, registry: CollectorRegistry) -> None:
        """Show that it is down."""
        Gauge("northstar_companion_up", "1 while it is well.", registry=registry)

    async def run(self, feed: Feed) -> None:
        """Fail."""
        raise RuntimeError("broken")


def test_trouble_is_in_health_and_nobody_is_sent_elsewhere(
    path: Path, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    """The sidecar stays ready and serves on; its own page and log say what is wrong."""
    app = create_app(path, clock=lambda: writer.at + timedelta(seconds=3), companion=Broken())
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        until(lambda: "companion" in caplog.text)
        health = httpx.get(f"{url}/api/health")
        assert health.status_code == 200
        assert health.json()["parts"]["companion"] == {"ok": False, "reason": Broken.trouble}
        assert httpx.get(f"{url}/api/pnl/current").status_code == 200
        assert "northstar_companion_up 0.0" in httpx.get(f"{url}/metrics").text


def test_without_one_health_does_not_speak_of_it(url: str) -> None:
    """What is switched off has no part, and is not unwell."""
    assert set(httpx.get(f"{url}/api/health").json()["parts"]) == {"store", "exporter", "feed"}
