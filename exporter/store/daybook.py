"""The daybook: what each market, sale and day of API cost came to on each day, and the sums of that.

Made of the records alone, by who keeps it (`collect/daybook.py`), piece by piece: each piece and how far it
has come is one commit, so that it is never half a piece behind, and goes on after a kill where it stood.

Order:  while it is built, it walks along the scopes by name, up to the newest record of then. Afterwards it
        follows the records in the order in which they were booked. A scope is always made anew as a whole.
Proof:  every row carries the CRC-32 of what it states, verified by whoever reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, Table, delete, func, insert, literal, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.errors import DaybookDamaged
from exporter.periods.day_line import DayLine, DaySums, encoded
from exporter.store import schema
from exporter.store.checksum import checksum
from exporter.store.database import writing
from exporter.store.rows import CHUNK, chunks
from exporter.times import from_us, to_us

Body = TypeVar("Body", DayLine, DaySums)

Scope = tuple[str, str]
"""A source, and what of it: a market, a sale, a UTC day of API cost."""

DAY = ("source", "day")
"""What a row of sums is known by."""

TABLES = (schema.daybook, schema.days, schema.hours)
"""Whose rows carry a checksum."""

PLACE = "daybook"
"""The key in `meta` of how far it has come."""

SCOPES_AT_ONCE = 200
RECORDS_AT_ONCE = 500
"""What a piece looks at: its commit takes some milliseconds, in which that of a snapshot has to wait."""


class DaybookPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the daybook has come.

    `terms` is what it was made by: zone, lot rule and the program itself. `upto` is the newest record that is
    in it, once it is built; while it is built, `scope` is the last one that is in it.
    """

    terms: str
    upto: int = 0
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Behind:
    """What is to be made anew next, and how the daybook stands when that is done."""

    scopes: Sequence[Scope]
    then: DaybookPlace
    more: bool


LAG_LOOKED_AT = 1_000
"""Records that are booked and not in it yet of which each is looked at: it is behind by one reading at most,
or has much to catch up with."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What the daybook lacks: by source from when on; None where anything of any source may be missing."""

    since: Mapping[str, datetime] | None

    def touches(self, source: str, end: datetime) -> bool:
        """Tell whether what comes before a moment may become other than it is."""
        return self.since is None or (source in self.since and self.since[source] < end)


class DaybookStore:
    """The daybook of one database. `keep` and what begins it anew are for the one writer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def place(self) -> DaybookPlace | None:
        """Return how far it has come, None before it was begun."""
        with self._engine.connect() as connection:
            return _place(connection)

    def begin(self, terms: str) -> None:
        """Begin it anew by other terms: all that was made is dropped, in one commit."""
        with writing(self._engine) as connection:
            for table in (*TABLES, schema.daybook_due):
                connection.execute(delete(table))
            newest = connection.scalar(select(func.max(schema.records.c.id))) or 0
            _note(connection, DaybookPlace(terms, int(newest), ("", "")))

    def behind(self, place: DaybookPlace, now: datetime) -> Behind:
        """Return what is to be made next: scopes by name while it is built, then what has changed since."""
        if place.scope is not None:
            return self._unbuilt(place, place.scope)
        records, due = schema.records, schema.daybook_due
        changed = (
            select(records.c.id, records.c.source, records.c.scope)
            .where(records.c.id > place.upto)
            .order_by(records.c.id)
            .limit(RECORDS_AT_ONCE)
        )
        waited = select(due.c.source, due.c.scope).where(due.c.at <= to_us(now)).limit(SCOPES_AT_ONCE)
        with self._engine.connect() as connection:
            rows = connection.execute(changed).all()
            late = connection.execute(waited).all()
        scopes = [(row.source, row.scope) for row in (*rows, *late)]
        upto = rows[-1].id if rows else place.upto
        then = msgspec.structs.replace(place, upto=upto)
        more = len(rows) == RECORDS_AT_ONCE or len(late) == SCOPES_AT_ONCE
        return Behind(list(dict.fromkeys(scopes)), then, more)

    def again(self, since: date) -> None:
        """Have all made anew that has a line on a day or later: time went back before it."""
        table, due = schema.daybook, schema.daybook_due
        found = select(table.c.source, table.c.scope, func.min(0)).where(table.c.day >= since.toordinal())
        statement = upsert(due).from_select(
            ["source", "scope", "at"], found.group_by(table.c.source, table.c.scope)
        )
        with writing(self._engine) as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["source", "scope"], set_={"at": 0})
            )

    def keep(
        self, made: Mapping[Scope, tuple[Mapping[date, DayLine], datetime | None]], then: DaybookPlace
    ) -> None:
        """Put lines in the place of those that were, with their sums, in one commit."""
        with writing(self._engine) as connection:
            moved: dict[tuple[str, int], DayLine] = {}
            for chunk in chunks(made, CHUNK):
                self._take_back(connection, chunk, moved)
            rows = []
            for (source, scope), (lines, _) in made.items():
                for day, line in lines.items():
                    if line:
                        moved.setdefault((source, day.toordinal()), DayLine()).put(line)
                        rows.append(_row((source, scope, day.toordinal()), line, ("source", "scope", "day")))
            if rows:
                connection.execute(insert(schema.daybook), rows)
            _move(connection, moved)
            waiting = [
                {"source": source, "scope": scope, "at": to_us(due)}
                for (source, scope), (_, due) in made.items()
                if due is not None
            ]
            if waiting:
                connection.execute(insert(schema.daybook_due), waiting)
            _note(connection, then)

    def days(self, first: date | None, last: date, sources: Sequence[str]) -> dict[str, dict[date, DaySums]]:
        """Return by source what its days came to, of those on which anything did."""
        return self._by_day(schema.days, DaySums, first, last, sources)

    def hours(self, first: date, last: date, sources: Sequence[str]) -> dict[str, dict[date, DayLine]]:
        """Return the same by slots of each day."""
        return self._by_day(schema.hours, DayLine, first, last, sources)

    def lines(self, first: date, last: date, sources: Sequence[str]) -> list[tuple[Scope, date, DayLine]]:
        """Return all lines of a stretch of days, by day, source and scope."""
        table = schema.daybook
        query = (
            select(table)
            .where(table.c.day >= first.toordinal(), table.c.day <= last.toordinal())
            .where(table.c.source.in_(sources))
            .order_by(table.c.day, table.c.source, table.c.scope)
        )
        return [
            ((row.source, row.scope), date.fromordinal(row.day), _read(row[:3], row, DayLine))
            for row in self._rows(query)
        ]

    def doubtful(self, first: date, last: date, source: str) -> list[tuple[date, DayLine]]:
        """Return the lines of a stretch of days that say what is not certain of them, by day."""
        table = schema.daybook
        query = (
            select(table)
            .where(
                table.c.day >= first.toordinal(), table.c.day <= last.toordinal(), table.c.source == source
            )
            .where(table.c.body.contains('"doubts"'))
            .order_by(table.c.day, table.c.scope)
        )
        return [(date.fromordinal(row.day), _read(row[:3], row, DayLine)) for row in self._rows(query)]

    def scopes(self, first: date, last: date, source: str) -> set[str]:
        """Return the scopes of a source that have a line in a stretch of days."""
        table = schema.daybook
        query = (
            select(table.c.scope)
            .distinct()
            .where(
                table.c.day >= first.toordinal(), table.c.day <= last.toordinal(), table.c.source == source
            )
        )
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def of_scope(self, source: str, scope: str) -> dict[date, DayLine]:
        """Return the lines of one scope by day."""
        table = schema.daybook
        query = select(table).where(table.c.source == source, table.c.scope == scope).order_by(table.c.day)
        return {date.fromordinal(row.day): _read(row[:3], row, DayLine) for row in self._rows(query)}

    def lag(self, terms: str) -> Lag:
        """Return what is not in it yet. `terms` is how those begin that it must have been made by."""
        table = schema.records
        with self._engine.connect() as connection:
            place = _place(connection)
            if place is None or place.scope is not None or not place.terms.startswith(terms):
                return Lag(None)
            query = (
                select(table.c.source, table.c.at)
                .where(table.c.id > place.upto)
                .order_by(table.c.id)
                .limit(LAG_LOOKED_AT)
            )
            rows = connection.execute(query).all()
        if len(rows) == LAG_LOOKED_AT:
            return Lag(None)
        earliest: dict[str, int] = {}
        for row in rows:
            earliest[row.source] = min(row.at, earliest.get(row.source, row.at))
        return Lag({source: from_us(at) for source, at in earliest.items()})

    def fingerprint(self, last: date, summed: Sequence[str], whole: Sequence[str]) -> list[int]:
        """Return numbers that change with what is kept of the days up to `last`: the sums of some sources,
        and all lines of others."""
        found: list[int] = []
        with self._engine.connect() as connection:
            for table, sources in ((schema.days, summed), (schema.daybook, whole)):
                query = select(func.count(), func.coalesce(func.sum(table.c.crc32), 0)).where(
                    table.c.source.in_(sources), table.c.day <= last.toordinal()
                )
                found += connection.execute(query).one()
        return found

    def changing(self, source: str, unsettled: date, ahead: date) -> set[Scope]:
        """Return what time alone has changed: what has a line on a day or later, or said of an earlier one
        what was not certain, or may have."""
        table = schema.daybook
        query = select(table.c.scope).distinct().where(table.c.source == source)
        later = table.c.day >= ahead.toordinal()
        costs = (table.c.day >= unsettled.toordinal()) & table.c.body.contains('"cost_days"')
        with self._engine.connect() as connection:
            return {(source, scope) for scope in connection.scalars(query.where(later | costs))}

    def _unbuilt(self, place: DaybookPlace, scope: Scope) -> Behind:
        table = schema.records
        query = (
            select(table.c.source, table.c.scope)
            .distinct()
            .where(tuple_(table.c.source, table.c.scope) > tuple_(*map(literal, scope)))
            .order_by(table.c.source, table.c.scope)
            .limit(SCOPES_AT_ONCE)
        )
        with self._engine.connect() as connection:
            scopes = [(row.source, row.scope) for row in connection.execute(query)]
        whole = len(scopes) < SCOPES_AT_ONCE
        then = msgspec.structs.replace(place, scope=None if whole else scopes[-1])
        return Behind(scopes, then, True)

    def _take_back(
        self, connection: Connection, scopes: Sequence[Scope], moved: dict[tuple[str, int], DayLine]
    ) -> None:
        for source in {source for source, _ in scopes}:
            names = [scope for each, scope in scopes if each == source]
            for table in (schema.daybook, schema.daybook_due):
                theirs = (table.c.source == source, table.c.scope.in_(names))
                if table is schema.daybook:
                    for row in connection.execute(select(table).where(*theirs)).all():
                        line = _read(row[:3], row, DayLine)
                        moved.setdefault((source, row.day), DayLine()).put(line, -1)
                connection.execute(delete(table).where(*theirs))

    def _by_day(
        self, table: Table, kind: type[Body], first: date | None, last: date, sources: Sequence[str]
    ) -> dict[str, dict[date, Body]]:
        query = select(table).where(table.c.source.in_(sources), table.c.day <= last.toordinal())
        if first is not None:
            query = query.where(table.c.day >= first.toordinal())
        found: dict[str, dict[date, Body]] = {source: {} for source in sources}
        for row in self._rows(query.order_by(table.c.source, table.c.day)):
            found[row.source][date.fromordinal(row.day)] = _read(row[:2], row, kind)
        return found

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(query).all()


def _move(connection: Connection, moved: Mapping[tuple[str, int], DayLine]) -> None:
    """Add what has changed to the sums of its days; a day of which nothing is left has no row."""
    changed: dict[str, dict[int, DayLine]] = {}
    for (source, day), change in moved.items():
        if change:
            changed.setdefault(source, {})[day] = change
    written: dict[Table, list[dict[str, object]]] = {schema.hours: [], schema.days: []}
    for source, changes in changed.items():
        before = _hours(connection, source, changes)
        for day, change in changes.items():
            line = before.get(day, DayLine())
            line.put(change)
            if line:
                written[schema.hours].append(_row((source, day), line, DAY))
                written[schema.days].append(_row((source, day), DaySums(line.sums(), line.counts), DAY))
            else:
                for table in written:
                    connection.execute(delete(table).where(table.c.source == source, table.c.day == day))
    for table, rows in written.items():
        if rows:
            statement = upsert(table)
            fresh = {name: statement.excluded[name] for name in ("body", "crc32")}
            connection.execute(statement.on_conflict_do_update(index_elements=DAY, set_=fresh), rows)


def _hours(connection: Connection, source: str, days: Iterable[int]) -> dict[int, DayLine]:
    table, found = schema.hours, dict[int, DayLine]()
    for chunk in chunks(days, CHUNK):
        query = select(table).where(table.c.source == source, table.c.day.in_(chunk))
        found |= {row.day: _read(row[:2], row, DayLine) for row in connection.execute(query)}
    return found


def _row(key: Sequence[object], body: DayLine | DaySums, names: Sequence[str]) -> dict[str, object]:
    text = encoded(body)
    return {**dict(zip(names, key, strict=True)), "body": text, "crc32": checksum((*key, text))}


def _read(key: Sequence[object], row: Row[Any], kind: type[Body]) -> Body:
    """Return the body of a row. Raises DaybookDamaged for one that is not what was written."""
    if row.crc32 != checksum((*key, row.body)):
        raise DaybookDamaged(f"The daybook of {' '.join(map(str, key))}")
    return msgspec.json.decode(row.body, type=kind)


def _place(connection: Connection) -> DaybookPlace | None:
    value = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == PLACE))
    return None if value is None else msgspec.json.decode(value, type=DaybookPlace)


def _note(connection: Connection, place: DaybookPlace) -> None:
    row = {"key": PLACE, "value": msgspec.json.encode(place).decode()}
    connection.execute(
        upsert(schema.meta).values(row).on_conflict_do_update(index_elements=["key"], set_=row)
    )
