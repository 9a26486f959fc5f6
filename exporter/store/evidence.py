"""What was known at a moment, and what it was read from: the records' past, for whoever asks why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, exists, func, or_, select

from exporter.records import Record
from exporter.store import schema
from exporter.store.checksum import unpacked
from exporter.store.rows import CHUNK, chunks, read, stored, unsearched
from exporter.times import from_us, to_us


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a record, when it was read, and by which reading."""

    record: Record
    number: int
    recorded_at: datetime
    reading: int


@dataclass(frozen=True, slots=True)
class RawSource:
    """A raw answer that a reading got: what was asked, when, and the hash of what came."""

    request: str
    fetched_at: datetime
    sha256: str


class Evidence:
    """Reads the past of the records of one database; it writes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._opened: tuple[int, list[tuple[RawSource, bytes]]] | None = None

    def revisions(self, source: str, scope: str, kinds: Sequence[str], until: datetime) -> list[Revision]:
        """Return every revision of a scope's records up to a moment, in the order they were booked."""
        table = schema.records
        query = _revisions(source, until).where(table.c.scope == scope, table.c.kind.in_(kinds))
        return self._read(query.order_by(table.c.id))

    def sources(self, scope: str, kinds: Sequence[str]) -> list[str]:
        """Return the sources that have a record of these kinds in a scope of that name."""
        table, sources = schema.records, schema.sources
        theirs = (table.c.source == sources.c.name, table.c.scope == scope, table.c.kind.in_(kinds))
        query = select(sources.c.name).where(exists().where(*theirs)).order_by(sources.c.name)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def scopes(
        self,
        source: str,
        kinds: Sequence[str],
        start: datetime | None,
        until: datetime,
        also: str | None = None,
    ) -> list[str]:
        """Return the scopes of a source of which a record of these kinds happened from `start` on.

        With `also`, those whose body holds that text, too, whenever they happened.
        """
        table = schema.records
        from_source, of_kind = table.c.source == source, table.c.kind.in_(kinds)
        if start is not None and also is None:
            from_source = unsearched(table.c.source) == source
            of_kind = unsearched(table.c.kind).in_(kinds)
        query = select(table.c.scope).distinct().where(from_source, of_kind, table.c.at <= to_us(until))
        if start is not None:
            happened = table.c.at >= to_us(start)
            query = query.where(happened if also is None else or_(happened, table.c.body.contains(also)))
        with self._engine.connect() as connection:
            return sorted(connection.scalars(query))

    def booked_after(self, at: datetime, sources: Sequence[str]) -> set[tuple[str, str]]:
        """Return the scopes of which a record was booked by a reading after a moment, with their source."""
        records, readings = schema.records, schema.readings
        with self._engine.connect() as connection:
            first = connection.scalar(
                select(func.min(readings.c.id)).where(readings.c.recorded_at > to_us(at))
            )
            if first is None:
                return set()
            query = (
                select(records.c.source, records.c.scope)
                .distinct()
                .where(records.c.id >= _first_of(connection, first), records.c.source.in_(sources))
            )
            return {(row.source, row.scope) for row in connection.execute(query)}

    def size(self, source: str, scopes: Iterable[str], kinds: Sequence[str]) -> int:
        """Return how many revisions these scopes of a source have."""
        table, total = schema.records, 0
        with self._engine.connect() as connection:
            for chunk in chunks(scopes, CHUNK):
                query = select(func.count()).where(
                    table.c.source == source, table.c.scope.in_(chunk), table.c.kind.in_(kinds)
                )
                total += int(connection.scalar(query) or 0)
        return total

    def known(
        self, source: str, scopes: Iterable[str], kinds: Sequence[str], until: datetime
    ) -> list[Revision]:
        """Return the records of these scopes of a source as they stood at a moment, in the ledger's order."""
        table = schema.records
        newest: dict[tuple[str, str], Revision] = {}
        for chunk in chunks(scopes, CHUNK):
            query = _revisions(source, until).where(table.c.scope.in_(chunk), table.c.kind.in_(kinds))
            for found in self._read(query.order_by(table.c.revision)):
                newest[found.record.kind, found.record.key] = found
        return sorted(
            newest.values(), key=lambda found: (found.record.at, found.record.kind, found.record.key)
        )

    def answers(self, reading: int, path: str, mention: str) -> list[RawSource]:
        """Return the raw answers of a reading that a record was read from.

        Those to requests that hold `path`, and of them the ones that mention it; where none does, more.
        """
        found = self._answers(reading)
        asked = [pair for pair in found if path in pair[0].request] or found
        return [answer for answer, body in asked if mention.encode() in body] or [each for each, _ in asked]

    def _answers(self, reading: int) -> list[tuple[RawSource, bytes]]:
        if self._opened is not None and self._opened[0] == reading:
            return self._opened[1]
        table, bodies = schema.answers, schema.bodies
        query = (
            select(table.c.request, table.c.fetched_at, table.c.sha256, bodies.c.body)
            .join(bodies, bodies.c.sha256 == table.c.sha256)
            .where(table.c.reading == reading)
            .order_by(table.c.id)
        )
        with self._engine.connect() as connection:
            found = [
                (
                    RawSource(row.request, from_us(row.fetched_at), row.sha256),
                    unpacked(row.body, f"The answer to {row.request}"),
                )
                for row in connection.execute(query)
            ]
        self._opened = (reading, found)  # the lines of a page are mostly of one reading
        return found

    def snapshot(self, at: datetime) -> int | None:
        """Return the sequence of the snapshot that was the newest at a moment; None before the first kept."""
        table = schema.snapshots
        with self._engine.connect() as connection:
            query = select(func.max(table.c.sequence)).where(table.c.as_of <= to_us(at))
            found: int | None = connection.scalar(query)
        return found

    def _read(self, query: Select[Any]) -> list[Revision]:
        with self._engine.connect() as connection:
            return [
                Revision(read(row), row.revision, from_us(row.recorded_at), row.reading)
                for row in connection.execute(query)
            ]


def _first_of(connection: Connection, reading: int) -> int:
    """Return the number of the first record of a reading or a later one: both count up together, so it is
    looked for by halves, for records have no index by reading."""
    table = schema.records
    low, high = 1, int(connection.scalar(select(func.max(table.c.id))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            select(table.c.id, table.c.reading).where(table.c.id >= middle).order_by(table.c.id).limit(1)
        ).first()
        if row is not None and row.reading < reading:
            low = row.id + 1
        else:
            high = middle
    return low


def _revisions(source: str, until: datetime) -> Select[Any]:
    table, readings = schema.records, schema.readings
    return (
        select(*stored(), table.c.reading, readings.c.recorded_at)
        .join(readings, readings.c.id == table.c.reading)
        .where(table.c.source == source, readings.c.recorded_at <= to_us(until))
    )
