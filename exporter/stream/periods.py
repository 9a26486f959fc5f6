"""Figures of periods, and their lines: the routes that answer about the past."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from exporter.errors import PeriodError, StoreUnavailable
from exporter.periods.dimension import Dimension
from exporter.periods.grammar import parse
from exporter.periods.period import Period, Unit, split
from exporter.reports.answers import periods_tree, statement_tree
from exporter.reports.reader import Openings, PeriodReader
from exporter.snapshot import from_json
from exporter.store import Store
from exporter.stream import models
from exporter.stream.feed import Feed
from exporter.stream.groups import HEADERS
from exporter.stream.history import BadQuestion

MOST_PERIODS = 400
"""Periods in one answer: a year of days, and some hundred kilobytes."""

MOST_ROWS = 1_000
"""Rows of a statement in one answer: some hundred kilobytes."""

FOLLOWS_SECONDS, TRIES = 0.3, 4
"""The lines of today follow the snapshot within so long; until then the rows are not those of its figures,
and the answer waits so many times before it says so."""

LONGEST = 60
"""Characters of a period; the longest that means anything has fewer."""

AT_ONCE = 2
"""Answers made at a time; others wait. They read a lot, and nobody's stream should feel it."""

Text = Annotated[str, Query(max_length=LONGEST, examples=["2026-10"])]


class Recalled:
    """What snapshots stated at midnights that are over: kept for one numbering, since it stays."""

    def __init__(self) -> None:
        self._epoch, self._openings = "", Openings()

    def of(self, epoch: str) -> Openings:
        """Return what is known of the numbering that is in use."""
        if epoch != self._epoch:
            self._epoch, self._openings = epoch, Openings()
        return self._openings


def router(feed: Feed) -> APIRouter:
    """Return the routes over the database that `feed` follows."""
    routes = APIRouter(prefix="/api/pnl", tags=["periods"])
    turns, recalled = asyncio.Semaphore(AT_ONCE), Recalled()

    async def answered(answer: Callable[[PeriodReader], dict[str, Any]]) -> Response:
        def made(store: Store) -> dict[str, Any]:
            tree = feed.tree
            if tree is None:
                raise StoreUnavailable("The exporter has published no snapshot yet.")
            try:
                return answer(PeriodReader(store, from_json(tree), recalled.of(feed.epoch)))
            except PeriodError as error:
                raise BadQuestion(str(error)) from None

        async with turns:
            stated = await feed.ask(made)
            for _ in range(TRIES - 1):
                if stated.get("exact", True):
                    break
                await asyncio.sleep(FOLLOWS_SECONDS)
                stated = await feed.ask(made)
        return Response(msgspec.json.encode(stated), headers=HEADERS, media_type="application/json")

    @routes.get(
        "/periods",
        response_model=models.PeriodsAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="What days, weeks, months, quarters or years came to, as it is known now.",
    )
    async def periods(
        by: Annotated[Unit, Query(description="How long each is.")] = "month",
        since: Annotated[
            str, Query(alias="from", max_length=LONGEST, description="The period that the first one is of.")
        ] = "last 12 months",
        until: Annotated[
            str | None, Query(alias="to", max_length=LONGEST, description="The last one's; default the same.")
        ] = None,
    ) -> Response:
        return await answered(lambda reader: periods_tree(reader, _pieces(reader, by, since, until)))

    @routes.get(
        "/statement",
        response_model=models.StatementAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="The statement of a period, and its lines by market, product, model and so on.",
    )
    async def statement(
        period: Text,
        by: Annotated[Dimension | None, Query(description="What the rows are; default none.")] = None,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> Response:
        return await answered(
            lambda reader: statement_tree(reader, _period(reader, period), by, offset, limit)
        )

    return routes


def _period(reader: PeriodReader, text: str) -> Period:
    return parse(text, reader.today, reader.zone)


def _pieces(reader: PeriodReader, by: Unit, since: str, until: str | None) -> list[Period]:
    first = _period(reader, since)
    last = first if until is None else _period(reader, until)
    if last.last < first.first:
        raise BadQuestion(f"from ({first.name}) must not be after to ({last.name}).")
    pieces = split(Period.between(first.first, last.last, reader.zone), by)
    if len(pieces) > MOST_PERIODS:
        raise BadQuestion(
            f"{len(pieces)} periods are too many, {MOST_PERIODS} is the limit: ask for longer ones."
        )
    return pieces
