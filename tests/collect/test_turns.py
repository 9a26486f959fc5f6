"""Turns: each source is read by itself, waits when asked, and fails alone."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.errors import SourceMalformed, SourceUnavailable, StoreUnavailable
from exporter.records import Answer
from exporter.sources.contract import Window
from exporter.store import Store
from tests.builders import NOW, fill, mark, sale
from tests.collect.pipeline import Pipeline, answering, failing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


def test_one_source_failing_does_not_stop_the_others(path: Path) -> None:
    """Sales moves on while Kalshi is down; the net keeps the last good part."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = answering("sales", sale("5"))
        await pipeline.collect_all()
        assert pipeline.net() == "5.00"
        pipeline.kalshi.answer = failing(SourceUnavailable("kalshi", "timeout", "Kalshi did not answer."))
        pipeline.sales.answer = answering("sales", sale("7", sale_id="s-2"))
        tree = await pipeline.collect_all()
        assert pipeline.net() == "12.00"
        assert tree["sources"]["kalshi"]["error"]["sentence"] == "Kalshi did not answer."
        assert pipeline.counted("northstar_source_errors_total", source="kalshi", reason="timeout") == 1
        pipeline.clock.advance(seconds=61)
        assert (await pipeline.collect_all())["windows"]["today"]["net"]["grade"] == "stale"
        assert pipeline.net() == "12.00"
        pipeline.kalshi.answer = answering("kalshi")
        tree = await pipeline.collect_all()
        assert "error" not in tree["sources"]["kalshi"]
        assert tree["windows"]["today"]["net"]["grade"] == "final"
        await pipeline.cycle.stop()
        assert pipeline.kalshi.closed

    asyncio.run(scenario())


def test_trouble_is_dated_from_its_first_failure(path: Path) -> None:
    """The reader learns since when, not when it was last tried."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = failing(SourceUnavailable("sales", "timeout", "Late."))
        first = (await pipeline.collect_all())["sources"]["sales"]["error"]["since"]
        pipeline.clock.advance(minutes=3)
        assert (await pipeline.collect_all())["sources"]["sales"]["error"]["since"] == first
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_malformed_answer_is_kept_raw_books_nothing_and_names_the_field(path: Path) -> None:
    """A renamed field is an alert, never a zero."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = answering("sales", sale("5"))
        await pipeline.collect_all()
        raw = Answer(source="sales", request="GET /v1/sales", status=200, fetched_at=NOW, body=b'{"sale":[]}')
        pipeline.sales.answer = failing(SourceMalformed("sales", "sales.gross", "No gross.", answers=[raw]))
        await pipeline.collect_all()
        assert pipeline.net() == "5.00"
        assert pipeline.counted("northstar_source_malformed_total", source="sales", field="sales.gross") == 1
        with pipeline.cycle.store.engine.connect() as connection:
            assert (
                connection.exec_driver_sql("SELECT error FROM readings WHERE booked = 0").scalar()
                == "No gross."
            )
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_reading_starts_again_before_the_last_one_ended(path: Path) -> None:
    """The overlap catches what arrived late; the first reading begins at the beginning."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        await pipeline.collect_all()
        pipeline.clock.advance(seconds=10)
        await pipeline.collect_all()
        assert pipeline.kalshi.windows == [
            Window(None, NOW),
            Window(NOW - timedelta(minutes=10), NOW + timedelta(seconds=10), NOW),
        ]
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_source_that_asks_for_a_long_wait_is_left_alone(path: Path) -> None:
    """Its next turns pass without a request until the time it named."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = failing(SourceUnavailable("sales", "rate_limited", "Wait.", retry_after=60))
        for _ in range(3):
            await pipeline.cycle.turns.collect(pipeline.sales)
        assert len(pipeline.sales.windows) == 1
        pipeline.clock.advance(seconds=61)
        await pipeline.cycle.turns.collect(pipeline.sales)
        assert len(pipeline.sales.windows) == 2
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_only_a_reading_that_was_booked_is_the_last_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a source reads once a day is due again when the store, or the ledger, did not take it."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        keep = pipeline.cycle.store.records.book

        def full(*arguments: object, **more: object) -> None:
            raise StoreUnavailable("The disk is full.")

        monkeypatch.setattr(pipeline.cycle.store.records, "book", full)
        await pipeline.collect_all()
        monkeypatch.setattr(pipeline.cycle.store.records, "book", keep)
        pipeline.clock.advance(seconds=10)
        await pipeline.collect_all()
        await pipeline.collect_all()
        assert [window.last for window in pipeline.sales.windows] == [None, None, pipeline.clock()]
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_an_outage_of_a_source_is_two_lines_however_long_it_is(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When it begins and when it is over; what fails beside a reading is over when nothing does."""
    caplog.set_level(logging.INFO, "northstar")
    trouble = SourceUnavailable("sales", "rate_limited", "Names are not told.")

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        for answer in (failing(trouble), answering("sales", troubles=(trouble,)), answering("sales")):
            pipeline.sales.answer = answer
            for _ in range(5):
                await pipeline.collect_all()
        await pipeline.cycle.stop()

    asyncio.run(scenario())
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    first, last = (line for line in lines if "source=sales" in line[1])
    assert first == ("WARNING", "source=sales reason=rate_limited Names are not told.")
    assert last[0] == "INFO"
    assert "source=sales: works again" in last[1]
    assert "failures=10" in last[1]


def test_a_full_disk_is_one_trouble_of_all_who_cannot_write(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not a line for each reading and each snapshot; and one when there is room again."""
    caplog.set_level(logging.INFO, "northstar")

    def full(*_: object, **__: object) -> None:
        raise StoreUnavailable("The disk is full.")

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        with monkeypatch.context() as disk:
            disk.setattr(pipeline.cycle.store.records, "book", full)
            disk.setattr(pipeline.cycle.store.snapshots, "append", full)
            for _ in range(5):
                for source in pipeline.cycle.sources:
                    await pipeline.cycle.turns.collect(source)
        await pipeline.collect_all()
        assert pipeline.counted("northstar_store_errors_total") == 10 * len(pipeline.cycle.sources)
        await pipeline.cycle.stop()

    asyncio.run(scenario())
    said = [record for record in caplog.records if "disk" in record.message or "database" in record.message]
    assert [record.levelname for record in said] == ["ERROR", "INFO"]


def test_what_failed_beside_a_reading_is_told_and_kept(path: Path) -> None:
    """The reading is booked; the refusal is counted, its answer kept, and the wish to wait respected."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        refused = Answer(source="sales", request="GET /names", status=429, fetched_at=NOW, body=b"{}")
        trouble = SourceUnavailable(
            "sales", "rate_limited", "Names are not told.", retry_after=30, answers=[refused]
        )
        pipeline.sales.answer = answering("sales", sale("5"), troubles=(trouble,))
        tree = await pipeline.collect_all()
        assert pipeline.net() == "5.00"
        assert tree["sources"]["sales"]["error"]["sentence"] == "Names are not told."
        assert pipeline.counted("northstar_source_errors_total", source="sales", reason="rate_limited") == 1
        pipeline.clock.advance(seconds=29)
        await pipeline.collect_all()
        assert len(pipeline.sales.windows) == 1
        pipeline.clock.advance(seconds=2)
        pipeline.sales.answer = answering("sales")
        tree = await pipeline.collect_all()
        assert "error" not in tree["sources"]["sales"]
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_a_source_that_fails_as_none_may_is_named_and_the_others_go_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Graded, counted under a reason of its own, one line and no traceback; its last figures stay."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.kalshi.answer = answering(
            "kalshi", fill("buy yes 10 @ 0.40"), observations=(mark(bid="0.50"),)
        )
        await pipeline.collect_all()
        pipeline.kalshi.answer = failing(ZeroDivisionError("canary-5ecret"))
        pipeline.sales.answer = answering("sales", sale("5"))
        pipeline.clock.advance(seconds=61)
        for _ in range(3):
            tree = await pipeline.collect_all()
        error = tree["sources"]["kalshi"]["error"]
        assert error["reason"] == "unexpected"
        place = "ZeroDivisionError in collect/pipeline.py, line "
        assert error["sentence"].startswith(f"Kalshi failed in a way that no source may: {place}")
        assert tree["sources"]["kalshi"]["grade"] == "stale"
        assert pipeline.net() == "6.00"
        assert pipeline.counted("northstar_source_errors_total", source="kalshi", reason="unexpected") == 3
        assert "error" not in tree["sources"]["sales"]
        await pipeline.cycle.stop()

    asyncio.run(scenario())
    lines = [record for record in caplog.records if "reason=unexpected" in record.getMessage()]
    assert len(lines) == 1
    assert "canary" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_record_of_another_source_books_nothing_of_the_reading(path: Path) -> None:
    """Neither in its own books nor in the other's."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = answering("sales", sale("5"))
        await pipeline.collect_all()
        pipeline.sales.answer = answering("sales", sale("7", sale_id="s-2"), fill("buy yes 1 @ 0.5"))
        tree = await pipeline.collect_all()
        assert tree["sources"]["sales"]["error"]["reason"] == "foreign"
        assert pipeline.net() == "5.00"
        assert not tree["positions"]
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_a_source_that_cannot_be_closed_keeps_nothing_open(path: Path) -> None:
    """The store is closed all the same, and so are the other sources."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()

        async def aclose() -> None:
            raise KeyError("canary-5ecret")

        pipeline.kalshi.aclose = aclose  # type: ignore[method-assign]
        await pipeline.cycle.stop()
        assert pipeline.sales.closed

    asyncio.run(scenario())
    Store.write(path).close()
