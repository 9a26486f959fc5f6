"""The two routes that stream: what is documented is what answers."""

from __future__ import annotations

from fastapi import FastAPI

from exporter.stream import streams


def test_both_routes_are_the_ones_that_the_gate_calls(app: FastAPI) -> None:
    """There is no second handler behind the framework's layers that would answer otherwise."""
    routes = streams.router(app.state.hub)
    found = streams.endpoints(routes)
    assert found.keys() == {("http", "/api/pnl/stream"), ("websocket", "/api/pnl/ws")}
    assert len(routes.routes) == len(found)


def test_cursor_may_be_sent_in_two_ways_and_the_document_says_so(app: FastAPI) -> None:
    """The header of a browser that connects again, and the address."""
    told = app.openapi()["paths"]["/api/pnl/stream"]["get"]
    assert {(each["in"], each["name"]) for each in told["parameters"]} == {
        ("query", "since"),
        ("header", "last-event-id"),
    }
    assert told["security"]
    assert {"200", "401", "403", "429", "503"} <= told["responses"].keys()
