"""The log of restatements: the route that pages through it, the newest first."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from exporter.errors import StoreUnavailable
from exporter.snapshot.restated import restatement
from exporter.stream import models
from exporter.stream.feed import Feed
from exporter.stream.groups import HEADERS

MOST_ROWS = 1_000
"""Restatements in one answer: some hundred kilobytes."""


def router(feed: Feed) -> APIRouter:
    """Return the route over the database that `feed` follows."""
    routes = APIRouter(prefix="/api/pnl", tags=["figures"])

    @routes.get(
        "/restatements",
        response_model=models.RestatementsAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="What the sources have said otherwise, or said late, the newest first: old and new amounts.",
    )
    async def restatements(
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Restatements at the most.")] = 100,
        before: Annotated[
            int | None, Query(ge=1, le=2**63 - 1, description="Those before this number: a page's `next`.")
        ] = None,
        source: Annotated[str | None, Query(max_length=32, description="Of one source alone.")] = None,
    ) -> Response:
        found = await feed.restatements(limit + 1, before, source)
        if not feed.as_of:
            raise StoreUnavailable("The exporter has published no snapshot yet.")
        answer = {
            "epoch": feed.epoch,
            "sequence": feed.sequence,
            "as_of": feed.as_of,
            "restatements": [
                {"number": each.number} | msgspec.to_builtins(restatement(each)) for each in found[:limit]
            ],
        }
        if len(found) > limit:
            answer["next"] = found[limit - 1].number
        return Response(msgspec.json.encode(answer), headers=HEADERS, media_type="application/json")

    return routes
