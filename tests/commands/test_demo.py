"""What `northstar up` starts, and how it knows that each part is up."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from exporter.commands import demo
from exporter.metrics.page import Page
from exporter.metrics.server import serve
from exporter.metrics.web_guard import WebGuard
from exporter.sources.registry import read_settings
from tests.metrics.authority import Authority
from tests.ports import HOST


def exporter(**settings: str) -> demo.Process:
    """Return how the exporter is started."""
    found, _ = demo._ours(read_settings(settings))
    return found


@pytest.mark.parametrize("guarded", [False, True])
def test_an_exporter_is_up_when_its_page_is_served(tmp_path: Path, guarded: bool) -> None:
    """Also when it is served to others only."""
    Authority(tmp_path).issue(HOST, file="server")
    file = tmp_path / "web.yml"
    file.write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}")
    guard = WebGuard(file) if guarded else None
    server, thread = serve(Page(CollectorRegistry()), 0, HOST, guard=guard)
    settings = {"NORTHSTAR_METRICS_PORT": str(server.server_port)}
    if guarded:
        settings["NORTHSTAR_METRICS_WEB_CONFIG"] = str(file)
    part = exporter(**settings)
    assert part.url == f"{'https' if guarded else 'http'}://{HOST}:{server.server_port}"
    assert part.up()
    server.shutdown()
    thread.join()
    server.server_close()
    assert not part.up()
