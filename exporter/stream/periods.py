"""Figures of periods, and their lines: the routes that answer about the past."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from exporter.errors import PeriodError
from exporter.periods.comparison import MAX_AVERAGED, ComparisonRule
from exporter.periods.dimension import Dimension
from exporter.periods.grammar import parse
from exporter.periods.period import Period, Unit, split
from exporter.reports.answers import course_tree, periods_tree, place, statement_tree
from exporter.reports.changes import changes_tree
from exporter.reports.comparison import ComparisonAsked, comparison_tree
from exporter.reports.course import Step
from exporter.reports.knowledge import NotTold
from exporter.reports.reader import PeriodReader
from exporter.store import Store
from exporter.stream import models
from exporter.stream.groups import HEADERS
from exporter.stream.history import BadQuestion, time_of

MOST_PERIODS = 400
"""Periods in one answer: a year of days, and some hundred kilobytes."""

MOST_ROWS = 1_000
"""Rows of a statement in one answer: some hundred kilobytes."""

FOLLOWS_SECONDS, TRIES = 0.3, 4
"""The lines of today follow the snapshot within so long; until then the rows are not those of its figures,
and the answer waits so many times before it says so."""

LONGEST = 60
"""Characters of a period; the longest that means anything has fewer."""

RECENT = "month-11"
"""Where a list begins that nobody said the beginning of; it goes to the running month then."""

AT_ONCE = 2
"""Answers made at a time; others wait. They read a lot, and nobody's stream should feel it."""

Text = Annotated[str, Query(max_length=LONGEST, examples=["2026-10"])]


Known = Annotated[
    str | None, Query(max_length=LONGEST, description="As it was known then; default as it is known now.")
]


def router(database: Path) -> APIRouter:
    """Return the routes over the database at a path."""
    routes = APIRouter(prefix="/api/pnl", tags=["periods"])
    turns = asyncio.Semaphore(AT_ONCE)

    async def answered(answer: Callable[[Store, PeriodReader], dict[str, Any]]) -> Response:
        def made() -> dict[str, Any]:
            # On a connection of its own: whoever resumes its stream must not wait for a year of lines.
            with Store.pinned(database) as store:
                try:
                    return answer(store, PeriodReader(store))
                except (PeriodError, NotTold) as error:
                    raise BadQuestion(str(error)) from None

        async with turns:
            stated = await asyncio.to_thread(made)
            for _ in range(TRIES - 1):
                if stated.get("exact", True):
                    break
                await asyncio.sleep(FOLLOWS_SECONDS)
                stated = await asyncio.to_thread(made)
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
        ] = RECENT,
        until: Annotated[
            str | None,
            Query(alias="to", max_length=LONGEST, description="The last one's; default the same, or now's."),
        ] = None,
        known_at: Known = None,
        sums: Annotated[
            bool, Query(description="Whether to say, too, what its weeks and the whole of it come to.")
        ] = False,
    ) -> Response:
        moment = None if known_at is None else time_of("known_at", known_at)
        return await answered(
            lambda store, now: periods_tree(
                _as_known(store, now, moment), _pieces(now, by, since, until), sums
            )
        )

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
        known_at: Known = None,
    ) -> Response:
        moment = None if known_at is None else time_of("known_at", known_at)
        return await answered(
            lambda store, now: statement_tree(
                _as_known(store, now, moment), _period(now, period), by, offset, limit
            )
        )

    @routes.get(
        "/course",
        response_model=models.CourseAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="How the net of a period came about: its running sum by the hour or the day.",
    )
    async def course(
        period: Text,
        step: Annotated[Step, Query(description="What the points are the ends of.")] = "day",
        components: Annotated[bool, Query(description="Whether each point has its lines, too.")] = False,
    ) -> Response:
        return await answered(lambda _, now: course_tree(now, _period(now, period), step, components))

    @routes.get(
        "/comparison",
        response_model=models.ComparisonAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="A period beside what it is compared with, to the same point while it runs.",
    )
    async def comparison(
        period: Text = "month",
        rule: Annotated[
            ComparisonRule | None,
            Query(description="Default `same_point` while it runs, `whole` when it is over."),
        ] = None,
        year_ago: Annotated[bool, Query(description="The same one a year ago, not the one before.")] = False,
        weeks: Annotated[int, Query(ge=1, le=52, description="52 or 4, of `weekdays`.")] = 52,
        count: Annotated[int, Query(ge=1, le=MAX_AVERAGED, description="How many `average_n` takes.")] = 3,
        equal_knowledge: Annotated[
            bool, Query(description="The others as they were known when they had come as far.")
        ] = False,
    ) -> Response:
        asked = ComparisonAsked(rule, year_ago, weeks, count, equal_knowledge)
        return await answered(
            lambda store, now: place(now) | comparison_tree(store, now, _period(now, period), asked)
        )

    @routes.get(
        "/changes",
        response_model=models.ChangesAnswer,
        responses={503: {"model": models.Error}, 422: {"model": models.Error}},
        summary="A period as it was known at a moment and as it is now, and each line that has changed.",
    )
    async def changes(
        period: Text, since: Annotated[str, Query(max_length=LONGEST, description="As known then.")]
    ) -> Response:
        moment = time_of("since", since)
        return await answered(lambda store, now: changes_tree(store, now, moment, _period(now, period)))

    return routes


def _as_known(store: Store, now: PeriodReader, moment: datetime | None) -> PeriodReader:
    return now if moment is None else PeriodReader.at(store, moment)


def _period(reader: PeriodReader, text: str) -> Period:
    return parse(text, reader.today, reader.zone)


def _pieces(reader: PeriodReader, by: Unit, since: str, until: str | None) -> list[Period]:
    first = _period(reader, since)
    last = first if until is None else _period(reader, until)
    if until is None and since == RECENT:
        last = _period(reader, "month")
    if last.last < first.first:
        raise BadQuestion(f"from ({first.name}) must not be after to ({last.name}).")
    pieces = split(Period.between(first.first, last.last, reader.zone), by)
    if len(pieces) > MOST_PERIODS:
        raise BadQuestion(
            f"{len(pieces)} periods are too many, {MOST_PERIODS} is the limit: ask for longer ones."
        )
    return pieces
