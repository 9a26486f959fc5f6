"""One setting says when the exporter counts as stopped; health, page, widget and metrics go by it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from prometheus_client import CollectorRegistry, generate_latest

from exporter.sources.registry import read_settings
from exporter.stream import create_app
from exporter.stream.gate import Access
from exporter.times import unstamp
from exporter.wiring import build_cycle
from tests.stream.browsing import NEEDS_CHROMIUM, PATIENCE_MS, state, watched
from tests.stream.serving import serving, until
from tests.stream.shop import embedded, selling

pytestmark = [NEEDS_CHROMIUM, pytest.mark.slow]


async def published(environ: dict[str, str]) -> tuple[str, str]:
    """Publish one snapshot by these settings; return its time, and the exporter's metrics."""
    registry = CollectorRegistry()
    cycle, _ = build_cycle(read_settings(environ), registry)
    await cycle.start()
    await cycle.publisher.publish()
    assert cycle.publisher.latest is not None
    shown = generate_latest(registry).decode()
    await cycle.stop()
    return cycle.publisher.latest.as_of, shown


@pytest.mark.parametrize("limit", [7, 600])
def test_health_page_widget_and_dashboards_go_by_the_same_setting(
    page: Page, tmp_path: Path, limit: int
) -> None:
    """Just below it they are at rest, just above it each of them says that the exporter has stopped."""
    path = tmp_path / "pnl.sqlite3"
    settings = {
        "DB_PATH": str(path),
        "NORTHSTAR_SOURCES": "sales",
        "JOHN_API_BASE_URL": "http://127.0.0.1:9",
        "JOHN_API_TOKEN": "unused",
        "NORTHSTAR_LIMIT_SNAPSHOT_AGE_SECONDS": str(limit),
    }
    with ThreadPoolExecutor() as elsewhere:  # the browser has a loop in this thread
        as_of, metrics = elsewhere.submit(asyncio.run, published(settings)).result()
    assert f'northstar_limit_seconds{{limit="snapshot_age"}} {limit}.0' in metrics

    now = {"at": unstamp(as_of)}
    page.clock.install(time=now["at"])
    errors = watched(page)
    with selling() as shop:
        access = Access(path, origins=[shop.address])
        app = create_app(path, poll_seconds=0.002, access=access, clock=lambda: now["at"])
        with serving(app) as url:
            until(lambda: app.state.feed.current())
            widget = page.context.new_page()
            widget.clock.install(time=now["at"])
            page.goto(f"{url}/")
            shop.show(widget, embedded(url))
            state(page, "live")
            expect(widget.locator("northstar-pnl .card.live")).to_have_count(1, timeout=PATIENCE_MS)
            for seconds, name in ((limit - 2, "live"), (4, "silent")):
                now["at"] += timedelta(seconds=seconds)
                for shown in (page, widget):
                    shown.clock.fast_forward(seconds * 1_000)
                health = httpx.get(f"{url}/api/health")
                assert health.status_code == (200 if name == "live" else 503)
                assert health.json()["parts"]["exporter"]["limit_seconds"] == limit
                state(page, name)
                expect(widget.locator(f"northstar-pnl .card.{name}")).to_have_count(1, timeout=PATIENCE_MS)
    assert [error for error in errors if "503" not in error] == []
