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
from itertools import islice
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, delete, exists, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.records import KINDS, Answer, Change, Record
from exporter.store import schema
from exporter.store.database import writing
from exporter.times import from_us, to_us

CHUNK = 500
"""Keys looked up in one statement; below SQLite's limit on bound values."""

IDLE_ANSWERS_KEPT = timedelta(days=7)
"""How long answers that booked nothing stay (quotes, mostly): long enough to explain a mark of
last week, short enough that polling every ten seconds does not fill a disk."""


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

        The same reading again changes nothing. Raises StoreUnavailable; then nothing was kept.
        """
        with writing(self._engine) as connection:
            reading = _keep_reading(connection, source, as_of, recorded_at, "")
            changes = [
                change
                for chunk in _chunks(records, CHUNK)
                for change in _book_chunk(connection, reading, chunk)
            ]
            kept = self._keep_answers(connection, reading, answers, every=bool(changes))
            _close_reading(connection, reading, len(changes), kept)
            row = {"name": source, "as_of": to_us(as_of), "last_success": to_us(recorded_at)}
            statement = upsert(schema.sources).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
        return changes

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
        """Yield the newest revision of every record in the ledger's order: time, kind, key.

        Close it when it is not read to its end: it holds the connection meanwhile.
        """
        table = schema.records
        order = (table.c.at, table.c.kind, table.c.key)
        with self._engine.connect() as connection:
            query = select(table.c.kind, table.c.body).where(_is_newest()).order_by(*order)
            for row in connection.execution_options(yield_per=2_000).execute(query):
                yield _read(row.kind, row.body)

    def of_scope(self, scope: str) -> list[Record]:
        """Return the newest revision of every record of a book, a day or a sale, in the ledger's order."""
        table = schema.records
        query = (
            select(table.c.kind, table.c.body)
            .where(table.c.scope == scope, _is_newest())
            .order_by(table.c.at, table.c.kind, table.c.key)
        )
        with self._engine.connect() as connection:
            return [_read(row.kind, row.body) for row in connection.execute(query)]

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
        fresh = [a for a in answers if every or self._last_sent.get(a.request) != a.sha256]
        for answer in fresh:
            connection.execute(
                upsert(schema.bodies)
                .values(sha256=answer.sha256, body=zlib.compress(answer.body))
                .on_conflict_do_nothing()
            )
            connection.execute(
                insert(schema.answers).values(
                    reading=reading,
                    request=answer.request,
                    status=answer.status,
                    fetched_at=to_us(answer.fetched_at),
                    sha256=answer.sha256,
                )
            )
        self._last_sent = {answer.request: answer.sha256 for answer in answers} | (
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


def _book_chunk(connection: Connection, reading: int, chunk: Sequence[Record]) -> list[Change]:
    known = _newest(connection, chunk)
    changes: dict[tuple[str, str], Change] = {}
    rows: list[dict[str, Any]] = []
    for record in sorted(chunk, key=lambda record: (record.kind, record.key)):
        identity = (record.kind, record.key)
        old, revision = known.get(identity, (None, 0))
        if old == record:
            continue
        known[identity] = (record, revision + 1)
        first = changes.get(identity)
        changes[identity] = Change(old if first is None else first.old, record)
        rows.append(
            {
                "kind": record.kind,
                "key": record.key,
                "revision": revision + 1,
                "scope": record.scope,
                "at": to_us(record.at),
                "reading": reading,
                "body": _write(record),
            }
        )
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


def _is_newest() -> Any:
    table, newer = schema.records, schema.records.alias("newer")
    return ~exists().where(
        newer.c.kind == table.c.kind, newer.c.key == table.c.key, newer.c.revision == table.c.revision + 1
    )


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])


def _write(record: Record) -> str:
    return _adapter(record.kind).dump_json(record).decode()


def _read(kind: str, body: str) -> Record:
    record: Record = _adapter(kind).validate_json(body)
    return record


def _chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    rest = iter(records)
    while chunk := list(islice(rest, size)):
        yield chunk
