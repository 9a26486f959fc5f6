"""Keeps the daybook up with the records: what each market, sale and day of API cost came to on each day.

Order:  records are committed first, and the daybook follows within a second. How far it has come is in the
        same commit as its lines, so one that was killed goes on where it stood; whoever reads it is told
        when it is behind.
Terms:  it is made anew from the first record on when the zone or the lot rule is another, or the program is:
        what an older one has reckoned is not trusted.
Bound:  lines are made in a thread and on a connection of their own. A snapshot's commit waits for the commit
        of a piece at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.collect.checkpoint import code
from exporter.collect.listener import Listener
from exporter.collect.outages import Outages
from exporter.collect.store_thread import StoreThread
from exporter.errors import DaybookDamaged, StoreError
from exporter.ledger.daybook import Calendar, Reckoned, reckon
from exporter.ledger.trading.lots import LotRule
from exporter.sources.contract import Reading
from exporter.store import Store
from exporter.store.daybook import Behind, DaybookPlace, Scope

log = logging.getLogger("northstar")

WHAT = "daybook"

SOON = 0.25
"""Seconds after a reading: what comes in a burst is one commit."""

LOOK = 30.0
"""Seconds between two looks for what time alone has changed, or another process has booked."""


class Daybook(Listener):
    """Keeps the daybook of one store; `run` is a task."""

    def __init__(
        self,
        store: Store,
        zone: ZoneInfo,
        lots: LotRule,
        venues: Iterable[str],
        clock: Callable[[], datetime],
        thread: StoreThread,
        outages: Outages,
    ) -> None:
        self._store, self._thread, self._outages, self._clock = store, thread, outages, clock
        self._calendar, self._lots, self._venues = Calendar(zone), lots, tuple(venues)
        self.terms = f"{zone.key} {lots} {code()}"
        self._asked = asyncio.Event()
        self._went_back = self._distrusted = False

    def booked(self, reading: Reading) -> None:
        """Follow soon."""
        self._asked.set()

    def stepped(self, step: timedelta) -> None:
        """Reckon anew what is dated after a wall clock that was set back."""
        self._went_back |= step < timedelta(0)
        self._asked.set()

    def distrust(self) -> None:
        """Make it anew of the records: something of it is not what was written."""
        self._distrusted = True
        self._asked.set()

    async def run(self) -> None:
        """Follow the records until cancelled."""
        while True:
            self._asked.clear()
            try:
                if self._distrusted:
                    log.error("the daybook is made anew: some of it is not what was written")
                    await self._thread.run(self._store.daybook.begin, self.terms)
                    self._distrusted = False
                while await self.advance():
                    pass
            except DaybookDamaged:
                self.distrust()
                continue
            except StoreError as error:
                self._outages.failed(WHAT, "store", f"the daybook is behind: {error}")
            else:
                self._outages.over(WHAT)
            try:
                async with asyncio.timeout(LOOK):
                    await self._asked.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(SOON)

    async def advance(self) -> bool:
        """Make the next piece; tell whether there is more. Raises StoreError; nothing is changed then."""
        now = self._clock()
        if self._went_back:
            today = self._calendar.today(now)
            await self._thread.run(self._store.midnights.forget_after, today)
            await self._thread.run(self._store.daybook.again, today)
            self._went_back = False
        place = await self._thread.run(self._begun)
        behind, made = await asyncio.to_thread(self._made, place, now)
        if behind.then != place or made:
            await self._thread.run(
                self._store.daybook.keep,
                {scope: (each.lines, each.due) for scope, each in made.items()},
                behind.then,
            )
        return behind.more or await self._thread.run(self._midnights, now)

    def _begun(self) -> DaybookPlace:
        place = self._store.daybook.place()
        if place is None or place.terms != self.terms:
            log.info("the daybook is made of all records")
            self._store.daybook.begin(self.terms)
            place = self._store.daybook.place()
        assert place is not None
        return place

    def _midnights(self, now: datetime) -> bool:
        """Keep what was unrealised at the midnights that are over."""
        kept = [self._store.midnights.follow(name, self._calendar.zone, now) for name in self._venues]
        return any(kept)

    def _made(self, place: DaybookPlace, now: datetime) -> tuple[Behind, dict[Scope, Reckoned]]:
        # Opened anew for each piece: the file at the path may be another one by then.
        with Store.read(self._store.path) as store:
            behind = store.daybook.behind(place, now)
            made = {}
            for source in dict.fromkeys(source for source, _ in behind.scopes):
                scopes = [scope for each, scope in behind.scopes if each == source]
                for scope, records in store.records.of_scopes(source, scopes).items():
                    made[source, scope] = reckon(records, self._calendar, self._lots, now)
            return behind, made
