"""What is committed is what is shown, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from exporter.errors import StoreUnavailable
from exporter.times import unstamp
from tests.builders import sale
from tests.collect.pipeline import Pipeline, answering


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


def test_nothing_is_shown_that_was_not_committed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the last snapshot stays, the failure is counted, and the next tick recovers."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        shown = await pipeline.collect_all()
        snapshots = pipeline.cycle.store.snapshots
        with monkeypatch.context() as broken:
            broken.setattr(snapshots, "append", partial(_refuse, StoreUnavailable("disk full")))
            await pipeline.cycle.publisher.publish()
        assert pipeline.latest == shown
        assert pipeline.counted("northstar_store_errors_total") == 1
        await pipeline.cycle.publisher.publish()
        assert pipeline.latest["sequence"] == shown["sequence"] + 1
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def _refuse(error: Exception, *_: object) -> None:
    raise error


def test_snapshot_that_does_not_balance_is_refused_and_counted(path: Path) -> None:
    """The old figures stay until the books are right again: a record that changes has them made anew."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = answering("sales", sale("5"))
        shown = await pipeline.collect_all()
        pipeline.cycle.books.ledger.shops["sales"].journal.balances["receivable"] += 1
        await pipeline.cycle.publisher.publish()
        assert pipeline.latest == shown
        assert pipeline.counted("northstar_snapshots_refused_total") == 1
        pipeline.sales.answer = answering("sales", sale("7"))
        tree = await pipeline.collect_all()
        assert tree["windows"]["all"]["net"]["usd"] == "7.00"
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_time_stands_still_where_the_clock_goes_back_a_little(path: Path) -> None:
    """It is slewed, or set by less than anybody notices: nobody needs to see that."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        shown = await pipeline.collect_all()
        pipeline.clock.step(-timedelta(seconds=0.4))
        await pipeline.cycle.publisher.publish()
        assert pipeline.latest["as_of"] == shown["as_of"]
        pipeline.clock.advance(seconds=0.5)
        await pipeline.cycle.publisher.publish()
        assert unstamp(pipeline.latest["as_of"]) == pipeline.clock.now
        await pipeline.cycle.stop()

    asyncio.run(scenario())
