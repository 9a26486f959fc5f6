"""The rows behind a period, sent while they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from exporter.errors import PeriodError, StoreError, StoreUnavailable
from exporter.periods.grammar import parse
from exporter.reports.exports.catalogue import EXPORTS
from exporter.reports.exports.writing import Format, Writing
from exporter.reports.reader import PeriodReader
from exporter.snapshot import from_json
from exporter.store import Store
from exporter.stream import models
from exporter.stream.feed import Feed
from exporter.stream.groups import HEADERS
from exporter.stream.history import BadQuestion
from exporter.stream.periods import LONGEST

What = Literal["fills", "settlements", "sales", "refunds", "api-cost", "transfers", "days", "statement"]

TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl"}

MOST = 4
"""Exports that are sent at a time. Each remembers what is held in the markets that it has come by: some
megabytes, for as long as its reader takes."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """An export that is under way, and the database that it is of."""

    store: Store
    writing: Writing
    pieces: Iterator[bytes]


def router(feed: Feed) -> APIRouter:
    """Return the route over the database that `feed` follows."""
    routes, sending = APIRouter(prefix="/api/pnl", tags=["periods"]), 0

    async def sent(export: _Begun, first: bytes) -> AsyncIterator[bytes]:
        nonlocal sending
        sending += 1
        try:
            yield first
            while piece := await _next(feed, export):
                yield piece
        finally:
            sending -= 1

    @routes.get(
        "/export",
        response_class=Response,
        responses={
            200: {
                "content": {
                    "text/csv": {"schema": {"type": "string"}},
                    "application/jsonl": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"type": "object"}},
                },
                "description": "Rows as CSV or JSON lines; or as JSON what they are of, and their sums.",
            },
            503: {"model": models.Error},
            422: {"model": models.Error},
        },
        summary="Fills, sales, API cost and so on of a period, row by row.",
    )
    async def exported(
        what: Annotated[What, Query(description="What the rows are.")],
        period: Annotated[str, Query(max_length=LONGEST, examples=["2026-10"])],
        form: Annotated[Format, Query(alias="format")] = "csv",
        part: Annotated[
            Literal["rows", "meta"], Query(description="The rows, or what they are of and sum to.")
        ] = "rows",
    ) -> Response:
        def begun(store: Store) -> _Begun:
            if feed.tree is None:
                raise StoreUnavailable("The exporter has published no snapshot yet.")
            reader = PeriodReader(store, from_json(feed.tree))
            try:
                writing = Writing(EXPORTS[what], reader, parse(period, reader.today, reader.zone))
            except PeriodError as error:
                raise BadQuestion(str(error)) from None
            return _Begun(store, writing, writing.pieces(form))

        if sending >= MOST:
            raise StoreUnavailable(f"{MOST} exports are being sent already: ask again when one is through.")
        export = await feed.ask(begun)
        first = await _next(feed, export)
        if part == "meta":
            while await _next(feed, export):
                pass
            body = msgspec.json.encode(export.writing.meta)
            return Response(body, headers=HEADERS, media_type="application/json")
        name = f"northstar-{what}-{export.writing.header['period']}.{form}"
        return StreamingResponse(
            sent(export, first),
            headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
            media_type=TYPES[form],
        )

    return routes


async def _next(feed: Feed, export: _Begun) -> bytes:
    """Return the next piece, nothing at the end.

    Whoever leaves meanwhile lets go of the database only once it has answered: it answers one at a time.
    """

    def piece(store: Store) -> bytes:
        if store is not export.store:
            raise StoreUnavailable("The database was replaced while it was read: ask again.")
        return next(export.pieces, b"")

    asked = asyncio.create_task(feed.ask(piece))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        with suppress(StoreError):
            await asked
        raise
