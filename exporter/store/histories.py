"""How far the past of each source has been read, kept in one commit with what was read.

A run goes from `until` backwards, part by part; each part has a place to go on from, which only the
source understands. Killed at any moment, the next start finds the records of every committed slice
and the place right behind them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, case, delete, distinct, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.records import Answer, Aside, Record
from exporter.store import schema
from exporter.store.asides import AsideStore
from exporter.store.database import writing
from exporter.store.records import RecordStore
from exporter.store.rows import is_newest
from exporter.times import from_us, to_us

REBUILT = '"origin":"market"'
"""How the body of a settlement that was rebuilt from its market can be told without reading it."""


@dataclass(frozen=True, slots=True)
class ListProgress:
    """One list of the past. `missed` counts what the source was asked for there and did not have."""

    name: str
    place: str = ""
    rows: int = 0
    missed: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The newest run over a source's past.

    It reads [bottom, until); `since` is how far back the past is known once it is done. None means
    from the beginning. `completed` is when the past was last whole, `gap` what is lost for good,
    `missing` says in words what is not there.
    """

    until: datetime
    since: datetime | None
    bottom: datetime | None
    completed: datetime | None
    gap: timedelta
    missing: tuple[str, ...]
    parts: tuple[ListProgress, ...]

    @property
    def finished(self) -> bool:
        """Whether the run itself is done."""
        return all(part.done for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the database holds of a venue's past."""

    fills: int
    settlements: int
    rebuilt: int
    markets: int
    transfers: int
    first: datetime | None
    last: datetime | None


class HistoryStore:
    """The runs over the past of all sources, in one database."""

    def __init__(self, engine: Engine, records: RecordStore, asides: AsideStore) -> None:
        self._engine = engine
        self._records, self._asides = records, asides

    def load(self, source: str) -> Past | None:
        """Return the newest run of a source, None when there never was one."""
        table, parts = schema.histories, schema.history_parts
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.source == source)).first()
            if row is None:
                return None
            query = select(parts).where(parts.c.source == source).order_by(parts.c.number)
            known = tuple(
                ListProgress(each.part, each.place, each.rows, each.missed, bool(each.done))
                for each in connection.execute(query)
            )
        return Past(
            until=from_us(row.until),
            since=_time(row.since),
            bottom=_time(row.bottom),
            completed=_time(row.completed_at),
            gap=timedelta(microseconds=row.gap),
            missing=tuple(json.loads(row.missing)),
            parts=known,
        )

    def begin(self, source: str, past: Past) -> None:
        """Begin a run in one commit; whatever run there was is forgotten, its records stay."""
        table, parts = schema.histories, schema.history_parts
        row = {
            "source": source,
            "until": to_us(past.until),
            "since": _us(past.since),
            "bottom": _us(past.bottom),
            "completed_at": _us(past.completed),
            "gap": past.gap // timedelta(microseconds=1),
            "missing": json.dumps(past.missing),
        }
        rows = [
            {"source": source, "part": part.name, "number": number} for number, part in enumerate(past.parts)
        ]
        with writing(self._engine) as connection:
            connection.execute(
                upsert(table).values(row).on_conflict_do_update(index_elements=["source"], set_=row)
            )
            connection.execute(delete(parts).where(parts.c.source == source))
            connection.execute(insert(parts), rows)

    def keep(
        self,
        source: str,
        part: ListProgress,
        records: Sequence[Record],
        answers: Sequence[Answer],
        *,
        recorded_at: datetime,
        aside: Sequence[Aside] = (),
    ) -> int:
        """Keep a slice and the part as it stands behind it, in one durable commit.

        Return how many records changed. Raises StoreUnavailable; then neither was kept.
        """
        with writing(self._engine) as connection:
            booked, open_now = self._records.book_past(
                connection, source, records, answers, recorded_at=recorded_at, aside=aside
            )
            _note(connection, source, part)
        self._asides.kept(source, open_now)
        return booked

    def finish(self, source: str, at: datetime, gap: timedelta, missing: Sequence[str]) -> None:
        """Say that the past is whole but for what is `missing`."""
        table = schema.histories
        with writing(self._engine) as connection:
            connection.execute(
                update(table)
                .where(table.c.source == source)
                .values(
                    completed_at=to_us(at),
                    gap=gap // timedelta(microseconds=1),
                    missing=json.dumps(tuple(missing)),
                )
            )

    def unsettled(self, source: str, after: str, size: int) -> tuple[list[str], str | None]:
        """Look at the next `size` books of a source by name; return those with fills not yet settled.

        The second value is where to go on, None at the end. A settlement that was rebuilt before the
        newest fill of its book was kept does not cover it.
        """
        table = schema.records
        # No condition on the kind: it would make SQLite look for all fills there are instead of
        # walking along the index of the scopes, and each call would cost as much as the whole past.
        books = (
            select(
                table.c.scope,
                func.max(case((table.c.kind == "fill", table.c.id))).label("newest"),
                func.max(case((table.c.kind == "settlement", table.c.id))).label("settled"),
            )
            .where(table.c.source == source, table.c.scope > after)
            .group_by(table.c.scope)
            .order_by(table.c.scope)
            .limit(size)
            .subquery()
        )
        last = table.alias("last")
        query = (
            select(books.c.scope, books.c.newest, books.c.settled, last.c.body)
            .join_from(books, last, last.c.id == books.c.settled, isouter=True)
            .order_by(books.c.scope)
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).all()
        waiting = [
            row.scope
            for row in found
            if row.newest is not None
            and (row.settled is None or (REBUILT in row.body and row.settled < row.newest))
        ]
        return waiting, found[-1].scope if len(found) == size else None

    def taken_back(self, source: str) -> int:
        """Return how many rebuilt settlements of a source do not know what a contract paid."""
        table = schema.records
        query = select(func.count()).where(
            table.c.source == source,
            table.c.kind == "settlement",
            table.c.body.contains(REBUILT, autoescape=True),
            table.c.body.contains('"value":null'),
            is_newest(),
        )
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def found(self, source: str) -> Found:
        """Return what there is of a source's fills, settlements and transfers."""
        table = schema.records
        kinds = ("fill", "settlement", "transfer")
        theirs = table.c.source == source
        # Every record has one first revision.
        counted = select(table.c.kind, func.count().label("number")).where(theirs, table.c.revision == 1)
        traded = table.c.kind.in_(kinds[:2])
        with self._engine.connect() as connection:
            counts: dict[str, int] = {
                row.kind: row.number
                for row in connection.execute(counted.where(table.c.kind.in_(kinds)).group_by(table.c.kind))
            }
            markets = connection.scalar(select(func.count(distinct(table.c.scope))).where(theirs, traded))
            rebuilt = connection.scalar(
                select(func.count(distinct(table.c.key))).where(
                    theirs,
                    table.c.kind == "settlement",
                    table.c.body.contains(REBUILT, autoescape=True),
                    is_newest(),
                )
            )
            bounds = select(func.min(table.c.at), func.max(table.c.at)).where(theirs, table.c.kind.in_(kinds))
            first, last = connection.execute(bounds).one()
        return Found(
            fills=counts.get("fill", 0),
            settlements=counts.get("settlement", 0),
            rebuilt=int(rebuilt or 0),
            markets=int(markets or 0),
            transfers=counts.get("transfer", 0),
            first=_time(first),
            last=_time(last),
        )


def _note(connection: Connection, source: str, part: ListProgress) -> None:
    table = schema.history_parts
    connection.execute(
        update(table)
        .where(table.c.source == source, table.c.part == part.name)
        .values(place=part.place, rows=part.rows, missed=part.missed, done=int(part.done))
    )


def _time(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def _us(time: datetime | None) -> int | None:
    return None if time is None else to_us(time)
