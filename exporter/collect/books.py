"""The ledger in use: what is read goes in, and a new one takes its place when a long past is whole.

Order:  raw answers and records are committed, then the ledger takes the changes. Killed in between, the next
        start books what is in the store.
Lock:   one lock covers booking and stating, so the ledger is never read half-changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from exporter.collect.checkpoint import Replayed
from exporter.collect.rebuild import Replay
from exporter.collect.store_thread import StoreThread
from exporter.errors import LedgerError
from exporter.ledger import Ledger
from exporter.records import Aside, Change, Fill, Mark, Record, Settlement, SourceInfo
from exporter.sources.contract import AskedAgain, Reading
from exporter.store import Booked, Store


class Books:
    """Owns the ledger. Who states figures holds `lock` and asks `ledger`, if the books are `sound`."""

    def __init__(
        self,
        store: Store,
        new_ledger: Callable[[], Ledger],
        clock: Callable[[], datetime],
        thread: StoreThread,
    ) -> None:
        self.ledger = new_ledger()
        self.infos: Mapping[str, SourceInfo] = {name: book.info for name, book in self.ledger.books.items()}
        self.sound = True
        """Whether the ledger holds what the store holds; else it waits to be made anew."""
        self.refused = False
        """Whether nothing could be stated of the ledger: it is made anew when the records have changed, for
        one of them was the cause."""
        self.lock = asyncio.Lock()
        self._store, self._thread = store, thread
        self._replay, self._clock = Replay(store, new_ledger, clock), clock
        self._upto: int | None = None
        """The number of the last record, while the ledger has every one until there. None while it lacks
        some, for the past of a source is stored long before it is booked."""
        self._whole_at = datetime.min.replace(tzinfo=UTC)
        self._step = timedelta(0)
        self._meanwhile: list[Change] | None = None
        self._overtaking: dict[str, dict[str, Mark]] = {}

    def open_tickers(self, source: str) -> set[str]:
        """Return the markets of a venue in which contracts are held."""
        return self.ledger.venues[source].portfolio.tickers

    def aside(self, source: str) -> tuple[Aside, ...]:
        """Return what is set aside of a source."""
        return self.ledger.aside.get(source, ())

    async def resume(self) -> None:
        """Make the ledger of all that is in the store, with the help of a checkpoint if one can be trusted.
        Raises LedgerError or StoreError."""
        self.sound = False
        self._take_over(await self._thread.run(self._replay.resumed))

    async def rebuild(self) -> None:
        """Make the ledger of all records that are in the store. Raises LedgerError or StoreError."""
        self.sound = False
        self._take_over(await self._thread.run(self._replay.whole))

    def _take_over(self, made: Replayed) -> None:
        self.ledger, self._upto, self._whole_at = made.ledger, made.upto, made.whole_at
        self.sound, self.refused = True, False

    async def save(self) -> None:
        """Write a checkpoint when that is worth it. For who has the lock."""
        upto, now = self._upto, self._clock()
        if upto is None or not self.sound or self.refused or self._meanwhile is not None:
            return
        if any(self.ledger.settled_ahead(now).values()):
            return  # the clock was set back since the last snapshot
        if self._replay.checkpoint.due(upto):
            made = Replayed(self.ledger, upto, min(self._whole_at, now))
            await self._thread.run(self._replay.checkpoint.save, made, now)

    def stepped(self, step: timedelta) -> None:
        """Take note that the wall clock was set; the ledger follows with whoever has the lock next."""
        self._step += step

    def redate(self) -> None:
        """Date what the ledger holds of now by the wall clock as it is. For who has the lock."""
        step, self._step = self._step, timedelta(0)
        if step:
            self.ledger.stepped(step)

    async def reopen(self, now: datetime) -> None:
        """Open the bills again that have not settled by now, though they had by a clock that was ahead. For
        who has the lock and is about to state figures. Raises LedgerError or StoreError."""
        for source, scopes in self.ledger.settled_ahead(now).items():
            days = {day: await self._thread.run(self._store.records.of_scope, source, day) for day in scopes}
            self.ledger.reopen(source, days, now)

    @contextmanager
    def reading(self, source: str) -> Iterator[None]:
        """Keep the quotes that come while a source is read: they are newer than the reading's own."""
        self._overtaking[source] = {}
        try:
            yield
        finally:
            del self._overtaking[source]

    async def book(
        self,
        reading: Reading,
        now: datetime,
        reached: datetime | None = None,
        since: datetime | None = None,
    ) -> Booked:
        """Keep a reading and let the ledger take what changed with it. Raises StoreError or LedgerError.

        `reached` is how far the source's own time has come with it; all before `since` had been read already.

        After a LedgerError the records are kept, but the ledger may have taken half of them: nothing is
        stated from it until it was rebuilt, with the next reading.
        """
        async with self.lock:
            self.redate()
            booked = await self._thread.run(self._keep, reading, now, reached, since)
            if self._meanwhile is not None:
                self._meanwhile += booked.changes
            try:
                await self._take(reading, booked.changes)
            except LedgerError:
                self.sound = False
                raise
            return booked

    async def unlisted(self, reading: Reading, begin: datetime, end: datetime) -> set[str]:
        """Return the markets with a fill in [begin, end) that was listed once and is not in this reading.

        What lies before the oldest fill of the reading has left the list, as old rows do. A row that is set
        aside may be the one that seems to be gone.
        """
        listed = {fill.key: fill.at for fill in reading.records if isinstance(fill, Fill)}
        if not listed or reading.aside:
            return set()
        begin = max(begin, min(listed.values()))
        keys = await self._thread.run(self._store.records.keys_between, reading.source, Fill.kind, begin, end)
        scopes = {scope for key, scope in keys.items() if key not in listed}
        found: set[str] = set()
        for scope in scopes:
            fills = (await self._thread.run(self._store.records.fills_of, reading.source, [scope]))[scope]
            if any(not fill.voided and fill.key in keys and fill.key not in listed for fill in fills):
                found.add(scope)
        return found

    async def take_back(self, asked: AskedAgain, now: datetime, reached: datetime | None) -> Booked:
        """Take back the fills that the venue lists no more, of markets that it agrees with without them.

        They stay in the store, with a last revision that says so. Raises StoreError or LedgerError.
        """
        source = asked.reading.source
        listed = {record.key for record in asked.reading.records if isinstance(record, Fill)}
        voided: list[Record] = []
        for scope in sorted(asked.whole):
            events = [
                event
                for event in await self._thread.run(self._store.records.of_scope, source, scope)
                if isinstance(event, Fill | Settlement)
            ]
            gone = [e for e in events if isinstance(e, Fill) and not e.voided and e.key not in listed]
            rest = [event for event in events if event not in gone]
            if gone and self.ledger.venues[source].portfolio.would_tie(scope, rest):
                voided += [replace(fill, voided=True) for fill in gone]
        if not voided:
            return Booked()
        return await self.book(replace(asked.reading, records=tuple(voided)), now, reached)

    async def quote(self, source: str, marks: Sequence[Mark]) -> bool:
        """Take quotes of a live feed; tell whether they have moved a price."""
        async with self.lock:
            self.redate()
            if source in self._overtaking:
                self._overtaking[source].update((mark.ticker, mark) for mark in marks)
            return self.sound and self.ledger.quote(source, marks)

    async def renew(self) -> None:
        """Make a new ledger of everything in the store, while the old one goes on being stated.

        Raises LedgerError, after which the books are not sound, or StoreError.
        """
        async with self.lock:
            upto = self._upto = await self._thread.run(self._store.records.newest_id)
            self._meanwhile, begun = [], self._clock()
        try:
            ledger, place = self._replay.new_ledger(), None
            while True:
                place = await self._thread.run(self._replay.some, ledger, place, upto)
                if place is None:
                    break
            async with self.lock:
                await self._thread.run(self._replay.catch_up, ledger, self._meanwhile)
                self.ledger, self.sound, self._whole_at = ledger, True, begun
        except LedgerError:
            self.sound = False
            raise
        except BaseException:
            self._upto = None
            raise
        finally:
            self._meanwhile = None

    async def forget_settled(self, now: datetime) -> None:
        """Drop what no figure looks at again."""
        async with self.lock:
            self.ledger.forget_settled(now)

    def _keep(
        self, reading: Reading, now: datetime, reached: datetime | None, since: datetime | None
    ) -> Booked:
        records = self._store.records
        if self._upto != records.newest_id():
            self._upto = None
        booked = records.book(
            reading.source,
            reading.records,
            reading.answers,
            as_of=reading.as_of,
            recorded_at=now,
            reached=reached,
            aside=reading.aside,
            listed=reading.listed,
            since=since,
        )
        if self._upto is not None and booked.changes:
            self._upto = records.newest_id()
        return booked

    async def _take(self, reading: Reading, changes: Sequence[Change]) -> None:
        if self.sound and not (self.refused and changes):
            for name, scope in self.ledger.apply(changes):
                events = await self._thread.run(self._store.records.of_scope, name, scope)
                self.ledger.restate(name, scope, events)
        else:
            await self.rebuild()
        self.ledger.set_aside(reading.source, self._store.asides.open(reading.source))
        self.ledger.observe(reading.observations)
        if marks := self._overtaking.get(reading.source):
            self.ledger.quote(reading.source, marks.values())
