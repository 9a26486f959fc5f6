"""Results by series and by event: the route that answers what the exporter last stated."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from exporter.errors import StoreUnavailable
from exporter.snapshot import WINDOWS
from exporter.store import Breakdown
from exporter.stream import models
from exporter.stream.feed import Feed

By = Literal["series", "event"]
Window = Literal["today", "24h", "7d", "30d", "mtd", "ytd", "all"]

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def router(feed: Feed) -> APIRouter:
    """Return the route that speaks of what `feed` follows."""
    routes = APIRouter(prefix="/api/pnl", tags=["figures"])

    @routes.get(
        "/groups",
        response_model=models.GroupsAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="Trading results by series or by event: the largest of each window, the rest as one sum.",
    )
    async def groups(
        by: Annotated[By, Query(description="What a group is.")] = "series",
        window: Annotated[Window | None, Query(description="One window; default all of them.")] = None,
    ) -> Response:
        stated = await feed.breakdown()
        if stated is None:
            raise StoreUnavailable("The exporter has not stated any results by group yet.")
        body = json.dumps(answer(feed.epoch, stated, by, window), separators=(",", ":")).encode()
        return Response(body, headers=HEADERS, media_type="application/json")

    return routes


def answer(epoch: str, stated: Breakdown, by: By, window: Window | None) -> dict[str, Any]:
    """Return the JSON of one question; it speaks of the snapshot after which the statement was made."""
    windows = json.loads(stated.body)[by]
    chosen = [name for name in WINDOWS if name in windows and window in (None, name)]
    return {
        "epoch": epoch,
        "sequence": stated.sequence,
        "as_of": stated.as_of,
        "by": by,
        "windows": {name: windows[name] for name in chosen},
    }
