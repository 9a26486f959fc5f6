"""Raw answers and the append-only records read from them.

A record is booked once under its source and key; a changed one becomes the next revision, the old one
stays. `book` returns just what changed, which is all that the ledger needs to know.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, Select, func, literal, or_, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.errors import StoreDamaged
from exporter.records import Answer, Aside, Change, Fill, Listed, Record, Sale
from exporter.store import schema
from exporter.store.asides import AsideStore, OpenNow
from exporter.store.booking import book, identity_of, note_bill_changes
from exporter.store.checksum import checksum, unpacked
from exporter.store.database import writing
from exporter.store.readings import Readings
from exporter.store.restatements import RestatementStore
from exporter.store.rows import (
    STATED,
    change_of,
    is_newest,
    place_in_moment,
    placed,
    read,
    stored,
    unsearched,
    with_previous,
)
from exporter.times import from_us, to_us


class PageEnd(NamedTuple):
    """Where a replay stands: the last record it gave, and how many that were."""

    at: int
    kind: str
    key: str
    source: str
    given: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where a source stands: what its last complete reading spoke of, and when we had it.

    `reached` is how far its own time had come then, by what it showed; None where it has shown nothing.
    """

    as_of: datetime
    last_success: datetime
    reached: datetime | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """What a reading changed, and which of these changes say otherwise what was."""

    changes: Sequence[Change] = ()
    restated: Sequence[Change] = ()

    def __add__(self, later: Booked) -> Booked:
        return Booked((*self.changes, *later.changes), (*self.restated, *later.restated))


PAGE = 2_000
"""Records that `between` asks for at a time: about a megabyte, and some milliseconds of a reader's time."""

_ORDER = (schema.records.c.at, schema.records.c.kind, schema.records.c.key, schema.records.c.source)
"""The order of the ledger. The source comes last, since no book has records of two."""


class RecordStore:
    """Answers, records and watermarks of one database. All but `book`, `reread` and `prune` only read."""

    def __init__(self, engine: Engine, asides: AsideStore, restatements: RestatementStore) -> None:
        self._engine = engine
        self._asides, self._restatements = asides, restatements
        self._readings = Readings()

    def book(
        self,
        source: str,
        records: Sequence[Record],
        answers: Sequence[Answer],
        *,
        as_of: datetime,
        recorded_at: datetime,
        reached: datetime | None = None,
        aside: Sequence[Aside] = (),
        listed: Sequence[Listed] = (),
        since: datetime | None = None,
    ) -> Booked:
        """Keep a complete reading in one durable commit and return what it changed, in key order.

        The same reading again changes nothing. A bill that changes is followed by a BillChange that says
        what it replaced. What is dated before `since` had been read already: a record of then that is new
        restates what was, as one does that says otherwise. Raises StoreUnavailable; then nothing was kept.
        """
        with writing(self._engine) as connection:
            reading = self._readings.begin(connection, source, as_of, recorded_at)
            changes = book(connection, reading, records, incomplete=_incomplete(aside))
            restated = self._restatements.note(connection, changes, since)
            changes += note_bill_changes(connection, reading, changes, recorded_at)
            self._readings.end(connection, reading, answers, booked=len(changes))
            row = {
                "name": source,
                "as_of": to_us(as_of),
                "last_success": to_us(recorded_at),
                "reached": None if reached is None else to_us(reached),
            }
            open_now = self._asides.keep(connection, source, aside, listed, records, recorded_at)
            statement = upsert(schema.sources).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
        self._asides.kept(source, open_now)
        self._restatements.noted(restated)
        return Booked(changes, restated)

    def reread(
        self, aside: Aside, records: Sequence[Record], *, first_seen: datetime, recorded_at: datetime
    ) -> int:
        """Keep what a later version has read in a row that was set aside; return how many records changed.

        The row is the answer that they were read from.
        """
        answer = Answer(
            source=aside.source,
            request=f"{aside.listed} {aside.key}, set aside",
            status=200,
            fetched_at=first_seen,
            body=aside.row,
        )
        with writing(self._engine) as connection:
            reading = self._readings.begin(connection, aside.source, recorded_at, recorded_at)
            changes = book(connection, reading, records, incomplete=_incomplete([aside]))
            restated = self._restatements.note(connection, changes, recorded_at)
            changes += note_bill_changes(connection, reading, changes, recorded_at)
            self._readings.end(connection, reading, [answer] if changes else [], booked=len(changes))
            open_now = self._asides.reread(connection, aside, recorded_at)
        self._asides.kept(aside.source, open_now)
        self._restatements.noted(restated)
        return len(changes)

    def still_aside(self, aside: Aside) -> None:
        """Note that this version cannot read a row either."""
        with writing(self._engine) as connection:
            self._asides.still(connection, aside)

    def book_past(
        self,
        connection: Connection,
        source: str,
        records: Sequence[Record],
        answers: Sequence[Answer],
        *,
        recorded_at: datetime,
        aside: Sequence[Aside] = (),
    ) -> tuple[int, OpenNow]:
        """Keep a slice of a source's past in the caller's transaction; return how many records changed.

        The watermark stays: a slice says nothing about how the source stands now. What stands aside then is
        for `asides.kept`, once the transaction is.
        """
        reading = self._readings.begin(connection, source, recorded_at, recorded_at)
        booked = len(book(connection, reading, records, fresh=True))
        self._readings.end(connection, reading, answers if booked or aside else (), booked=booked)
        return booked, self._asides.keep(connection, source, aside, (), records, recorded_at)

    def keep_refused(
        self, source: str, answers: Sequence[Answer], *, recorded_at: datetime, sentence: str
    ) -> None:
        """Keep the raw answers of a reading that was refused; nothing of it is booked."""
        if not answers:
            return
        with writing(self._engine) as connection:
            reading = self._readings.begin(connection, source, recorded_at, recorded_at, sentence)
            self._readings.end(connection, reading, answers, booked=0)

    def watermark(self, source: str) -> Watermark | None:
        """Return where the source stands, None when it never answered."""
        table = schema.sources
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.name == source)).first()
        if row is None:
            return None
        reached = None if row.reached is None else from_us(row.reached)
        return Watermark(from_us(row.as_of), from_us(row.last_success), reached)

    def replay(self, sources: Collection[str]) -> Generator[Record, None, None]:
        """Yield the newest revision of every record of some sources in the ledger's order: time, kind,
        place, key.

        Close it when it is not read to its end: it holds the connection meanwhile. Raises StoreDamaged when
        the order of time, which is an index of its own, does not hold each of them once.
        """
        table, given = schema.records, 0
        query = (
            select(*stored())
            .where(unsearched(table.c.source).in_(tuple(sources)), is_newest())
            .order_by(*_ORDER)
        )
        with self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=2_000).execute(query)
            for moment in _moments(rows):
                given += len(moment)
                yield from moment
            _all_given(connection, given, sources)

    def newest_id(self) -> int:
        """Return the number of the newest revision, 0 when there is none."""
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.max(schema.records.c.id))) or 0)

    def stated(self, number: int) -> str | None:
        """Return in short what the revision with a number states, None when there is none."""
        query = select(*stored()).where(schema.records.c.id == number)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else f"{number}-{checksum(row[: len(STATED)]):08x}"

    def changes_after(self, number: int, sources: Collection[str]) -> Generator[Change, None, None]:
        """Yield what changed with every revision after the one with a number, in the order of booking.

        Close it when it is not read to its end.
        """
        table, (columns, before, joined) = schema.records, with_previous()
        query = (
            select(*columns)
            .join_from(table, before, joined, isouter=True)
            .where(table.c.id > number, unsearched(table.c.source).in_(tuple(sources)))
            .order_by(table.c.id)
        )
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=2_000).execute(query):
                yield change_of(row)

    def replayed(
        self, sources: Collection[str], after: PageEnd | None, upto: int, size: int
    ) -> tuple[list[Record], PageEnd | None]:
        """Return `size` records of `replay` after a place, and the place to go on from; None at the end.

        Revisions with a number above `upto` are as if they were not there. Nothing is held between calls,
        so a long replay can let others write in between. Raises StoreDamaged as `replay` does.
        """
        table = schema.records
        given = (unsearched(table.c.source).in_(tuple(sources)), unsearched(table.c.id) <= upto)
        query = select(*stored()).where(*given, is_newest(upto)).order_by(*_ORDER)
        if after is not None:
            place = map(literal, (after.kind, after.key, after.source))
            # The first bound is what the index on time is searched by.
            behind = or_(table.c.at > after.at, tuple_(*_ORDER[1:]) > tuple_(*place))
            query = query.where(table.c.at >= after.at, behind)
        count = 0 if after is None else after.given
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(size)).all()
            # A moment that is cut between two pages is out of its order there, which is late and not wrong.
            found = list(chain.from_iterable(_moments(rows)))
            count += len(found)
            if len(rows) < size:
                _all_given(connection, count, sources, upto)
                return found, None
        last = rows[-1]
        return found, PageEnd(last.at, last.kind, last.key, last.source, count)

    def between(
        self, kind: str, begin: datetime, end: datetime, sources: Collection[str], upto: int
    ) -> Iterator[tuple[Record, int]]:
        """Yield the newest revision of every record of a kind in [begin, end), with its number, in the order
        of the ledger.

        Revisions with a number above `upto` are as if they were not there: all pages are of one state.
        Nothing is held between two of them, so that whoever reads slowly is in nobody's way.
        """
        table = schema.records
        given = (
            unsearched(table.c.kind) == kind,
            unsearched(table.c.source).in_(tuple(sources)),
            unsearched(table.c.id) <= upto,
            is_newest(upto),
        )
        query = select(*stored()).where(*given).order_by(*_ORDER)
        at, ends = to_us(begin), to_us(end)
        while at < ends:
            rows = self._rows(query.where(table.c.at >= at, table.c.at < ends).limit(PAGE))
            if len(rows) < PAGE:
                at = ends
            elif (last := rows[-1].at) > rows[0].at:
                # The last moment may go on behind the page, and has an order of its own: it waits.
                rows, at = [row for row in rows if row.at < last], last
            else:
                rows, at = self._rows(query.where(table.c.at == last)), last + 1
            for _, moment in groupby(rows, key=attrgetter("at")):
                found = [(read(row), int(row.revision)) for row in moment]
                if len(found) > 1:
                    found.sort(key=lambda each: place_in_moment(each[0]))
                yield from found

    def fills_in_order(
        self, source: str, books: Sequence[str], upto: int, before: datetime | None = None
    ) -> Iterator[tuple[str, list[Fill]]]:
        """Yield the fills of a few hundred books of a source, moment by moment as they were executed, one
        book after the other: the newest revision of each up to a number, before a time or all.

        Read it to its end at once: it holds the connection meanwhile.
        """
        table = schema.records
        query = (
            select(*stored())
            .where(table.c.source == source, table.c.scope.in_(books), table.c.kind == Fill.kind)
            .where(unsearched(table.c.id) <= upto, is_newest(upto))
            .order_by(table.c.scope, table.c.at, table.c.key)
        )
        if before is not None:
            query = query.where(unsearched(table.c.at) < to_us(before))
        with self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=PAGE).execute(query)
            for (book, _), moment in groupby(rows, key=attrgetter("scope", "at")):
                fills = [fill for row in moment if isinstance(fill := read(row), Fill)]
                fills.sort(key=place_in_moment)
                yield book, fills

    def sales_of(self, source: str, keys: Sequence[str], upto: int) -> list[tuple[Sale, int]]:
        """Return the newest revision of a few hundred sales up to a number, with its own number."""
        table = schema.records
        query = (
            select(*stored())
            .where(table.c.source == source, table.c.scope.in_(keys), table.c.kind == Sale.kind)
            .where(unsearched(table.c.id) <= upto, is_newest(upto))
            .order_by(table.c.key)
        )
        return [(sale, row.revision) for row in self._rows(query) if isinstance(sale := read(row), Sale)]

    def earliest(self) -> datetime | None:
        """Return the time of the first record there is, None when there is none."""
        with self._engine.connect() as connection:
            found = connection.scalar(select(func.min(schema.records.c.at)))
        return None if found is None else from_us(found)

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def of_scope(self, source: str, scope: str) -> list[Record]:
        """Return the newest revision of every record of a source's book, day or sale, in order."""
        table = schema.records
        query = (
            select(*stored())
            .where(table.c.source == source, table.c.scope == scope, is_newest())
            .order_by(table.c.at, table.c.kind, table.c.key)
        )
        with self._engine.connect() as connection:
            return [read(row) for row in connection.execute(query)]

    def of_scopes(self, source: str, scopes: Sequence[str]) -> dict[str, list[Record]]:
        """Return the newest revision of every record of a few hundred scopes of a source, by scope, in no
        order. A scope that has none is left out."""
        table = schema.records
        query = (
            select(*stored())
            .where(table.c.source == source, table.c.scope.in_(scopes), is_newest())
            .order_by(table.c.scope, table.c.revision)
        )
        found: dict[str, list[Record]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found.setdefault(row.scope, []).append(read(row))
        return found

    def newest_rows(self, source: str, since: datetime, most: int) -> datetime:
        """Return from when on a source has at most so many records, no earlier than `since`."""
        table = schema.records
        beyond = (
            select(table.c.at)
            .where(table.c.at >= to_us(since), table.c.source == source)
            .order_by(table.c.at.desc())
            .offset(most)
            .limit(1)
        )
        with self._engine.connect() as connection:
            found = connection.scalar(beyond)
        return since if found is None else from_us(found) + timedelta(microseconds=1)

    def keys_between(self, source: str, kind: str, begin: datetime, end: datetime) -> dict[str, str]:
        """Return the scopes of all records of a kind in [begin, end), by key."""
        table = schema.records
        query = select(table.c.key, table.c.scope).where(
            table.c.at >= to_us(begin),
            table.c.at < to_us(end),
            unsearched(table.c.source) == source,
            unsearched(table.c.kind) == kind,
        )
        with self._engine.connect() as connection:
            return {row.key: row.scope for row in connection.execute(query)}

    def fills_of(self, source: str, books: Sequence[str]) -> dict[str, list[Fill]]:
        """Return the newest revision of every fill of a few hundred books of a source, in no order.

        A fill stays in its book for life. So a later revision just takes the place of an earlier one:
        asking for newer ones would look up each fill in an index that is far from where it was found.
        """
        table = schema.records
        query = (
            select(*stored())
            .where(table.c.source == source, table.c.scope.in_(books), table.c.kind == Fill.kind)
            .order_by(table.c.scope, table.c.revision)
        )
        found: dict[str, dict[str, Row[Any]]] = {book: {} for book in books}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found[row.scope][row.key] = row
        return {
            book: [record for row in rows.values() if isinstance(record := read(row), Fill)]
            for book, rows in found.items()
        }

    def revisions(self, source: str, kind: str, key: str) -> list[Record]:
        """Return every revision of one record, first to newest."""
        table = schema.records
        query = (
            select(*stored())
            .where(table.c.source == source, table.c.kind == kind, table.c.key == key)
            .order_by(table.c.revision)
        )
        with self._engine.connect() as connection:
            return [read(row) for row in connection.execute(query)]

    def answers_of(self, source: str, kind: str, key: str) -> list[Answer]:
        """Return the raw answers that the newest revision of a record was read from."""
        table, answers, readings = schema.records, schema.answers, schema.readings
        newest = (
            select(table.c.reading)
            .where(table.c.source == source, table.c.kind == kind, table.c.key == key)
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
                    body=unpacked(row.body, f"The answer to {row.request}"),
                )
                for row in connection.execute(query)
            ]

    def prune(self, now: datetime) -> int:
        """Delete answers that booked nothing and are past their time; return how many readings went."""
        with writing(self._engine) as connection:
            self._asides.prune(connection, now)
            return self._readings.prune(connection, now)


def _moments(rows: Iterable[Row[Any]]) -> Iterator[list[Record]]:
    """Yield the records of one moment after the other. Raises StoreDamaged for an order that has one twice:
    where another is lacking, it comes with itself or out of its time."""
    last = None
    for at, moment in groupby(rows, key=attrgetter("at")):
        found = placed([read(row) for row in moment])
        twice = len(found) > 1 and len({identity_of(each) for each in found}) < len(found)
        if twice or (last is not None and at < last):
            raise StoreDamaged("The order of the records")
        last = at
        yield found


def _all_given(connection: Connection, given: int, sources: Collection[str], upto: int | None = None) -> None:
    """Raise StoreDamaged unless an order has given as many records as there are, up to a number."""
    table = schema.records
    theirs = [unsearched(table.c.source).in_(tuple(sources)), unsearched(table.c.revision) == 1]
    if upto is not None:
        theirs.append(table.c.id <= upto)
    if given != connection.scalar(select(func.count()).select_from(table).where(*theirs)):
        raise StoreDamaged("The order of the records")


def _incomplete(aside: Iterable[Aside]) -> frozenset[str]:
    """Return the records of which rows are set aside."""
    return frozenset(each.record for each in aside if each.record)
