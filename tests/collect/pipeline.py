"""A cycle over a real store, with a clock and sources that obey the test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from exporter.collect.cycle import Cycle
from exporter.ledger import Ledger
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.snapshot import plain_json
from exporter.sources.contract import Reading, Window
from exporter.store import Store
from tests.builders import NOW, UTC_ZONE, infos


class Clock:
    """Time that moves when told: both clocks with `advance`, and with `step` the wall clock alone."""

    def __init__(self) -> None:
        self.now = NOW
        self.elapsed = timedelta(0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)
        self.elapsed += timedelta(**by)

    def step(self, by: timedelta) -> None:
        self.now += by

    def monotonic(self) -> float:
        return self.elapsed.total_seconds()


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

    def __init__(self, path: Path, *more: str) -> None:
        self.path = path
        self.clock = Clock()
        self.registry = CollectorRegistry()
        self.kalshi = FakeSource("kalshi", answering("kalshi"))
        self.sales = FakeSource("sales", answering("sales"))
        self.cycle = Cycle(
            Store.write(path),
            partial(Ledger, UTC_ZONE, infos("kalshi", "sales", *more)),
            [self.kalshi, self.sales, *(FakeSource(name, answering(name)) for name in more)],
            ExporterMetrics(self.registry),
            self.clock,
            monotonic=self.clock.monotonic,
        )

    async def collect_all(self) -> dict[str, Any]:
        for source in self.cycle.sources:
            await self.cycle.turns.collect(source)
        return self.latest

    @property
    def latest(self) -> dict[str, Any]:
        """The newest snapshot as JSON."""
        assert self.cycle.publisher.latest is not None
        return plain_json(self.cycle.publisher.latest)

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def net(self) -> str | None:
        usd: str | None = self.latest["windows"]["today"]["net"].get("usd")
        return usd
