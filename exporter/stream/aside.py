"""Rows that are set aside: the route that lists them, each as it came."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from exporter.errors import StoreUnavailable
from exporter.records.printable import printable
from exporter.store import OpenAside
from exporter.stream import models
from exporter.stream.feed import Feed
from exporter.stream.groups import HEADERS
from exporter.times import stamp

MOST_ROWS = 1_000
"""As many as the exporter keeps of one list; a row has 16 kB at the most, and mostly one."""


def router(feed: Feed) -> APIRouter:
    """Return the route over the database that `feed` follows."""
    routes = APIRouter(prefix="/api/pnl", tags=["figures"])

    @routes.get(
        "/aside",
        response_model=models.AsideAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="Rows of the sources that cannot be read, the newest first: what is odd, and the row itself.",
    )
    async def aside(
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows at the most.")] = 100,
    ) -> Response:
        found = await feed.aside(limit)
        if not feed.as_of:
            raise StoreUnavailable("The exporter has published no snapshot yet.")
        place = {"epoch": feed.epoch, "sequence": feed.sequence, "as_of": feed.as_of}
        body = json.dumps(place | {"rows": [answer(entry) for entry in found]}, separators=(",", ":"))
        return Response(body.encode(), headers=HEADERS, media_type="application/json")

    return routes


def answer(entry: OpenAside) -> dict[str, Any]:
    """Return what is known of a row; what is not known of it has no key."""
    aside = entry.aside
    stated = {
        "source": aside.source,
        "list": aside.listed,
        "key": aside.key,
        "field": aside.field,
        "what": aside.what,
        "count": aside.count,
        "at": None if aside.at is None else stamp(aside.at),
        "first_seen": stamp(entry.first_seen),
        "last_seen": stamp(entry.last_seen),
        "version": entry.version,
        "components": None if aside.components is None else list(aside.components),
        "row": printable(aside.row.decode(errors="replace")) or None,
    }
    return {name: value for name, value in stated.items() if value is not None}
