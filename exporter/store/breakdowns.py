"""The newest statement of results by group: one row, written over, since it is made from the records."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.snapshot import Snapshot, encode
from exporter.snapshot.breakdown import ResultsByGroup
from exporter.store import schema
from exporter.store.checksum import unpacked
from exporter.store.database import writing

TRADING = "trading"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A statement as JSON bytes, and the snapshot after which it was made."""

    sequence: int
    as_of: str
    body: bytes


class BreakdownStore:
    """The statement of one database. `keep` is for the one writer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, statement: ResultsByGroup, snapshot: Snapshot) -> None:
        """Put a statement in the place of the last one. Raises StoreUnavailable; the last one stays then."""
        row = {
            "name": TRADING,
            "sequence": snapshot.sequence,
            "as_of": snapshot.as_of,
            "body": zlib.compress(encode(statement)),
        }
        with writing(self._engine) as connection:
            statement_row = upsert(schema.breakdowns).values(row)
            connection.execute(statement_row.on_conflict_do_update(index_elements=["name"], set_=row))

    def latest(self) -> Breakdown | None:
        """Return the newest statement, None before the first."""
        table = schema.breakdowns
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.name == TRADING)).first()
        if row is None:
            return None
        return Breakdown(row.sequence, row.as_of, unpacked(row.body, "The table of results by group"))
