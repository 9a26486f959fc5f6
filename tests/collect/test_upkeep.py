"""What is past its time goes, and a full disk only puts it off."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from exporter.errors import StoreUnavailable
from tests.collect.pipeline import Pipeline


def test_old_snapshots_are_thinned_and_what_fails_is_counted_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest of them is what it was."""

    async def scenario() -> None:
        pipeline = Pipeline(tmp_path / "northstar.sqlite3")
        await pipeline.cycle.start()
        for _ in range(30):
            pipeline.clock.advance(seconds=1)
            await pipeline.collect_all()
        snapshots = pipeline.cycle.store.snapshots
        count, shown = len(snapshots.after(0)), pipeline.cycle.publisher.latest
        pipeline.clock.advance(hours=2)

        with monkeypatch.context() as broken:
            broken.setattr(snapshots, "roll_up", partial(_refuse, StoreUnavailable("disk full")))
            await pipeline.cycle.upkeep.run()
        assert pipeline.counted("northstar_store_errors_total") == 1
        assert len(snapshots.after(0)) == count

        await pipeline.cycle.upkeep.run()
        assert pipeline.counted("northstar_store_errors_total") == 1
        assert len(snapshots.after(0)) < count
        assert pipeline.cycle.publisher.latest is shown
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_days_that_no_figure_looks_at_again_are_dropped_from_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time of the upkeep's own clock."""

    async def scenario() -> None:
        pipeline = Pipeline(tmp_path / "northstar.sqlite3")
        await pipeline.cycle.start()
        asked = []
        monkeypatch.setattr(pipeline.cycle.books.ledger, "forget_settled", asked.append)
        pipeline.clock.advance(hours=1)
        await pipeline.cycle.upkeep.run()
        assert asked == [pipeline.clock()]
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def _refuse(error: Exception, *_: object) -> None:
    raise error
