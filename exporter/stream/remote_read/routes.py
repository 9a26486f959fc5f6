"""The route that Prometheus reads the past from."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from exporter.reports.past import KeptPast
from exporter.reports.reader import PeriodReader
from exporter.store import Store
from exporter.stream import models
from exporter.stream.groups import HEADERS
from exporter.stream.remote_read.bad_read import BadRead
from exporter.stream.remote_read.messages import read_request, read_response
from exporter.stream.remote_read.series import answered
from exporter.stream.remote_read.snappy import packed, unpacked

MOST_BODY = 64 * 1024
"""Bytes of a request. A query is some hundred, and one that lists hundreds of names some thousand."""

MOST_UNPACKED = 256 * 1024

MEDIA_TYPE = "application/x-protobuf"
BINARY = {"schema": {"type": "string", "format": "binary"}}


def router(database: Path) -> APIRouter:
    """Return the route over the database at a path."""
    routes = APIRouter(prefix="/api/pnl/prometheus", tags=["periods"])
    past, turn = KeptPast(), asyncio.Lock()

    @routes.post(
        "/read",
        response_class=Response,
        responses={
            200: {"content": {MEDIA_TYPE: BINARY}, "description": "A ReadResponse, packed with snappy."},
            400: {"model": models.Error, "description": "No ReadRequest, or one that asks for too much."},
            503: {"model": models.Error},
        },
        openapi_extra={"requestBody": {"required": True, "content": {MEDIA_TYPE: BINARY}}},
        summary="Prometheus' remote read: days and months as series.",
    )
    async def read(request: Request) -> Response:
        body = await _body(request)

        def made() -> bytes:
            queries = read_request(unpacked(body, MOST_UNPACKED))
            # On a connection of its own: whoever resumes its stream must not wait for a year of days.
            with Store.pinned(database) as store:
                return packed(read_response(answered(PeriodReader(store), past, queries)))

        try:
            async with turn:
                answer = await asyncio.to_thread(made)
        except BadRead as error:
            raise HTTPException(400, str(error)) from None
        return Response(answer, headers={**HEADERS, "Content-Encoding": "snappy"}, media_type=MEDIA_TYPE)

    return routes


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise HTTPException(400, f"The request is longer than {MOST_BODY:,} bytes.")
    return bytes(body)
