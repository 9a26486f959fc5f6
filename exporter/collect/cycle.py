"""Turns, books and publisher over one store: built, started and stopped together.

A turn reads a source, the books take what came of it, the publisher commits a snapshot, and only then is it
seen. Killed anywhere in between, the next start books what is in the store and publishes a newer snapshot;
nothing shown is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from exporter.collect.asides import read_asides_again
from exporter.collect.backlog import Reader
from exporter.collect.books import Books
from exporter.collect.daybook import Daybook
from exporter.collect.listener import Listener
from exporter.collect.outages import Outages
from exporter.collect.publisher import Publisher
from exporter.collect.standing import CLOCKS_AGREE, Standings
from exporter.collect.store_thread import StoreThread
from exporter.collect.turns import Turns
from exporter.collect.upkeep import Upkeep
from exporter.errors import LedgerError, SourceError, StoreError
from exporter.ledger import Ledger, Plan
from exporter.ledger.cost.plan import NO_PLAN
from exporter.ledger.statement import NO_LIMITS
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.runtime import clock as clocks
from exporter.runtime.clock import StepWatch, said
from exporter.sources.contract import HasHistory, Source
from exporter.sources.guard import held
from exporter.store import Retention, Store

log = logging.getLogger("northstar")


class Cycle:
    """The parts of the exporter that work on one store."""

    def __init__(
        self,
        store: Store,
        new_ledger: Callable[[], Ledger],
        sources: Sequence[Source],
        metrics: ExporterMetrics,
        clock: Callable[[], datetime],
        *,
        snapshots_per_second: float = 10,
        retention: Retention | None = None,
        plan: Plan = NO_PLAN,
        limits: Mapping[str, Decimal] = NO_LIMITS,
        demo: bool = False,
        monotonic: Callable[[], float] | None = None,
        clocks_agree: timedelta = CLOCKS_AGREE,
    ) -> None:
        monotonic = clocks.of(clock) if monotonic is None else monotonic
        self.store, self.sources, self.clock = store, tuple(sources), clock
        self._listeners: list[Listener] = []
        self._thread = thread = StoreThread()
        self._outages = outages = Outages(monotonic)
        self._metrics = metrics
        self.steps = StepWatch(clock, monotonic)
        """Told of each step of the wall clock; `run` is a task."""
        self.books = Books(store, new_ledger, clock, thread)
        pasts = {
            source.name: Reader(store, source, self.books.infos[source.name], clock, thread)
            for source in sources
            if isinstance(source, HasHistory)
        }
        self.standings = Standings(sources, pasts, clocks_agree)
        self.publisher = Publisher(
            store,
            self.books,
            self.standings,
            metrics,
            clock,
            thread,
            self._listeners,
            outages,
            snapshots_per_second=snapshots_per_second,
            plan=plan,
            limits=limits,
            demo=demo,
            look=self.steps.look,
        )
        self.turns = Turns(
            sources,
            store,
            self.books,
            self.publisher,
            self.standings,
            pasts,
            metrics,
            clock,
            thread,
            self._listeners,
            outages,
            monotonic,
            self.steps.look,
        )
        ledger = self.books.ledger
        self.daybook = Daybook(store, ledger.zone, ledger.lots, ledger.venues, clock, thread, outages)
        """Kept up with the records; `run` is a task."""
        self.upkeep = Upkeep(
            store,
            self.books,
            self.standings,
            metrics,
            clock,
            thread,
            retention or Retention(),
            outages,
            self.daybook,
        )
        self.listen(self.daybook)
        self.steps.listen(self._stepped)

    def _stepped(self, step: timedelta) -> None:
        """Date anew what is held of now, and say so: ages and waits go on as if nothing had happened."""
        self._metrics.clock_stepped(step)
        way = "forward" if step > timedelta(0) else "back"
        self._outages.failed("clock", way, f"{said(step)}: work goes on", logging.WARNING)
        self.standings.stepped(step)
        self.books.stepped(step)
        self.turns.stepped(step)
        self.daybook.stepped(step)

    def listen(self, listener: Listener) -> None:
        """Tell a listener of everything from now on."""
        self._listeners.append(listener)

    def ignore(self, listener: Listener) -> None:
        """Tell a listener of nothing more."""
        self._listeners.remove(listener)

    async def start(self) -> None:
        """Show the last snapshot at once, then rebuild the ledger from the records behind it."""
        await self.publisher.start()
        await self.turns.start()
        try:
            await read_asides_again(self.store, self.sources, self.books.infos, self.clock, self._thread)
        except StoreError as error:
            log.error("rows that were set aside are not read again: %s", error)
        try:
            await self.books.resume()
        except LedgerError as error:
            log.error("the books cannot be rebuilt, the last figures stay: %s", error)

    async def stop(self) -> None:
        """Finish the commit under way, then close the sources and the store."""
        await self.publisher.aclose()
        async with self.books.lock:
            for source in self.sources:
                try:
                    with held(self.books.infos[source.name]):
                        await source.aclose()
                except SourceError as error:
                    log.error("source=%s not closed: %s", source.name, error)
            await self.books.save()
            await self._thread.run(self.store.close)
        self._thread.close()
