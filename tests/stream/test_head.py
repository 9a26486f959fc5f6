"""HEAD: what monitors and `curl -I` ask with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from exporter.stream import create_app
from tests.stream.builders import Writer
from tests.stream.conftest import serving, until

pytestmark = pytest.mark.slow

VARYING = {"date", "content-length", "transfer-encoding"}
"""Headers of two answers to one question that may differ; the length does where a body says the time, and
how a body is sent says nothing where there is none."""


def test_every_route_that_answers_get_answers_head_alike_and_without_a_body(
    path: Path, writer: Writer
) -> None:
    """Also the stream, whose answer has no end; a route that only takes POST still refuses it."""
    writer.commit()
    app = create_app(path, clock=lambda: writer.at + timedelta(seconds=3))
    with serving(app) as url, httpx.Client(base_url=url) as client:
        until(lambda: app.state.feed.current())
        described = app.openapi()["paths"]
        routes = [route for route, operations in described.items() if "get" in operations]
        for route in [*routes, "/", "/metrics", "/widget.js", "/api/openapi.json", "/static/page.css"]:
            head = client.head(route)
            with client.stream("GET", route) as got:
                assert head.status_code == got.status_code, route
                assert _kept(head.headers) == _kept(got.headers), route
            assert head.content == b"", route
        streamed = client.head("/api/pnl/stream").headers
        assert streamed["content-type"].startswith("text/event-stream")
        assert "content-length" not in streamed
        assert client.head("/api/token").status_code == 405


def _kept(headers: httpx.Headers) -> dict[str, str]:
    return {name: text for name, text in headers.items() if name not in VARYING}
