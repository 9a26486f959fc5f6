"""Down-sampling: keep the last snapshot of every few seconds, once clients are past their replay.

While prices move there are up to ten snapshots a second, 860 000 a day; what somebody asks of last week
is how a figure moved, not each of its ticks. A row that stays gets a `leap` over those that went:
the merge patch from the row before it. Its own `patch` stays, so a client whose cursor is right
before it still goes on without a hole.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.errors import StoreUnavailable
from exporter.snapshot import JsonObject, apply, decode, diff, encode
from exporter.snapshot.patch import Value
from exporter.store import schema
from exporter.store.checksum import unpacked
from exporter.store.database import writing
from exporter.store.snapshots import COMPRESSION, KEYFRAME_EVERY, SnapshotStore
from exporter.times import to_us

BATCH = 200
"""Rows looked at in one go: some twenty milliseconds in which a commit has to wait."""

MARK = "thinned_to"
"""The key in `meta`: every row up to this sequence has been looked at."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long snapshots stay: each of them for `full`, one of every `every` for `raw`, then roll-ups.

    `every` divides a minute, so that the last snapshot before a roll-up's minute ends, and before a window
    of the calendar begins, is always one of those that stay.
    """

    raw: timedelta = timedelta(days=30)
    full: timedelta = timedelta(hours=1)
    every: timedelta = timedelta(seconds=10)


class Thinning:
    """Thins out one epoch's snapshots. For the one writer."""

    def __init__(self, engine: Engine, snapshots: SnapshotStore) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._reached: tuple[int, JsonObject] | None = None

    def advance(self, now: datetime, keep: Retention) -> bool:
        """Thin out the next few rows in one commit; tell whether there are more to look at.

        Raises StoreUnavailable when a row cannot be made whole; nothing is changed then.
        """
        every = keep.every // timedelta(microseconds=1)
        end = to_us(now - keep.full) // every * every
        with self._engine.connect() as connection:
            done = _done(connection)
            rows = _next(connection, done, end)
            since = _since_keyframe(connection, done)
        if not rows:
            self._reached = None
            return False
        trees = self._trees(done, rows)
        stay = [
            place
            for place, row in enumerate(rows)
            if place + 1 == len(rows) or row.as_of // every != rows[place + 1].as_of // every
        ]
        more = len(rows) == BATCH
        # The last bucket may go on behind this batch: its last row so far is looked at again then.
        reached = stay[-1] if not more else stay[-2] if len(stay) > 1 else None
        with writing(self._engine) as connection:
            self._keep(connection, rows, trees, stay, since)
            if reached is not None:
                _mark(connection, rows[reached].sequence)
        if reached is not None:
            self._reached = (rows[reached].sequence, trees[reached + 1])
        if not more:
            self._reached = None
        return more

    def _trees(self, done: int, rows: Sequence[Row[Any]]) -> list[JsonObject]:
        """Return the tree before the first row, empty where nothing is before it, and that of each row."""
        before = self._reached[1] if self._reached is not None and self._reached[0] == done else None
        if before is None and done:
            before = self._snapshots.at(done)
        if before is None and rows[0].whole is None:
            raise StoreUnavailable(
                f"Snapshot {rows[0].sequence} cannot be read whole: nothing is thinned out."
            )
        trees: list[JsonObject] = [before if before is not None else {}]
        for row in rows:
            if len(trees) == 1 and row.whole is not None:
                trees.append(decode(unpacked(row.whole, f"Snapshot {row.sequence}")))
            else:
                patch = row.leap if row.leap is not None else row.patch
                trees.append(apply(trees[-1], decode(unpacked(patch, f"Snapshot {row.sequence}"))))
        return trees

    def _keep(
        self,
        connection: Connection,
        rows: Sequence[Row[Any]],
        trees: Sequence[JsonObject],
        stay: Sequence[int],
        since: int,
    ) -> None:
        """Delete the rows that go; let each that stays lead on from the one that stays before it."""
        table = schema.snapshots
        before, changed = -1, []
        for place in stay:
            row, tree = rows[place], trees[place + 1]
            leap, whole = row.leap, row.whole
            since += 1
            if place != before + 1:
                if trees[before + 1]:
                    leap = _packed(diff(trees[before + 1], tree))
                else:
                    since = KEYFRAME_EVERY  # there is nothing that it could lead on from
            if whole is None and since >= KEYFRAME_EVERY:
                whole = _packed(tree)
            if whole is not None:
                since = 0
            if leap is not row.leap or whole is not row.whole:
                changed.append({"number": row.sequence, "leap": leap, "whole": whole})
            before = place
        gone = {row.sequence for row in rows} - {rows[place].sequence for place in stay}
        connection.execute(delete(table).where(table.c.sequence.in_(gone)))
        if changed:
            connection.execute(
                update(table)
                .where(table.c.sequence == bindparam("number"))
                .values(leap=bindparam("leap"), whole=bindparam("whole")),
                changed,
            )


def _done(connection: Connection) -> int:
    value = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == MARK))
    return int(value or 0)


def _mark(connection: Connection, sequence: int) -> None:
    row = {"key": MARK, "value": str(sequence)}
    connection.execute(
        upsert(schema.meta).values(row).on_conflict_do_update(index_elements=["key"], set_=row)
    )


def _next(connection: Connection, done: int, end: int) -> list[Row[Any]]:
    table = schema.snapshots
    query = (
        select(table.c.sequence, table.c.as_of, table.c.patch, table.c.leap, table.c.whole)
        .where(table.c.sequence > done)
        .order_by(table.c.sequence)
        .limit(BATCH)
    )
    return list(takewhile(lambda row: row.as_of < end, connection.execute(query)))


def _since_keyframe(connection: Connection, done: int) -> int:
    """Return how many rows follow the last whole one up to `done`."""
    table = schema.snapshots
    last = (
        select(table.c.sequence)
        .where(table.c.sequence <= done, table.c.whole.is_not(None))
        .order_by(table.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(func.count()).where(table.c.sequence > last, table.c.sequence <= done)
    return int(connection.scalar(query) or 0)


def _packed(tree: Mapping[str, Value]) -> bytes:
    return zlib.compress(encode(tree), COMPRESSION)
