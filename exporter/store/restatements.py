"""The log of restatements: which revisions say otherwise what was, in the order in which they were read.

It holds numbers of records and nothing else: what was said and what is said are the revisions themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select

from exporter.records import Change, Restatement, restates
from exporter.store import schema
from exporter.store.rows import CHUNK, change_of, chunks, is_newest, with_previous
from exporter.times import from_us

LATEST = 5
"""How many of them are told with every snapshot."""


class RestatementStore:
    """The restatements of one database. `note` writes, in the transaction that books them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[int, tuple[Restatement, ...]] | None = None

    def note(self, connection: Connection, changes: Sequence[Change], since: datetime | None) -> list[Change]:
        """Note which changes restate; before `since` everything had been read. Return them.

        `noted` is for afterwards, once the transaction is.
        """
        found = [change for change in changes if restates(change, since)]
        table = schema.records
        for chunk in chunks(found, CHUNK):
            for source, kind in {(change.new.source, change.new.kind) for change in chunk}:
                keys = [c.new.key for c in chunk if (c.new.source, c.new.kind) == (source, kind)]
                newest = select(table.c.id).where(
                    table.c.source == source, table.c.kind == kind, table.c.key.in_(keys), is_newest()
                )
                connection.execute(insert(schema.restatements).from_select(["id"], newest))
        return found

    def noted(self, found: Sequence[Change]) -> None:
        """Look anew where something was noted."""
        if found:
            self._known = None

    def known(self) -> tuple[int, tuple[Restatement, ...]]:
        """Return how many there are, and the last few, the newest last; it costs nothing while none comes."""
        if self._known is None:
            with self._engine.connect() as connection:
                count = connection.scalar(select(func.count()).select_from(schema.restatements)) or 0
            self._known = count, tuple(reversed(self.entries(LATEST)))
        return self._known

    def entries(self, limit: int, before: int | None = None, source: str | None = None) -> list[Restatement]:
        """Return restatements, the newest first: those with a number before one, of one source or of all."""
        new, noted, readings = schema.records, schema.restatements, schema.readings
        columns, old, joined = with_previous()
        query = (
            select(*columns, readings.c.recorded_at, noted.c.id)
            .join_from(noted, new, noted.c.id == new.c.id)
            .join(readings, readings.c.id == new.c.reading)
            .outerjoin(old, joined)
            .order_by(noted.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(noted.c.id < before)
        if source is not None:
            query = query.where(new.c.source == source)
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query)]


def _entry(row: Any) -> Restatement:
    change = change_of(row)
    return Restatement(number=row[-1], old=change.old, new=change.new, read_at=from_us(row[-2]))
