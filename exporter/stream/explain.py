"""The route that explains a figure, or a day of API cost, from the records in the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from exporter.errors import StoreUnavailable
from exporter.explain import CannotExplain, explain_day, explain_figure
from exporter.store import Store
from exporter.stream import models
from exporter.stream.history import BadQuestion, time_of

MOST_RECORDS = 20_000
"""Records read for one answer: about a second. More is a question for `northstar explain`."""

MOST_LINES = 200
AT_ONCE = 2
"""Explanations made at a time; others wait. They read a lot, and nobody's stream should feel it."""

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Window = Literal["today", "24h", "7d", "30d", "mtd", "ytd", "all"]


def router(database: Path) -> APIRouter:
    """Return the route over the database at a path."""
    routes = APIRouter(prefix="/api/pnl", tags=["figures"])
    turns = asyncio.Semaphore(AT_ONCE)

    @routes.get(
        "/explain",
        response_model=models.ExplainedAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="The lines that a figure is the sum of, down to the raw answers; or a day of API cost.",
    )
    async def explain(
        window: Annotated[Window, Query()] = "today",
        figure: Annotated[str, Query(description="`net` or a component.")] = "net",
        at: Annotated[str | None, Query(description="As published then; default now.")] = None,
        day: Annotated[date | None, Query(description="A UTC day of API cost, instead of a figure.")] = None,
        source: Annotated[str | None, Query(description="Of one source alone, by its name.")] = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 50,
    ) -> Response:
        def answer() -> dict[str, Any]:
            with Store.read(database) as store:
                if day is not None:
                    return _place(store) | explain_day(store, day, source).tree()
                return explain_figure(
                    store,
                    window=window,
                    figure=figure,
                    source=source,
                    at=None if at is None else time_of("at", at),
                    offset=offset,
                    limit=limit,
                    most=MOST_RECORDS,
                ).tree()

        async with turns:
            stated = await asyncio.to_thread(_asked, answer)
        body = json.dumps(stated, separators=(",", ":")).encode()
        return Response(body, headers=HEADERS, media_type="application/json")

    return routes


def _place(store: Store) -> dict[str, Any]:
    """Return the newest snapshot's place: what is stored of a day is at least as new."""
    newest = store.snapshots.latest()
    if newest is None:
        raise StoreUnavailable("The exporter has published no snapshot yet.")
    return {name: newest[name] for name in ("epoch", "sequence", "as_of")}


def _asked(answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return answer()
    except CannotExplain as error:
        raise BadQuestion(str(error)) from None
