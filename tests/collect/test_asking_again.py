"""What is read again: by the schedule, and because a venue contradicts us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.errors import SourceError, SourceUnavailable
from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.records import Record, VenuePosition
from exporter.sources.contract import AskedAgain, Reading
from tests.builders import NOW, balance, fill, mark, sale
from tests.collect.pipeline import Pipeline, answering

HELD, SOLD = fill("buy yes 10 @ 0.40"), fill("buy no 4 @ 0.30", at=NOW + timedelta(seconds=1))
ROW = VenuePosition(
    source="kalshi",
    ticker="M",
    subaccount=0,
    position=Decimal(6),
    exposure=Decimal("2.40"),
    realised=Decimal("1.20"),
    fees=Decimal(0),
    at=NOW,
)


class Venue:
    """Answers for single markets with what a test has put there; an error is raised."""

    def __init__(self, *rows: Record) -> None:
        self.answer: Sequence[Record] | SourceError = rows
        self.asked: list[list[str]] = []

    async def ask_again(self, scopes: Sequence[str], at: datetime) -> AskedAgain:
        self.asked.append(list(scopes))
        if isinstance(self.answer, SourceError):
            raise self.answer
        reading = Reading(source="kalshi", as_of=at, records=tuple(self.answer))
        return AskedAgain(reading=reading, whole=frozenset(scopes))


def may_be_asked(pipeline: Pipeline, venue: Venue) -> None:
    """Make the pipeline's venue one that can be asked again."""
    for name in ("ask_again", "probe"):
        setattr(pipeline.kalshi, name, venue.ask_again)


async def contradicted(pipeline: Pipeline, venue: Venue, *rows: Record) -> None:
    """Have the venue state six contracts for as long as counts, whatever its lists have."""
    may_be_asked(pipeline, venue)
    await pipeline.cycle.start()
    said = (mark(bid="0.50", ask="0.52"), balance("-2.80", "3"), ROW)
    pipeline.kalshi.answer = answering("kalshi", *rows, observations=said)
    for _ in range(CONFIRMING_READINGS):
        pipeline.clock.advance(seconds=10)
        await pipeline.collect_all()


def test_a_contradiction_asks_for_its_market_and_books_what_is_found(tmp_path: Path) -> None:
    """In the same turn as the reading that confirms it."""

    async def scenario() -> None:
        pipeline, venue = Pipeline(tmp_path / "n.sqlite3"), Venue(HELD, SOLD)
        await contradicted(pipeline, venue, HELD)
        assert venue.asked == [["M"]]
        book = pipeline.cycle.books.ledger.venues["kalshi"].portfolio.books["M"]
        assert (book.position, book.realised) == (6, Decimal("1.20"))
        assert pipeline.counted("northstar_rereads_total", source="kalshi", why="contradicted") == 1
        assert pipeline.counted("northstar_late_rows_total", source="kalshi", kind="fill") == 1
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_a_fill_that_is_not_listed_any_more_is_taken_back_where_the_rest_ties(tmp_path: Path) -> None:
    """Six were bought and four busted; the last revision says so."""
    kept, busted = fill("buy yes 6 @ 0.40", fill_id="kept"), fill("buy yes 4 @ 0.40", fill_id="busted")

    async def scenario() -> None:
        pipeline, venue = Pipeline(tmp_path / "n.sqlite3"), Venue(kept)
        row = replace(ROW, realised=Decimal(0))
        may_be_asked(pipeline, venue)
        await pipeline.cycle.start()
        pipeline.kalshi.answer = answering("kalshi", kept, busted, observations=(balance("-4"), row))
        await pipeline.collect_all()
        pipeline.kalshi.answer = answering("kalshi", kept, observations=(balance("-2.40"), row))
        for _ in range(CONFIRMING_READINGS):
            pipeline.clock.advance(seconds=10)
            await pipeline.collect_all()
        revisions = pipeline.cycle.store.records.revisions("kalshi", "fill", "busted")
        assert [each.voided for each in revisions] == [False, True]  # type: ignore[union-attr]
        assert pipeline.counted("northstar_restatements_total", source="kalshi", kind="fill") == 1
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_a_venue_that_cannot_be_asked_again_leaves_the_reading_as_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted and said; the source stands as its reading left it."""

    async def scenario() -> None:
        pipeline, venue = Pipeline(tmp_path / "n.sqlite3"), Venue()
        venue.answer = SourceUnavailable("kalshi", "timeout", "Kalshi did not answer.")
        await contradicted(pipeline, venue, HELD)
        tree = await pipeline.collect_all()
        assert "error" not in tree["sources"]["kalshi"]
        assert pipeline.counted("northstar_source_errors_total", source="kalshi", reason="timeout") == 1
        await pipeline.cycle.stop()

    asyncio.run(scenario())
    assert "not asked again: Kalshi did not answer." in caplog.text


def test_each_hour_two_days_are_read_again(tmp_path: Path) -> None:
    """Of a source of any kind; what only that has found is counted."""

    async def scenario() -> None:
        pipeline = Pipeline(tmp_path / "n.sqlite3")
        await pipeline.cycle.start()
        pipeline.sales.answer = answering("sales", sale("5"))
        await pipeline.collect_all()
        pipeline.kalshi.answer = answering("kalshi", fill("buy yes 1 @ 0.40", at=NOW - timedelta(hours=20)))
        pipeline.clock.advance(hours=1)
        await pipeline.collect_all()
        for source in (pipeline.kalshi, pipeline.sales):
            start, end = source.windows[-1].start, source.windows[-1].end
            assert start is not None
            assert end - start >= timedelta(days=2)
        assert pipeline.counted("northstar_late_rows_total", source="kalshi", kind="fill") == 1
        await pipeline.cycle.stop()

    asyncio.run(scenario())
