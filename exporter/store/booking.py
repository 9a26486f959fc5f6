"""Books records: a new one as its first revision, a changed one as the next, the same one not at all.

All of it happens in the caller's transaction, for one reading.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from exporter.records import BilledDay, Change, Record, UsageHour, completed, name_of, replaces
from exporter.store import schema
from exporter.store.bill_changes import bill_changes, by_source, first_billed
from exporter.store.rows import CHUNK, as_row, chunks, is_newest, read, stored

Identity = tuple[str, str, str]
"""What a record is known by: its source, its kind and its key."""


def identity_of(record: Record) -> Identity:
    """Return what a record is known by."""
    return record.source, record.kind, record.key


def book(
    connection: Connection,
    reading: int,
    records: Sequence[Record],
    *,
    fresh: bool = False,
    incomplete: Set[str] = frozenset(),
) -> list[Change]:
    """Keep what is new or changed; `fresh` expects that hardly anything was seen before.

    `incomplete` names the records of which rows are set aside: what they lack is as it was.
    """
    changes: list[Change] = []
    for chunk in chunks(records, CHUNK):
        if fresh and _insert_fresh(connection, reading, chunk):
            changes += [Change(None, record) for record in chunk]
        else:
            changes += _book_chunk(connection, reading, chunk, incomplete)
    return changes


def note_bill_changes(
    connection: Connection, reading: int, changes: Sequence[Change], at: datetime
) -> list[Change]:
    """Keep a BillChange for each bill among the changes, and return them as changes of their own."""
    found: list[Record] = []
    table = schema.records
    bills = [change for change in changes if isinstance(change.new, BilledDay)]
    for chunk in chunks(bills, CHUNK):
        for source, billed in by_source(chunk).items():
            query = select(*stored()).where(
                table.c.source == source,
                table.c.scope.in_(first_billed(billed)),
                table.c.kind == UsageHour.kind,
                is_newest(),
            )
            hours = [read(row) for row in connection.execute(query)]
            used = [hour for hour in hours if isinstance(hour, UsageHour)]
            found += bill_changes(connection, source, billed, used, at)
    if found:
        connection.execute(insert(schema.records), [as_row(bill_change, 1, reading) for bill_change in found])
    return [Change(None, bill_change) for bill_change in found]


def _insert_fresh(connection: Connection, reading: int, chunk: Sequence[Record]) -> bool:
    """Insert the records as first revisions; tell whether none was known, else nothing is changed."""
    rows = [as_row(record, 1, reading) for record in chunk]
    try:
        with connection.begin_nested():
            connection.execute(insert(schema.records), rows)
    except IntegrityError:
        return False
    return True


def _book_chunk(
    connection: Connection, reading: int, chunk: Sequence[Record], incomplete: Set[str]
) -> list[Change]:
    known = _newest(connection, chunk)
    changes: dict[Identity, Change] = {}
    rows: list[dict[str, Any]] = []
    for record in sorted(chunk, key=identity_of):
        identity = identity_of(record)
        old, revision = known.get(identity, (None, 0))
        if incomplete and not incomplete.isdisjoint((name_of(record), f"{record.kind}/")):
            record = completed(record, old)
        if not replaces(record, old):
            continue
        known[identity] = (record, revision + 1)
        first = changes.get(identity)
        changes[identity] = Change(old if first is None else first.old, record)
        rows.append(as_row(record, revision + 1, reading))
    if rows:
        connection.execute(insert(schema.records), rows)
    return list(changes.values())


def _newest(connection: Connection, chunk: Sequence[Record]) -> dict[Identity, tuple[Record | None, int]]:
    table = schema.records
    keys: dict[tuple[str, str], set[str]] = {}
    for record in chunk:
        keys.setdefault((record.source, record.kind), set()).add(record.key)
    known: dict[Identity, tuple[Record | None, int]] = {}
    for (source, kind), asked in keys.items():
        query = (
            select(*stored())
            .where(table.c.source == source, table.c.kind == kind, table.c.key.in_(asked))
            .order_by(table.c.revision)
        )
        for row in connection.execute(query):
            known[source, kind, row.key] = (read(row), row.revision)
    return known
