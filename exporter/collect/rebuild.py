"""Makes a ledger of the records in the store: whole at a start, piece by piece while another one is in use.

All of it is database work, for the thread that owns the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime

from exporter.collect.checkpoint import Checkpoint, Replayed
from exporter.errors import LedgerError
from exporter.ledger import Late, Ledger
from exporter.records import Change
from exporter.store import PageEnd, Store

log = logging.getLogger("northstar")

REPLAYED_AT_ONCE = 2_000
"""Records booked between two chances for others to use the database: some tens of milliseconds."""


class Replay:
    """Reads the records of one store into new ledgers. All raise LedgerError or StoreError."""

    def __init__(self, store: Store, new_ledger: Callable[[], Ledger], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self.new_ledger = new_ledger
        self.checkpoint = Checkpoint(store, new_ledger)

    def resumed(self) -> Replayed:
        """Return the ledger of all records, made of a checkpoint and what came after it where it can be."""
        made = self.checkpoint.load(self._clock())
        if made is None:
            return self.whole()
        upto = self._store.records.newest_id()
        try:
            with closing(self._store.records.changes_after(made.upto, made.ledger.books)) as changes:
                late = made.ledger.apply(changes)
            self._restate(made.ledger, late)
        except LedgerError as error:
            log.error(
                "what came after the checkpoint does not fit it, the books are made of the records: %s", error
            )
            return self.whole()
        self._finish(made.ledger)
        log.info("the books go on from their checkpoint; %s records came after it", f"{upto - made.upto:,}")
        return Replayed(made.ledger, upto, made.whole_at)

    def whole(self) -> Replayed:
        """Return the ledger of all records, with the marks of the newest snapshot."""
        ledger, upto = self.new_ledger(), self._store.records.newest_id()
        # Closed whatever happens: a reading left open half-way would hold the one connection.
        with closing(self._store.records.replay(ledger.books)) as records:
            late = ledger.apply(Change(None, record) for record in records)
        self._restate(ledger, late)
        self._finish(ledger)
        return Replayed(ledger, upto, self._clock())

    def some(self, ledger: Ledger, place: PageEnd | None, upto: int) -> PageEnd | None:
        """Book the records after a place; return from where to go on, None when that was all up to `upto`."""
        found, place = self._store.records.replayed(ledger.books, place, upto, REPLAYED_AT_ONCE)
        ledger.apply(Change(None, record) for record in found)
        return place

    def catch_up(self, ledger: Ledger, meanwhile: Sequence[Change]) -> None:
        """Book what came in while the ledger was made; books out of order are read whole."""
        late = set(ledger.apply(()))
        self._restate(ledger, late)
        others = (each for each in meanwhile if (each.new.source, each.new.scope) not in late)
        self._restate(ledger, ledger.apply(others))
        self._finish(ledger)

    def _restate(self, ledger: Ledger, late: Iterable[Late]) -> None:
        for source, scope in late:
            ledger.restate(source, scope, self._store.records.of_scope(source, scope))

    def _finish(self, ledger: Ledger) -> None:
        for name in ledger.books:
            ledger.set_aside(name, self._store.asides.open(name))
        latest = self._store.snapshots.newest()
        if latest is not None:
            ledger.restore(latest)
        ledger.forget_settled(self._clock())
        self._store.let_go()
