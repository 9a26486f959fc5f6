"""The two routes that stream, Server-Sent Events and WebSocket; `sse` and `ws` say how each is written.

They are documented like any other route, and the gate calls their endpoints itself: behind the framework's
layers each client would keep a dozen frames and exit stacks for hours.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, WebSocket
from starlette.routing import Route, WebSocketRoute

from exporter.stream import answers, models, sse, ws
from exporter.stream.gate import Endpoint
from exporter.stream.hub import Full, Hub

PARAMETERS = [
    {
        "name": "since",
        "in": "query",
        "required": False,
        "schema": {"type": "string"},
        "example": models.CURSOR_EXAMPLE,
        "description": "Cursor to go on from.",
    },
    {
        "name": "last-event-id",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "The same, as a browser sends it that connects again; wins over `since`.",
    },
]
"""Stated here, since the endpoint reads them itself."""


def endpoints(routes: APIRouter) -> dict[tuple[str, str], Endpoint]:
    """Return the endpoints by kind of request and path, for the gate to call."""
    kinds = ((Route, "http"), (WebSocketRoute, "websocket"))
    return {
        (kind, route.path): route.endpoint
        for route in routes.routes
        for of, kind in kinds
        if isinstance(route, of)
    }


def router(hub: Hub) -> APIRouter:
    """Return both routes."""
    found = APIRouter(prefix="/api/pnl", tags=["figures"])

    @found.get(
        "/stream",
        response_class=Response,
        responses={
            200: {
                "description": "Events `snapshot`, `delta`; `resync` before a new start; `id` is the cursor.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "example": "retry: 2041\n\n"
                        'event: snapshot\nid: 9f522097de1c-1234\ndata: {"epoch":...}\n\n'
                        'event: delta\nid: 9f522097de1c-1235\ndata: {"sequence":1235,...}\n\n',
                    }
                },
            },
            429: {"model": models.Error, "description": "Too many streams from one address."},
            503: {"model": models.Error, "description": "Too many streams in all."},
        },
        openapi_extra={"parameters": PARAMETERS},
        summary="The snapshot, then every change to it, as Server-Sent Events.",
    )
    async def events(request: Request) -> Response:
        cursor = request.headers.get("last-event-id") or request.query_params.get("since")
        return sse.Stream(hub, cursor, request.state.grant)

    @found.websocket("/ws")
    async def messages(websocket: WebSocket) -> None:
        try:
            await ws.serve(websocket, hub, websocket.query_params.get("since"), websocket.state.grant)
        except Full as full:
            await websocket.send_denial_response(answers.full_answer(full))

    return found
