"""Makes a ledger of the records in the store: whole at a start, piece by piece while another one is in use.

All of it is database work, for the thread that owns the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime

from exporter.ledger import Late, Ledger
from exporter.records import Change
from exporter.store import Place, Store

REPLAYED_AT_ONCE = 2_000
"""Records booked between two chances for others to use the database: some tens of milliseconds."""


class Replay:
    """Reads the records of one store into new ledgers. All raise LedgerError or StoreError."""

    def __init__(self, store: Store, new_ledger: Callable[[], Ledger], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self.new_ledger = new_ledger

    def whole(self) -> Ledger:
        """Return the ledger of all records, with the marks of the newest snapshot."""
        ledger = self.new_ledger()
        # Closed whatever happens: a reading left open half-way would hold the one connection.
        with closing(self._store.records.replay(ledger.books)) as records:
            late = ledger.apply(Change(None, record) for record in records)
        self._restate(ledger, late)
        self._finish(ledger)
        return ledger

    def some(self, ledger: Ledger, place: Place | None, upto: int) -> Place | None:
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
