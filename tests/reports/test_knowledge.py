"""The past as it was known: what is answered for a moment is what was answered at it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.periods.period import Period, split
from exporter.records import Record
from exporter.reports import knowledge
from exporter.reports.answers import statement_tree
from exporter.reports.knowledge import NothingPublished, TooMuchSince
from exporter.reports.reader import PeriodFigures, PeriodReader
from exporter.store import Store
from tests.builders import NOW, UTC_ZONE, bill, fill, mark, sale
from tests.examples import examples
from tests.ledger.test_daybook import ZONES, records
from tests.reports.test_reader import World, empty, world

__all__ = ["empty", "world"]  # fixtures


def answered(reader: PeriodReader) -> list[PeriodFigures]:
    """Return what is answered of the last days, weeks and months, whole and by what they are made of."""
    span = Period.between(reader.today - timedelta(days=45), reader.today, reader.zone)
    pieces = [*split(span, "day"), *split(span, "week"), *split(span, "month"), span]
    return [reader.figures(piece) for piece in pieces]


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(st.tuples(st.lists(records.map(tuple), max_size=2), st.integers(1, 30)), min_size=2, max_size=4),
    st.sampled_from(ZONES),
)
def test_what_is_answered_for_a_moment_is_what_was_answered_at_it(
    empty: Path, steps: list[tuple[list[tuple[Record, ...]], int]], zone: object
) -> None:
    """Whatever has come since, late, revised or settled: amounts, grades and reasons, to the last letter."""
    with Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store:
        world = World(store, zone)  # type: ignore[arg-type]
        world.marks = [mark("A-1", bid="0.40", ask="0.41"), mark("B-1", bid="0.50", ask="0.52")]
        world.clock.step(timedelta(days=-20))
        then = []
        for batches, hours in steps:
            for batch in batches:
                world.keep(*batch)
            world.publish()
            then.append((world.clock(), answered(PeriodReader(store))))
            world.clock.advance(hours=hours)
        for moment, said in then:
            reader = PeriodReader.at(store, moment)
            assert answered(reader) == said
            span = Period.between(reader.today - timedelta(days=45), reader.today, reader.zone)
            for dimension in ("market", "product", "model"):
                assert statement_tree(reader, span, dimension, 0, 9_999)["exact"]


def test_a_month_has_two_answers(world: World) -> None:
    """As it was known when it ended, and as it is known now: a late fill, a revised bill, a refund."""
    october = Period.holding("month", NOW.date() - timedelta(days=40), UTC_ZONE)
    world.clock.now = october.end + timedelta(hours=1)
    at = october.end - timedelta(days=3)
    world.keep(sale("5.00", at=at), bill(at.date(), "1.00"))
    world.publish()
    then = world.clock()
    world.clock.now = NOW
    world.keep(sale("7.00", sale_id="late", at=at), bill(at.date(), "1.50"))
    world.publish()
    assert PeriodReader(world.store).figures(october).net.usd == Decimal("10.50")
    assert PeriodReader.at(world.store, then).figures(october).net.usd == Decimal("4.00")


def test_what_nobody_published_is_not_made_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first snapshot nothing was known; where too much has come since, that is said."""
    world.publish()
    with pytest.raises(NothingPublished, match="kept whole"):
        PeriodReader.at(world.store, NOW - timedelta(seconds=1))
    world.clock.advance(hours=1)
    world.keep(*(replace(fill("buy yes 1 @ 0.40"), fill_id=f"f{number}") for number in range(3)))
    world.publish()
    monkeypatch.setattr(knowledge, "MOST_CHANGED", 2)
    with pytest.raises(TooMuchSince, match="3 records of kalshi"):
        PeriodReader.at(world.store, NOW)
