"""The ledger takes what is read, in any order, and never half of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.sources.contract import Reading, Window
from tests.builders import NOW, fill, sale
from tests.collect.conftest import Refusing
from tests.collect.pipeline import Pipeline, answering


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


def test_record_that_the_ledger_refuses_stops_new_figures_until_it_is_corrected(
    path: Path, refusing: Refusing
) -> None:
    """Half-booked changes are never published; a corrected revision heals the books."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        shown = await pipeline.collect_all()
        huge = fill("buy yes 99999999999999.99 @ 0.123457", fill_id="huge")
        refusing(huge)
        pipeline.kalshi.answer = answering("kalshi", huge)
        await pipeline.collect_all()
        assert pipeline.latest == shown
        assert pipeline.counted("northstar_source_errors_total", source="kalshi", reason="ledger") == 1
        pipeline.kalshi.answer = answering("kalshi", replace(huge, count=Decimal(1)))
        pipeline.clock.advance(seconds=1)
        tree = await pipeline.collect_all()
        assert tree["positions"]["M"]["count"] == "1.00"
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_late_fill_is_replayed_from_the_store(path: Path) -> None:
    """Arriving after a later one, it still closes at the right cost."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.kalshi.answer = answering("kalshi", fill("buy no 4 @ 0.45", at=NOW))
        await pipeline.collect_all()
        pipeline.kalshi.answer = answering("kalshi", fill("buy yes 10 @ 0.40", at=NOW - timedelta(hours=1)))
        tree = await pipeline.collect_all()
        assert tree["windows"]["today"]["components"]["trading_realised"]["usd"] == "0.60"
        assert tree["positions"]["M"]["cost"] == "2.40"
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_concurrent_readings_never_share_a_half_changed_ledger(path: Path) -> None:
    """Many cycles at once give consecutive sequences and all their records."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        numbers = iter(range(1000))

        def answer(window: Window) -> Reading:
            return answering("sales", sale("1", sale_id=f"s-{next(numbers)}"))(window)

        pipeline.sales.answer = answer
        await asyncio.gather(*(pipeline.cycle.turns.collect(pipeline.sales) for _ in range(30)))
        await pipeline.cycle.turns.collect(pipeline.kalshi)
        assert pipeline.net() == "30.00"
        snapshots = pipeline.cycle.store.snapshots
        assert snapshots.last_sequence() == 31
        assert [row.sequence for row in snapshots.after(0)] == list(range(1, 32))
        await pipeline.cycle.stop()

    asyncio.run(scenario())
