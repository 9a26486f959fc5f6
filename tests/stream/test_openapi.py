"""The OpenAPI document and the routes, held against each other by a tool that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import load_all_checks

from exporter.snapshot import from_json
from exporter.snapshot.breakdown import ResultsByGroup
from exporter.stream import create_app
from exporter.stream.gate import Access
from tests.stream.builders import START, Writer
from tests.stream.serving import PATIENCE, serving, until

pytestmark = pytest.mark.slow

schemathesis.serializer.alias("application/x-protobuf", "application/octet-stream")

ENDLESS = "/api/pnl/stream"
"""Never ends, which the tool would wait for; the clients of test_clients.py read it."""

PATHS = (
    "/api/health",
    "/api/health/live",
    "/api/health/ready",
    "/api/pnl/aside",
    "/api/pnl/changes",
    "/api/pnl/comparison",
    "/api/pnl/course",
    "/api/pnl/current",
    "/api/pnl/deltas",
    "/api/pnl/explain",
    "/api/pnl/export",
    "/api/pnl/groups",
    "/api/pnl/history",
    "/api/pnl/periods",
    "/api/pnl/prometheus/read",
    "/api/pnl/restatements",
    "/api/pnl/statement",
    "/api/token",
)

UNSAID = ("history", "explain", "periods", "read", "statement", "changes", "comparison", "course", "export")
"""Where no schema can say that `from` lies before `to`, that a figure exists, or what a text or a body is."""


@pytest.fixture
def served(path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """The address of a sidecar that asks for tokens, and one."""
    monkeypatch.setattr("exporter.stream.app.LONG_POLL_SECONDS", 0.01)
    writer.store.breakdowns.keep(ResultsByGroup(series={}, event={}), from_json(writer.commit()))
    access = Access(path, routable=True)
    token = access.tokens.create("tool", "all", START)
    app = create_app(path, access=access, clock=lambda: writer.at + timedelta(seconds=3))
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        yield url, token


@pytest.mark.parametrize("path_asked", PATHS)
def test_every_answer_is_as_the_document_says(served: tuple[str, str], path_asked: str) -> None:
    """Whatever is asked: status, type, shape, headers, methods and tokens."""
    load_all_checks()
    url, token = served
    schema = schemathesis.openapi.from_url(url + "/api/openapi.json")
    beyond = {"positive_data_acceptance"} if path_asked.endswith(UNSAID) else set()
    excluded = [schemathesis.checks.CHECKS.get_one(name) for name in beyond]
    asked = 0
    for found in schema.include(path=path_asked).get_all_operations():
        operation = found.ok()
        asked += 1

        @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate(
                headers={"Authorization": f"Bearer {token}"}, excluded_checks=excluded, timeout=PATIENCE
            )

        check()
    assert asked


def test_no_route_is_left_out(path: Path) -> None:
    """A new route is asked, too."""
    assert set(create_app(path).openapi()["paths"]) == {*PATHS, ENDLESS}
