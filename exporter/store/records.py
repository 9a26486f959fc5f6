"""Raw answers and the append-only records read from them.

A record is booked once under its key; a changed one becomes the next revision, the old one
stays. `book` returns just what changed, which is all that the ledger needs to know.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, delete, exists, func, insert, literal, or_, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError

from exporter.records import KINDS, Answer, BilledDay, Change, Fill, Record, UsageHour, replaces
from exporter.store import schema
from exporter.store.database import writing
from exporter.store.landings import first_billed, landings
from exporter.times import from_us, to_us

Item = TypeVar("Item")

CHUNK = 500
"""Keys looked up in one statement; below SQLite's limit on bound values."""

IDLE_ANSWERS_KEPT = timedelta(days=7)
"""How long answers that booked nothing stay (quotes, mostly): long enough to explain a mark of
last week, short enough that polling every ten seconds does not fill a disk."""


Place = tuple[int, str, str]
"""Where a replay stands: time, kind and key of the last record it gave."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where a source stands: what its last complete reading spoke of, and when we had it."""

    as_of: datetime
    last_success: datetime


class RecordStore:
    """Answers, records and watermarks of one database. All but `book` and `prune` only read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last_sent: dict[str, str] = {}

    def book(
        self,
        source: str,
        records: Sequence[Record],
        answers: Sequence[Answer],
        *,
        as_of: datetime,
        recorded_at: datetime,
    ) -> list[Change]:
        """Keep a complete reading in one durable commit and return what it changed, in key order.

        The same reading again changes nothing. A bill that changes is followed by a Landing that says
        what it replaced. Raises StoreUnavailable; then nothing was kept.
        """
        with writing(self._engine) as connection:
            reading = _keep_reading(connection, source, as_of, recorded_at, "")
            changes = _book(connection, reading, records)
            changes += _note_landings(connection, reading, changes, recorded_at)
            kept = self._keep_answers(connection, reading, answers, every=bool(changes))
            _close_reading(connection, reading, len(changes), kept)
            row = {"name": source, "as_of": to_us(as_of), "last_success": to_us(recorded_at)}
            statement = upsert(schema.sources).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
        return changes

    def book_past(
        self,
        connection: Connection,
        source: str,
        records: Sequence[Record],
        answers: Sequence[Answer],
        *,
        recorded_at: datetime,
    ) -> int:
        """Keep a slice of a source's past in the caller's transaction; return how many records changed.

        The watermark stays: a slice says nothing about how the source stands now.
        """
        reading = _keep_reading(connection, source, recorded_at, recorded_at, "")
        booked = len(_book(connection, reading, records, fresh=True))
        kept = self._keep_answers(connection, reading, answers, every=True) if booked else 0
        _close_reading(connection, reading, booked, kept)
        return booked

    def keep_refused(
        self, source: str, answers: Sequence[Answer], *, recorded_at: datetime, sentence: str
    ) -> None:
        """Keep the raw answers of a reading that was refused; nothing of it is booked."""
        if not answers:
            return
        with writing(self._engine) as connection:
            reading = _keep_reading(connection, source, recorded_at, recorded_at, sentence)
            kept = self._keep_answers(connection, reading, answers, every=False)
            _close_reading(connection, reading, 0, kept)

    def watermark(self, source: str) -> Watermark | None:
        """Return where the source stands, None when it never answered."""
        table = schema.sources
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.name == source)).first()
        return None if row is None else Watermark(from_us(row.as_of), from_us(row.last_success))

    def replay(self) -> Generator[Record, None, None]:
        """Yield the newest revision of every record in the ledger's order: time, kind, place, key.

        Close it when it is not read to its end: it holds the connection meanwhile.
        """
        table = schema.records
        order = (table.c.at, table.c.kind, table.c.key)
        with self._engine.connect() as connection:
            query = select(table.c.at, table.c.kind, table.c.body).where(is_newest()).order_by(*order)
            rows = connection.execution_options(yield_per=2_000).execute(query)
            for _, moment in groupby(rows, key=attrgetter("at")):
                yield from _placed([_read(row.kind, row.body) for row in moment])

    def newest_id(self) -> int:
        """Return the number of the newest revision, 0 when there is none."""
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.max(schema.records.c.id))) or 0)

    def replayed(self, after: Place | None, upto: int, size: int) -> tuple[list[Record], Place | None]:
        """Return `size` records of `replay` after a place, and the place to go on from; None at the end.

        Revisions with a number above `upto` are as if they were not there. Nothing is held between calls,
        so a long replay can let others write in between.
        """
        table = schema.records
        order = (table.c.at, table.c.kind, table.c.key)
        query = select(*order, table.c.body).where(table.c.id <= upto, is_newest(upto)).order_by(*order)
        if after is not None:
            at, kind, key = after
            # The first bound is what the index on time is searched by.
            behind = or_(
                table.c.at > at, tuple_(table.c.kind, table.c.key) > tuple_(literal(kind), literal(key))
            )
            query = query.where(table.c.at >= at, behind)
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(size)).all()
        last = (rows[-1].at, rows[-1].kind, rows[-1].key) if len(rows) == size else None
        # A moment that is cut between two pages comes out of its order there, which is late and not wrong.
        found = [_read(row.kind, row.body) for row in rows]
        moments = groupby(zip(rows, found, strict=True), key=lambda pair: pair[0].at)
        return [record for _, each in moments for record in _placed([pair[1] for pair in each])], last

    def of_scope(self, scope: str) -> list[Record]:
        """Return the newest revision of every record of a book, a day or a sale, in the ledger's order."""
        table = schema.records
        query = (
            select(table.c.kind, table.c.body)
            .where(table.c.scope == scope, is_newest())
            .order_by(table.c.at, table.c.kind, table.c.key)
        )
        with self._engine.connect() as connection:
            return [_read(row.kind, row.body) for row in connection.execute(query)]

    def fills_of(self, books: Sequence[str]) -> dict[str, list[Fill]]:
        """Return the newest revision of every fill of a few hundred books, in no order.

        A fill stays in its book for life. So a later revision just takes the place of an earlier one:
        asking for newer ones would look up each fill in an index that is far from where it was found.
        """
        table = schema.records
        query = (
            select(table.c.scope, table.c.key, table.c.body)
            .where(table.c.scope.in_(books), table.c.kind == Fill.kind)
            .order_by(table.c.scope, table.c.revision)
        )
        found: dict[str, dict[str, str]] = {book: {} for book in books}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found[row.scope][row.key] = row.body
        return {
            book: [record for body in rows.values() if isinstance(record := _read("fill", body), Fill)]
            for book, rows in found.items()
        }

    def revisions(self, kind: str, key: str) -> list[Record]:
        """Return every revision of one record, first to newest."""
        table = schema.records
        query = (
            select(table.c.body).where(table.c.kind == kind, table.c.key == key).order_by(table.c.revision)
        )
        with self._engine.connect() as connection:
            return [_read(kind, body) for body in connection.scalars(query)]

    def answers_of(self, kind: str, key: str) -> list[Answer]:
        """Return the raw answers that the newest revision of a record was read from."""
        table, answers, readings = schema.records, schema.answers, schema.readings
        newest = (
            select(table.c.reading)
            .where(table.c.kind == kind, table.c.key == key)
            .order_by(table.c.revision.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(readings.c.source, answers, schema.bodies.c.body)
            .join_from(answers, readings, answers.c.reading == readings.c.id)
            .join(schema.bodies, schema.bodies.c.sha256 == answers.c.sha256)
            .where(answers.c.reading == newest)
            .order_by(answers.c.id)
        )
        with self._engine.connect() as connection:
            return [
                Answer(
                    source=row.source,
                    request=row.request,
                    status=row.status,
                    fetched_at=from_us(row.fetched_at),
                    body=zlib.decompress(row.body),
                )
                for row in connection.execute(query)
            ]

    def prune(self, now: datetime) -> int:
        """Delete answers that booked nothing, past IDLE_ANSWERS_KEPT; return how many readings went."""
        readings, bodies = schema.readings, schema.bodies
        with writing(self._engine) as connection:
            gone = connection.execute(
                delete(readings).where(
                    readings.c.booked == 0, readings.c.recorded_at < to_us(now - IDLE_ANSWERS_KEPT)
                )
            ).rowcount
            used = exists().where(schema.answers.c.sha256 == bodies.c.sha256)
            connection.execute(delete(bodies).where(~used))
        return gone

    def _keep_answers(
        self, connection: Connection, reading: int, answers: Sequence[Answer], *, every: bool
    ) -> int:
        # An answer equal to the last one for the same request says nothing new; it is kept only
        # where a record was read from the same reading, so that every record has its evidence.
        hashed = [(answer, answer.sha256) for answer in answers]
        fresh = [(a, sha256) for a, sha256 in hashed if every or self._last_sent.get(a.request) != sha256]
        for answer, sha256 in fresh:
            connection.execute(
                upsert(schema.bodies)
                .values(sha256=sha256, body=zlib.compress(answer.body))
                .on_conflict_do_nothing()
            )
            connection.execute(
                insert(schema.answers).values(
                    reading=reading,
                    request=answer.request,
                    status=answer.status,
                    fetched_at=to_us(answer.fetched_at),
                    sha256=sha256,
                )
            )
        self._last_sent = {answer.request: sha256 for answer, sha256 in hashed} | (
            {} if len(self._last_sent) > CHUNK else self._last_sent
        )
        return len(fresh)


def _keep_reading(
    connection: Connection, source: str, as_of: datetime, recorded_at: datetime, error: str
) -> int:
    result = connection.execute(
        insert(schema.readings).values(
            source=source, as_of=to_us(as_of), recorded_at=to_us(recorded_at), booked=0, error=error
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _close_reading(connection: Connection, reading: int, booked: int, kept: int) -> None:
    table = schema.readings
    if booked:
        connection.execute(table.update().where(table.c.id == reading).values(booked=booked))
    elif not kept:
        connection.execute(delete(table).where(table.c.id == reading))


def _book(
    connection: Connection, reading: int, records: Sequence[Record], *, fresh: bool = False
) -> list[Change]:
    """Keep what is new or changed; `fresh` expects that hardly anything was seen before."""
    changes: list[Change] = []
    for chunk in _chunks(records, CHUNK):
        if fresh and _insert_fresh(connection, reading, chunk):
            changes += [Change(None, record) for record in chunk]
        else:
            changes += _book_chunk(connection, reading, chunk)
    return changes


def _insert_fresh(connection: Connection, reading: int, chunk: Sequence[Record]) -> bool:
    """Insert the records as first revisions; tell whether none was known, else nothing is changed."""
    rows = [_row(record, 1, reading) for record in chunk]
    try:
        with connection.begin_nested():
            connection.execute(insert(schema.records), rows)
    except IntegrityError:
        return False
    return True


def _note_landings(
    connection: Connection, reading: int, changes: Sequence[Change], at: datetime
) -> list[Change]:
    found: list[Record] = []
    table = schema.records
    bills = [change for change in changes if isinstance(change.new, BilledDay)]
    for chunk in _chunks(bills, CHUNK):
        query = select(table.c.body).where(
            table.c.scope.in_(first_billed(chunk)), table.c.kind == UsageHour.kind, is_newest()
        )
        hours = [_read(UsageHour.kind, body) for body in connection.scalars(query)]
        found += landings(connection, chunk, [hour for hour in hours if isinstance(hour, UsageHour)], at)
    if found:
        connection.execute(insert(schema.records), [_row(landing, 1, reading) for landing in found])
    return [Change(None, landing) for landing in found]


def _placed(moment: list[Record]) -> list[Record]:
    """Return the records of one moment as they happened: fills that share it by their place in the list."""
    if len(moment) > 1:
        moment.sort(key=lambda record: (record.kind, -record.newer if isinstance(record, Fill) else 0))
    return moment


def _row(record: Record, revision: int, reading: int) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "key": record.key,
        "revision": revision,
        "scope": record.scope,
        "at": to_us(record.at),
        "reading": reading,
        "body": _write(record),
    }


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
        rows.append(_row(record, revision + 1, reading))
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
            known[kind, row.key] = (_read(kind, row.body), row.revision)
    return known


def is_newest(upto: int | None = None) -> Any:
    """Return the condition that no newer revision of a record is there, up to a number."""
    table, newer = schema.records, schema.records.alias("newer")
    follows = (
        newer.c.kind == table.c.kind,
        newer.c.key == table.c.key,
        newer.c.revision == table.c.revision + 1,
    )
    return ~exists().where(*follows, *(() if upto is None else (newer.c.id <= upto,)))


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])


def _write(record: Record) -> str:
    return _adapter(record.kind).dump_json(record).decode()


def _read(kind: str, body: str) -> Record:
    record: Record = _adapter(kind).validate_json(body)
    return record


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
