"""One cycle: what is committed, what is shown, and what happens when a part of it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from exporter.collect.cycle import Cycle
from exporter.errors import SourceMalformed, SourceUnavailable, StoreUnavailable
from exporter.ledger import Ledger
from exporter.metrics.health import Health
from exporter.records import Answer
from exporter.snapshot import Tree
from exporter.sources.contract import Reading, Window
from exporter.store import Store
from exporter.times import unstamp
from tests.builders import NOW, UTC_ZONE, fill, infos, mark, sale


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class FakeSource:
    """Answers what the test put into `answer`: a reading or an error."""

    interval = timedelta(seconds=10)
    overlap = timedelta(minutes=10)
    freshness = timedelta(minutes=1)

    def __init__(self, name: str, answer: Callable[[Window], Reading]) -> None:
        self.name = name
        self.answer = answer
        self.windows: list[Window] = []
        self.closed = False

    async def fetch(self, window: Window) -> Reading:
        self.windows.append(window)
        return self.answer(window)

    async def aclose(self) -> None:
        self.closed = True


def answering(source: str, *records: object, **more: object) -> Callable[[Window], Reading]:
    def answer(window: Window) -> Reading:
        return Reading(source=source, as_of=window.end, records=records, **more)  # type: ignore[arg-type]

    return answer


def failing(error: Exception) -> Callable[[Window], Reading]:
    def answer(window: Window) -> Reading:
        raise error

    return answer


class Pipeline:
    """A cycle over a real store with sources that obey the test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.registry = CollectorRegistry()
        self.kalshi = FakeSource("kalshi", answering("kalshi"))
        self.sales = FakeSource("sales", answering("sales"))
        self.cycle = Cycle(
            Store.write(path),
            partial(Ledger, UTC_ZONE, infos("kalshi", "sales")),
            [self.kalshi, self.sales],
            Health(self.registry),
            self.clock,
        )

    async def collect_all(self) -> Tree:
        for source in self.cycle.sources:
            await self.cycle.collect(source)
        assert self.cycle.latest is not None
        return self.cycle.latest

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def net(self) -> str | None:
        assert self.cycle.latest is not None
        usd: str | None = self.cycle.latest["windows"]["today"]["net"].get("usd")
        return usd


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
        assert pipeline.sales.windows == [
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
            await pipeline.cycle.collect(pipeline.sales)
        assert len(pipeline.sales.windows) == 1
        pipeline.clock.advance(seconds=61)
        await pipeline.cycle.collect(pipeline.sales)
        assert len(pipeline.sales.windows) == 2
        await pipeline.cycle.stop()

    asyncio.run(scenario())


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
        assert second.cycle.latest == shown
        second.clock.advance(seconds=5)
        after = await second.collect_all()
        assert after["epoch"] == shown["epoch"]
        assert after["sequence"] == shown["sequence"] + 2
        assert after["positions"] == shown["positions"]
        assert after["windows"]["today"]["components"]["trading_unrealised_change"]["usd"] == "1.00"
        await second.cycle.stop()

    asyncio.run(scenario())


def test_nothing_is_shown_that_was_not_committed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the last snapshot stays, the failure is counted, and the next tick recovers."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        shown = await pipeline.collect_all()
        snapshots = pipeline.cycle.store.snapshots
        with monkeypatch.context() as broken:
            broken.setattr(snapshots, "append", partial(_refuse, StoreUnavailable("disk full")))
            await pipeline.cycle.publish()
        assert pipeline.cycle.latest is shown
        assert pipeline.counted("northstar_store_errors_total") == 1
        await pipeline.cycle.publish()
        assert pipeline.cycle.latest["sequence"] == shown["sequence"] + 1
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def _refuse(error: Exception, *_: object) -> None:
    raise error


def test_snapshot_that_does_not_balance_is_refused_and_counted(path: Path) -> None:
    """The old figures stay until the books are right again."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = answering("sales", sale("5"))
        shown = await pipeline.collect_all()
        pipeline.cycle._ledger.shops["sales"].journal.balances["receivable"] += 1
        await pipeline.cycle.publish()
        assert pipeline.cycle.latest is shown
        assert pipeline.counted("northstar_snapshots_refused_total") == 1
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_record_that_the_ledger_refuses_stops_new_figures_until_it_is_corrected(path: Path) -> None:
    """Half-booked changes are never published; a corrected revision heals the books."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        shown = await pipeline.collect_all()
        huge = fill("buy yes 99999999999999.99 @ 0.123457", fill_id="huge")
        pipeline.kalshi.answer = answering("kalshi", huge)
        await pipeline.collect_all()
        assert pipeline.cycle.latest is shown
        assert pipeline.counted("northstar_source_errors_total", source="kalshi", reason="ledger") == 1
        pipeline.kalshi.answer = answering("kalshi", replace(huge, count=Decimal(1)))
        pipeline.clock.advance(seconds=1)
        tree = await pipeline.collect_all()
        assert tree["positions"]["M"]["count"] == "1.00"
        await pipeline.cycle.stop()

    asyncio.run(scenario())


def test_published_time_never_goes_back(path: Path) -> None:
    """The machine's clock may be set back; readers must not see yesterday after today."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        shown = await pipeline.collect_all()
        pipeline.clock.advance(hours=-2)
        await pipeline.cycle.publish()
        assert pipeline.cycle.latest is not None
        assert unstamp(pipeline.cycle.latest["as_of"]) >= unstamp(shown["as_of"])
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
        await asyncio.gather(*(pipeline.cycle.collect(pipeline.sales) for _ in range(30)))
        await pipeline.cycle.collect(pipeline.kalshi)
        assert pipeline.net() == "30.00"
        snapshots = pipeline.cycle.store.snapshots
        assert snapshots.last_sequence() == 31
        assert [row.sequence for row in snapshots.after(0)] == list(range(1, 32))
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


@pytest.mark.parametrize(
    ("last", "end", "every", "begins"),
    [
        (None, NOW, timedelta(days=1), True),
        (NOW, NOW + timedelta(hours=11, minutes=59), timedelta(days=1), False),
        (NOW, NOW + timedelta(hours=12), timedelta(days=1), True),
        (NOW - timedelta(seconds=1), NOW, timedelta(hours=1), True),
        (NOW, NOW + timedelta(minutes=4, seconds=59), timedelta(minutes=5), False),
        (NOW, NOW - timedelta(days=1), timedelta(days=1), True),
    ],
)
def test_a_part_of_a_day_begins_with_its_first_reading(
    last: datetime | None, end: datetime, every: timedelta, begins: bool
) -> None:
    """Days are UTC days; a clock that was set back begins one, too."""
    assert Window(None, end, last).begins(every) is begins
