"""The parts together: what a restart finds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.collect.listener import Listener
from exporter.errors import SourceUnavailable
from exporter.sources.contract import Reading
from tests.builders import fill, mark
from tests.collect.conftest import Refusing
from tests.collect.pipeline import Pipeline, answering, failing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


def test_restart_shows_the_last_snapshot_at_once_and_goes_on_from_it(path: Path) -> None:
    """Figures, marks and numbering survive; nothing shown is lost."""

    async def scenario() -> None:
        first = Pipeline(path)
        await first.cycle.start()
        first.kalshi.answer = answering("kalshi", fill("buy yes 10 @ 0.40"), observations=(mark(bid="0.50"),))
        shown = await first.collect_all()
        await first.cycle.stop()

        second = Pipeline(path)
        second.kalshi.answer = failing(SourceUnavailable("kalshi", "connect", "Nobody there."))
        await second.cycle.start()
        assert second.latest == shown
        second.clock.advance(seconds=5)
        after = await second.collect_all()
        assert after["epoch"] == shown["epoch"]
        assert after["sequence"] == shown["sequence"] + 2
        assert after["positions"] == shown["positions"]
        assert after["windows"]["today"]["components"]["trading_unrealised_change"]["usd"] == "1.00"
        await second.cycle.stop()

    asyncio.run(scenario())


def test_a_listener_is_told_of_each_step_once_it_is_done(path: Path) -> None:
    """First that a reading is booked, then that its snapshot is committed; never of what failed."""

    class Heard(Listener):
        def __init__(self) -> None:
            self.steps: list[object] = []

        def booked(self, reading: Reading) -> None:
            self.steps.append(reading.source)

        def published(self, snapshot: object) -> None:
            assert snapshot is pipeline.cycle.publisher.latest
            self.steps.append(pipeline.cycle.store.snapshots.last_sequence())

    pipeline = Pipeline(path)

    async def scenario() -> None:
        await pipeline.cycle.start()
        heard = Heard()
        pipeline.cycle.listen(heard)
        await pipeline.collect_all()
        pipeline.sales.answer = failing(SourceUnavailable("sales", "timeout", "Late."))
        await pipeline.collect_all()
        assert heard.steps == ["kalshi", 1, "sales", 2, "kalshi", 3, 4]
        pipeline.cycle.ignore(heard)
        await pipeline.collect_all()
        assert len(heard.steps) == 7
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_books_that_cannot_be_rebuilt_leave_the_last_figures_and_heal_with_a_correction(
    path: Path, refusing: Refusing
) -> None:
    """Half a ledger is never stated; the next reading that is right makes it whole."""

    async def scenario() -> None:
        first = Pipeline(path)
        await first.cycle.start()
        shown = await first.collect_all()
        huge = fill("buy yes 99999999999999.99 @ 0.123457", fill_id="huge")
        refusing(huge)
        first.kalshi.answer = answering("kalshi", huge)
        await first.collect_all()
        await first.cycle.stop()

        second = Pipeline(path)
        second.clock.advance(seconds=5)
        await second.cycle.start()
        assert second.latest == shown
        assert not second.cycle.books.sound
        await second.cycle.publisher.publish()
        assert second.latest == shown
        second.kalshi.answer = answering("kalshi", replace(huge, count=Decimal(1)))
        tree = await second.collect_all()
        assert tree["positions"]["M"]["count"] == "1.00"
        await second.cycle.stop()

    asyncio.run(scenario())
