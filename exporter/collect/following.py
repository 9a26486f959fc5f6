"""The live feed of a source: quotes into the books as they move, and a reading when something else changed.

The schedule goes on beside it, and goes on alone when there is no feed. Nothing here books a record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from exporter.collect.cycle import Cycle
from exporter.collect.listener import Listener
from exporter.collect.pace import Pace
from exporter.errors import SourceError
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.records import Fill, Mark
from exporter.snapshot.tree import LiveStatus
from exporter.sources.blame import where
from exporter.sources.contract import Reading, Source
from exporter.sources.guard import admit
from exporter.sources.live import Changed, LiveFeed

READING_SECONDS = 1.0
"""Between the beginnings of two readings that were asked for: a burst of fills is one or two of them."""

PATIENT_READINGS = 10
"""How often REST may leave out a fill that was announced; after that the schedule alone looks for it."""

AWAITED_FILLS = 1_000

OFF: LiveStatus = "off"

log = logging.getLogger("northstar")


class Follower(Listener):
    """Follows one feed for one source. `run` is a task; once cancelled, the schedule is alone again."""

    def __init__(
        self,
        feed: LiveFeed,
        cycle: Cycle,
        source: Source,
        metrics: ExporterMetrics,
        *,
        reading_seconds: float = READING_SECONDS,
    ) -> None:
        self._feed, self._cycle, self._source, self._metrics = feed, cycle, source, metrics
        self._readings = Pace(partial(cycle.turns.collect, source), reading_seconds)
        self._awaited: dict[str, int] = {}

    async def run(self) -> None:
        """Follow the feed until cancelled."""
        self._cycle.listen(self)
        self._show(self._feed.status)
        tasks = {asyncio.create_task(self._feed.run()), asyncio.create_task(self._consume())}
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for error in filter(None, (task.exception() for task in ended)):
                why = str(error) if isinstance(error, SourceError) else where(error)
                log.error("source=%s live feed ended: %s", self._source.name, why)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._cycle.ignore(self)
            await self._readings.aclose()
            self._metrics.live_connected(self._source.name, False)
            self._show(OFF)

    def booked(self, reading: Reading) -> None:
        """Follow the markets that are open now, check the quotes, and ask again for a fill REST lacks."""
        if reading.source != self._source.name:
            return
        self._feed.follow()
        self._feed.compare(each for each in reading.observations if isinstance(each, Mark))
        listed = {record.key for record in reading.records if isinstance(record, Fill)}
        self._awaited = {key: count + 1 for key, count in self._awaited.items() if key not in listed}
        for key in [key for key, count in self._awaited.items() if count >= PATIENT_READINGS]:
            del self._awaited[key]
            self._metrics.live_dropped(self._source.name, "fill.unlisted")
        if self._awaited:
            # What REST lists trails what happened.
            self._readings.ask()

    async def quoted(self, marks: Sequence[Mark]) -> None:
        """Take quotes; what they move is published soon."""
        if await self._cycle.books.quote(self._source.name, marks):
            self._cycle.publisher.soon()

    async def _consume(self) -> None:
        while True:
            news = await self._feed.news()
            self._show(news.status)
            for change in news.changes:
                self._ask(change)
            if news.marks:
                admit(self._cycle.books.infos[self._source.name], news.marks, ())
                await self.quoted(news.marks)

    def _ask(self, change: Changed) -> None:
        if change.fill_id is not None and len(self._awaited) < AWAITED_FILLS:
            self._awaited.setdefault(change.fill_id, 0)
        self._readings.ask()

    def _show(self, status: LiveStatus) -> None:
        news = self._cycle.standings.feeding(self._source.name, status, self._cycle.clock())
        if news and self._cycle.publisher.latest is not None:  # else there is nothing to show it beside yet
            self._cycle.publisher.soon()
