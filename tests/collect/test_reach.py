"""Each source is asked in its own time: whatever our clock says, nothing that it lists is lost."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect.reach import reached, remembered
from exporter.records import Sale
from exporter.sources.contract import Reading, Window
from exporter.store.records import Watermark
from tests.builders import NOW, sale
from tests.collect.pipeline import Pipeline, answering
from tests.examples import examples

HOUR = timedelta(hours=1)
OURS = st.sampled_from(
    [timedelta(), HOUR, -HOUR, timedelta(days=40), -timedelta(days=40), timedelta(minutes=15)]
)


class Shop:
    """A shop with a clock of its own, which may state it with each answer."""

    def __init__(self, pipeline: Pipeline, behind: timedelta, dated: bool) -> None:
        self.pipeline, self.behind, self.dated = pipeline, behind, dated
        self.sales: list[Sale] = []
        self.asked: list[Window] = []

    @property
    def now(self) -> datetime:
        return self.pipeline.clock.now - self.behind

    def sell(self) -> None:
        self.sales.append(sale("1", sale_id=f"s-{len(self.sales)}", at=self.now))

    def answer(self, window: Window) -> Reading:
        self.asked.append(window)
        listed = [each for each in self.sales if window.start is None or each.updated_at >= window.start]
        skew = -self.behind if self.dated else None
        return Reading(source="sales", as_of=window.end, records=tuple(listed), skew=skew)


@settings(deadline=None, max_examples=examples(25))
@given(
    behind=OURS,
    dated=st.booleans(),
    gaps=st.lists(st.integers(1, 3 * 3600), max_size=8),
    steps=st.lists(OURS, min_size=8, max_size=8),
)
def test_no_sale_is_lost_whatever_our_clock_says(
    behind: timedelta, dated: bool, gaps: list[int], steps: list[timedelta]
) -> None:
    """Ours may be ahead, behind, and set in between; the shop lists by the time of its own changes."""

    async def scenario(path: Path) -> None:
        pipeline = Pipeline(path)
        shop = Shop(pipeline, behind, dated)
        pipeline.sales.answer = shop.answer
        await pipeline.cycle.start()
        await pipeline.cycle.turns.collect(pipeline.sales)
        for gap, step in zip(gaps, steps, strict=False):
            pipeline.clock.advance(seconds=gap)
            shop.sell()
            pipeline.clock.now += step
            shop.behind += step
            await pipeline.cycle.turns.collect(pipeline.sales)
        replayed = {record.key for record in pipeline.cycle.store.records.replay(["sales"])}
        assert replayed == {each.key for each in shop.sales}
        await pipeline.cycle.stop()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder) / "northstar.sqlite3"))


def test_a_shop_is_asked_from_its_newest_change_and_from_the_beginning_before_it_showed_one(
    tmp_path: Path,
) -> None:
    """Also after a restart."""

    async def scenario() -> None:
        pipeline = Pipeline(tmp_path / "northstar.sqlite3")
        shop = Shop(pipeline, HOUR, dated=True)
        pipeline.sales.answer = shop.answer
        await pipeline.cycle.start()
        await pipeline.cycle.turns.collect(pipeline.sales)
        shop.sell()
        await pipeline.cycle.turns.collect(pipeline.sales)
        await pipeline.cycle.turns.collect(pipeline.sales)
        newest = NOW - HOUR - pipeline.sales.overlap
        assert [window.start for window in shop.asked] == [None, None, newest]
        await pipeline.cycle.stop()
        again = Pipeline(tmp_path / "northstar.sqlite3")
        await again.cycle.start()
        await again.cycle.turns.collect(again.sales)
        assert again.sales.windows[0].start == newest
        await again.cycle.stop()

    asyncio.run(scenario())


def test_a_change_dated_ahead_of_its_own_source_does_not_put_off_what_comes_meanwhile() -> None:
    """A typing error in one row would hide every sale of the two days until then."""
    odd = sale("1", at=NOW + timedelta(days=2))
    reading = Reading(source="sales", as_of=NOW, records=(odd,), skew=-HOUR)
    assert reached("sales", None, reading, Window(None, NOW)) == NOW - HOUR


@pytest.mark.parametrize(("known", "told"), [(0, -1), (-1, 0), (2, 1), (0, 0), (1, None)])
def test_what_has_no_time_of_change_has_reached_its_sources_clock_when_asked(
    known: int, told: int | None
) -> None:
    """As we took it when we asked, or as it then said: the earlier one loses nothing."""
    skew = None if told is None else told * HOUR
    reading = Reading(source="kalshi", as_of=NOW, records=(), skew=skew)
    window = Window(None, NOW, skew=known * HOUR)
    assert window.there == NOW + known * HOUR
    expected = min(known, known if told is None else told)
    assert reached("venue", None, reading, window) == NOW + expected * HOUR


def test_of_a_version_that_went_by_our_clock_a_shop_is_read_once_more_from_the_beginning() -> None:
    """Sales may be missing behind any time that it kept."""
    old = Watermark(NOW, NOW)
    assert remembered("sales", old) is None
    assert remembered("venue", old) == NOW
    assert remembered("sales", Watermark(NOW, NOW, NOW - HOUR)) == NOW - HOUR


def test_a_reading_without_sales_leaves_the_place_where_it_was(tmp_path: Path) -> None:
    """Nothing new is no news about the shop's time."""

    async def scenario() -> None:
        pipeline = Pipeline(tmp_path / "northstar.sqlite3")
        pipeline.sales.answer = answering("sales", sale("5"))
        await pipeline.cycle.start()
        await pipeline.cycle.turns.collect(pipeline.sales)
        pipeline.sales.answer = answering("sales")
        pipeline.clock.advance(days=1)
        for _ in range(2):
            await pipeline.cycle.turns.collect(pipeline.sales)
        assert pipeline.sales.windows[-1].start == NOW - pipeline.sales.overlap
        await pipeline.cycle.stop()

    asyncio.run(scenario())
