"""Books records: a new one as its first revision, a changed one as the next, the same one not at all.

All of it happens in the caller's transaction, for one reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from exporter.records import BilledDay, Change, Record, UsageHour, replaces
from exporter.store import schema
from exporter.store.bill_changes import first_billed, landings
from exporter.store.rows import CHUNK, as_row, chunks, is_newest, read


def book(
    connection: Connection, reading: int, records: Sequence[Record], *, fresh: bool = False
) -> list[Change]:
    """Keep what is new or changed; `fresh` expects that hardly anything was seen before."""
    changes: list[Change] = []
    for chunk in chunks(records, CHUNK):
        if fresh and _insert_fresh(connection, reading, chunk):
            changes += [Change(None, record) for record in chunk]
        else:
            changes += _book_chunk(connection, reading, chunk)
    return changes


def note_landings(
    connection: Connection, reading: int, changes: Sequence[Change], at: datetime
) -> list[Change]:
    """Keep a Landing for each bill among the changes, and return them as changes of their own."""
    found: list[Record] = []
    table = schema.records
    bills = [change for change in changes if isinstance(change.new, BilledDay)]
    for chunk in chunks(bills, CHUNK):
        query = select(table.c.body).where(
            table.c.scope.in_(first_billed(chunk)), table.c.kind == UsageHour.kind, is_newest()
        )
        hours = [read(UsageHour.kind, body) for body in connection.scalars(query)]
        found += landings(connection, chunk, [hour for hour in hours if isinstance(hour, UsageHour)], at)
    if found:
        connection.execute(insert(schema.records), [as_row(landing, 1, reading) for landing in found])
    return [Change(None, landing) for landing in found]


def _insert_fresh(connection: Connection, reading: int, chunk: Sequence[Record]) -> bool:
    """Insert the records as first revisions; tell whether none was known, else nothing is changed."""
    rows = [as_row(record, 1, reading) for record in chunk]
    try:
        with connection.begin_nested():
            connection.execute(insert(schema.records), rows)
    except IntegrityError:
        return False
    return True


def _book_chunk(connection: Connection, reading: int, chunk: Sequence[Record]) -> list[Change]:
    known = _newest(connection, chunk)
    changes: dict[tuple[str, str], Change] = {}
    rows: list[dict[str, Any]] = []
    for record in sorted(chunk, key=lambda record: (record.kind, record.key)):
        identity = (record.kind, record.key)
        old, revision = known.get(identity, (None, 0))
        if not replaces(record, old):
            continue
        known[identity] = (record, revision + 1)
        first = changes.get(identity)
        changes[identity] = Change(old if first is None else first.old, record)
        rows.append(as_row(record, revision + 1, reading))
    if rows:
        connection.execute(insert(schema.records), rows)
    return list(changes.values())


def _newest(
    connection: Connection, chunk: Sequence[Record]
) -> dict[tuple[str, str], tuple[Record | None, int]]:
    table = schema.records
    known: dict[tuple[str, str], tuple[Record | None, int]] = {}
    for kind in {record.kind for record in chunk}:
        keys = {record.key for record in chunk if record.kind == kind}
        query = (
            select(table.c.key, table.c.revision, table.c.body)
            .where(table.c.kind == kind, table.c.key.in_(keys))
            .order_by(table.c.revision)
        )
        for row in connection.execute(query):
            known[kind, row.key] = (read(kind, row.body), row.revision)
    return known
