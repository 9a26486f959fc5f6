"""Readings of sources: one at a time each, none before the time it asked for, and each fails alone.

A source that has more of a past than one reading holds is read in slices before each reading, for a few
seconds at a time. Until it is whole the figures say so; then the books are made anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter

from exporter.collect.backlog import Reader
from exporter.collect.books import Books
from exporter.collect.inquiries import Inquiries
from exporter.collect.listener import Listener
from exporter.collect.outages import STORE, Outages
from exporter.collect.publisher import Publisher
from exporter.collect.reach import reached, remembered
from exporter.collect.rereads import DAILY, MOST_ROWS, Reread, back_to_asides, due
from exporter.collect.standing import Standings
from exporter.collect.store_thread import StoreThread
from exporter.errors import LedgerError, SourceError, SourceMalformed, SourceUnavailable, StoreError
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.records import told
from exporter.records.printable import printable
from exporter.sources.contract import CanAskAgain, Reading, Source, Window
from exporter.sources.guard import READING_SECONDS, admit, fetched, held, timely
from exporter.store import Booked, Store
from exporter.times import stamp

log = logging.getLogger("northstar")

PAST_SECONDS = 5.0
"""How long a turn reads the past before it looks at the present: a small account's is whole with the
first figures, a large one's takes turns without letting the figures grow stale."""


RESTATEMENTS_TOLD = 20
"""Restatements of one reading that the log names; all of them are in the database, with what was before."""

CONTRADICTED = "contradicted"
"""Why rows are read again that no schedule asks for."""


class Turns:
    """Reads sources into the books, and has a snapshot published of what came of it."""

    def __init__(
        self,
        sources: Sequence[Source],
        store: Store,
        books: Books,
        publisher: Publisher,
        standings: Standings,
        pasts: Mapping[str, Reader],
        metrics: ExporterMetrics,
        clock: Callable[[], datetime],
        thread: StoreThread,
        listeners: Sequence[Listener],
        outages: Outages,
        monotonic: Callable[[], float],
        look: Callable[[], None],
    ) -> None:
        self._store, self._books, self._publisher, self._standings = store, books, publisher, standings
        self._pasts, self._metrics, self._clock, self._thread = pasts, metrics, clock, thread
        self._listeners, self._outages, self._monotonic = listeners, outages, monotonic
        self._look = look
        self._infos = books.infos
        self._turns = {source.name: asyncio.Lock() for source in sources}
        self._not_before: dict[str, float] = {}
        self._booked_until: dict[str, datetime] = {}
        self._stepped = timedelta(0)
        self._inquiries = Inquiries(monotonic)

    async def start(self) -> None:
        """Learn from the store how far each source was read."""
        for name in self._turns:
            self._metrics.aside(name, await self._thread.run(self._store.asides.open, name))
            mark = await self._thread.run(self._store.records.watermark, name)
            if mark is not None:
                come = remembered(self._infos[name].kind, mark)
                self._standings.remember(name, mark.as_of, mark.last_success, come)
        for name, past in self._pasts.items():
            await past.load()
            self._metrics.gap(name, past.gap)

    async def collect(self, source: Source) -> None:
        """Read one source and publish what came of it. Never raises for what a source does.

        Does nothing before the time that the source asked us to wait for. Readings of one source follow
        each other: a reading that began earlier must not be booked later.
        """
        async with self._turns[source.name]:
            began = perf_counter()
            if self._monotonic() < self._not_before.get(source.name, float("-inf")):
                return
            with self._books.reading(source.name):
                if await self._read(source, began):
                    await self._ask_again(source)
            await self._publisher.publish()
            self._metrics.cycle(perf_counter() - began)

    def stepped(self, step: timedelta) -> None:
        """Date anew, by a wall clock that was set, until when each source was read."""
        self._stepped += step
        self._booked_until = {name: until + step for name, until in self._booked_until.items()}

    async def _read(self, source: Source, began: float) -> bool:
        """Read and book a source; tell whether that went well."""
        self._look()
        before = self._stepped
        try:
            with held(self._infos[source.name], StoreError):
                window = usual = await self._window(source, self._clock())
                again = self._due(source, usual)
                if again is not None:
                    window = await self._widened(source, usual, again)
            reading = await fetched(source, self._infos[source.name], window)
        except SourceError as error:
            await self._failed(source, error)
            return False
        except StoreError as error:
            self._not_stored(source, error)
            return False
        self._look()
        if meanwhile := self._stepped - before:
            # It was dated by a clock that has been set since; nobody knows which of both measured the skew.
            reading = replace(reading, as_of=reading.as_of + meanwhile, skew=None)
            window = replace(window, end=window.end + meanwhile)
        self._metrics.fetched(source.name, perf_counter() - began, reading.skew)
        booked = await self._book(source, reading, window, usual, again)
        for trouble in reading.troubles:
            await self._failed(source, trouble)
        if booked and not reading.troubles:
            self._outages.over(f"source={source.name}")
        return booked

    async def _window(self, source: Source, now: datetime) -> Window:
        """Return what to read now. What lies before it is in the store, or is read here in slices."""
        before, skew = self._standings.reached(source.name), self._standings.skew(source.name)
        past = self._pasts.get(source.name)
        if past is None:
            start = None if before is None else before - source.overlap
            return Window(start, now, self._booked_until.get(source.name), skew)
        start = await past.look(before)
        if not past.settled:
            what = f"past of source={source.name}"
            try:
                with held(self._infos[source.name], StoreError, LedgerError):
                    await self._read_past(past)
            except SourceError as error:
                # The present is still worth reading; the past goes on where it was, with the next turn.
                await self._failed(source, error, what)
            except LedgerError as error:
                self._outages.failed(what, "ledger", f"source={source.name} past not booked: {error}")
            else:
                self._outages.over(what)
        self._metrics.gap(source.name, past.gap)
        return Window(start, self._clock(), skew=skew)

    async def _read_past(self, past: Reader) -> None:
        end = perf_counter() + PAST_SECONDS
        if await past.advance(enough=lambda: perf_counter() > end):
            # First the figures, then the word that they are whole.
            await self._books.renew()
            await past.finish()

    def _due(self, source: Source, usual: Window) -> Reread | None:
        """Return what of the past is read again with this reading; nothing while the past is still read."""
        past = self._pasts.get(source.name)
        if usual.start is None or (past is not None and not past.settled):
            return None
        return due(source.name, self._standings.as_of(source.name), usual.end)

    async def _widened(self, source: Source, usual: Window, again: Reread) -> Window:
        assert usual.start is not None
        since = usual.end + usual.skew - again.back
        if again is DAILY and self._infos[source.name].kind != "venue":
            # Whatever is wrong with a row may be over, however old the row is. A venue's live lists only seem
            # not to have it any more: they do not reach back for ever.
            since = back_to_asides(since, self._books.aside(source.name), usual.end)
        start = await self._thread.run(self._store.records.newest_rows, source.name, since, MOST_ROWS)
        return replace(usual, start=min(usual.start, start))

    async def _ask_again(self, source: Source) -> None:
        """Ask for all rows of the markets that the venue contradicts us in, and book what is found.

        The reading before stands whatever becomes of it: it is tried again later.
        """
        venue, as_of = self._books.ledger.venues.get(source.name), self._standings.as_of(source.name)
        if venue is None or as_of is None or not isinstance(source, CanAskAgain) or not self._books.sound:
            return
        scopes = self._inquiries.due(source.name, venue.in_question())
        if not scopes:
            return
        info, what = self._infos[source.name], f"rows asked again of source={source.name}"
        try:
            async with timely(info, READING_SECONDS):
                with held(info):
                    asked = await source.ask_again(scopes, as_of)
            admit(info, asked.reading.records, asked.reading.answers)
            now = self._clock()
            come = self._standings.reached(source.name)
            since = self._read_before(source)
            booked = await self._books.book(asked.reading, now, come, since)
            booked += await self._books.take_back(asked, now, come)
        except SourceError as error:
            self._metrics.failed(source.name, error.reason, None)
            self._outages.failed(what, error.reason, f"source={source.name} not asked again: {error}")
        except StoreError as error:
            self._not_stored(source, error)
        except LedgerError as error:
            self._metrics.failed(source.name, "ledger", None)
            self._outages.failed(what, "ledger", f"source={source.name} not booked: {error}")
        else:
            self._outages.over(what)
            self._tell(source, booked)
            self._metrics.reread(source.name, CONTRADICTED, booked.changes)

    def _read_before(self, source: Source) -> datetime | None:
        """Return until when all of a source had been read before now; None while its past is not whole."""
        come, past = self._standings.reached(source.name), self._pasts.get(source.name)
        return None if come is None or (past is not None and not past.settled) else come - source.overlap

    def _tell(self, source: Source, booked: Booked) -> None:
        """Count and log what was booked, and what it said before where it says otherwise now."""
        self._metrics.booked(source.name, booked.changes, booked.restated)
        if booked.changes:
            log.info("source=%s records=%d", source.name, len(booked.changes))
        for change in booked.restated[:RESTATEMENTS_TOLD]:
            log.info(
                "source=%s %s %s %s of %s: %s",
                source.name,
                "late" if change.old is None else "restated",
                change.new.kind,
                printable(change.new.key),
                stamp(change.new.at),
                told(change.old, change.new),
            )

    async def _book(
        self, source: Source, reading: Reading, window: Window, usual: Window, again: Reread | None
    ) -> bool:
        """Book a reading; tell whether it was."""
        before, now, since = self._stepped, self._clock(), self._read_before(source)
        come = reached(self._infos[source.name].kind, self._standings.reached(source.name), reading, window)
        try:
            booked = await self._books.book(reading, now, come, since)
        except StoreError as error:
            self._not_stored(source, error)
            return False
        except LedgerError as error:
            self._metrics.failed(source.name, "ledger", None)
            self._standings.failed(source.name, "ledger", str(error), now)
            self._outages.failed(
                f"source={source.name}", "ledger", f"source={source.name} not booked: {error}"
            )
            return False
        self._tell(source, booked)
        self._metrics.aside(source.name, self._books.aside(source.name))
        if again is not None:
            begin = usual.start or window.end
            found = [each for each in booked.changes if each.new.at < begin]
            self._metrics.reread(source.name, again.why, found)
            if self._infos[source.name].kind == "venue" and window.start is not None:
                unlisted = await self._books.unlisted(reading, window.start, begin)
                self._inquiries.suspect(source.name, unlisted)
        self._look()
        # A large reading is booked for seconds, and the clock may have been set meanwhile.
        meanwhile = self._stepped - before
        self._booked_until[source.name] = window.end + meanwhile
        dated = replace(reading, as_of=reading.as_of + meanwhile)
        self._standings.succeeded(source, dated, now + meanwhile, come)
        for listener in self._listeners:
            listener.booked(reading)
        return True

    async def _failed(self, source: Source, error: SourceError, what: str = "") -> None:
        now = self._clock()
        field = error.field if isinstance(error, SourceMalformed) else None
        self._metrics.failed(source.name, error.reason, field)
        self._standings.failed(source.name, error.reason, str(error), now)
        if isinstance(error, SourceUnavailable) and error.retry_after is not None:
            self._not_before[source.name] = self._monotonic() + error.retry_after
        self._outages.failed(
            what or f"source={source.name}",
            error.reason,
            f"source={source.name} reason={error.reason} {error}",
            logging.WARNING,
        )
        try:
            await self._thread.run(
                self._store.records.keep_refused,
                source.name,
                error.answers,
                recorded_at=now,
                sentence=str(error),
            )
        except StoreError as trouble:
            self._metrics.store_failed()
            self._outages.failed(STORE, "store", f"source={source.name} refused answer not stored: {trouble}")

    def _not_stored(self, source: Source, error: StoreError) -> None:
        self._metrics.store_failed()
        self._standings.failed(source.name, "store", str(error), self._clock())
        self._outages.failed(STORE, "store", f"source={source.name} not stored: {error}")
