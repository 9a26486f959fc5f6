"""Rows that could not be read: kept with the reading that brought them, until they are over.

One is over when its record is read well, when a list that should have it has it no more, or when a later
version of this program makes a record of it.
Bound:  KEPT_OPEN of each list stand one by one, the rest is one entry with their number. What is over is
        forgotten after RELEASED_KEPT.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select, update

from exporter import __version__
from exporter.records import MORE, Aside, Listed, Record, name_of, narrowed, together
from exporter.store import schema
from exporter.times import from_us, to_us

KEPT_OPEN = 1_000
"""Rows of one list that stand open one by one. More are a list that has changed, and say no more."""

RELEASED_KEPT = timedelta(days=90)
"""How long it can be seen what had been set aside."""

How = Literal["read", "gone", "reread"]
Place = tuple[str, str]
"""What a row is known by at its source: its list, and its key there."""

OpenNow = Mapping[Place, Aside]
"""What stands open after a transaction."""


@dataclass(frozen=True, slots=True)
class OpenAside:
    """A row that is set aside: since when, when it was last listed, and by which version that was."""

    aside: Aside
    first_seen: datetime
    last_seen: datetime
    version: str


class AsideStore:
    """The rows that are set aside, of all sources of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: dict[str, dict[Place, Aside]] = {}

    def open(self, source: str) -> tuple[Aside, ...]:
        """Return what is set aside of a source; it costs nothing once that was asked."""
        known = self._open.get(source)
        if known is None:
            with self._engine.connect() as connection:
                known = self._open[source] = self._load(connection, source)
        return tuple(known.values())

    def entries(self, limit: int = KEPT_OPEN) -> list[OpenAside]:
        """Return what is set aside of all sources, the newest first."""
        table = schema.aside
        query = (
            select(table).where(table.c.released_at.is_(None)).order_by(table.c.first_seen.desc(), table.c.id)
        )
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query.limit(limit))]

    def unread(self, source: str, version: str = __version__) -> list[OpenAside]:
        """Return what another version than this one has set aside of a source."""
        table = schema.aside
        query = select(table).where(
            table.c.source == source, table.c.released_at.is_(None), table.c.version != version
        )
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query.order_by(table.c.id))]

    def keep(
        self,
        connection: Connection,
        source: str,
        aside: Sequence[Aside],
        listed: Sequence[Listed],
        records: Iterable[Record],
        at: datetime,
    ) -> OpenNow:
        """Take what a reading set aside, in its transaction, and release what it shows to be over.

        Return what stands open then, to be handed to `kept` once the transaction is.
        """
        known = self._open.get(source)
        if known is None:
            known = self._load(connection, source)
        if not aside and not known:
            return known
        here = self._bounded(known, aside)
        read = {name_of(record) for record in records} if known else set()
        over: dict[Place, How] = {}
        for place, each in known.items():
            if place not in here:
                if each.record in read:
                    over[place] = "read"
                elif any(walked.holds(each) for walked in listed):
                    over[place] = "gone"
        self._release(connection, source, over, at)
        _write(connection, here, known, at)
        return {place: each for place, each in known.items() if place not in over} | here

    def kept(self, source: str, open_now: OpenNow) -> None:
        """Note what stands open after a transaction that `keep` was part of."""
        self._open[source] = dict(open_now)

    def reread(self, connection: Connection, aside: Aside, at: datetime) -> Mapping[Place, Aside]:
        """Release a row that this version has made a record of; return what stands open then."""
        place = aside.listed, aside.key
        self._release(connection, aside.source, {place: "reread"}, at)
        known = self._open.get(aside.source) or self._load(connection, aside.source)
        return {other: each for other, each in known.items() if other != place}

    def still(self, connection: Connection, aside: Aside) -> None:
        """Note that this version cannot read a row either, so that it need not try again."""
        table = schema.aside
        connection.execute(
            update(table)
            .where(_is(aside.source), table.c.listed == aside.listed, table.c.key == aside.key)
            .values(version=__version__)
        )

    def prune(self, connection: Connection, now: datetime) -> None:
        """Forget what has been over for long."""
        connection.execute(
            delete(schema.aside).where(schema.aside.c.released_at < to_us(now - RELEASED_KEPT))
        )

    def _load(self, connection: Connection, source: str) -> dict[Place, Aside]:
        query = select(schema.aside).where(_is(source)).order_by(schema.aside.c.id)
        found = (_entry(row).aside for row in connection.execute(query))
        return {(each.listed, each.key): each for each in found}

    def _bounded(self, known: Mapping[Place, Aside], aside: Sequence[Aside]) -> dict[Place, Aside]:
        """Return the rows of a reading as they are kept: those beyond the bound of their list as one."""
        counts = Counter(listed for listed, key in known if key != MORE)
        here: dict[Place, Aside] = {}
        for each in aside:
            place = each.listed, each.key
            if place in known and each.key != MORE:
                here[place] = narrowed(each, known[place])
            elif each.key != MORE and counts[each.listed] < KEPT_OPEN:
                counts[each.listed] += 1
                here[place] = each
            else:
                here[each.listed, MORE] = together(each, here.get((each.listed, MORE)))
        return here

    def _release(self, connection: Connection, source: str, over: Mapping[Place, How], at: datetime) -> None:
        if not over:
            return
        table = schema.aside
        statement = (
            update(table)
            .where(_is(source), table.c.listed == bindparam("in_list"), table.c.key == bindparam("of_key"))
            .values(released_at=to_us(at), how=bindparam("in_what_way"))
        )
        connection.execute(
            statement,
            [{"in_list": listed, "of_key": key, "in_what_way": how} for (listed, key), how in over.items()],
        )


def _is(source: str) -> Any:
    """Return the condition that a row of the table is of a source, and open."""
    return (schema.aside.c.source == source) & schema.aside.c.released_at.is_(None)


def _write(
    connection: Connection, here: Mapping[Place, Aside], known: Mapping[Place, Aside], at: datetime
) -> None:
    table = schema.aside
    new = [each for place, each in here.items() if place not in known]
    again = [each for place, each in here.items() if place in known]
    if new:
        connection.execute(insert(table), [_columns(each, at) | {"first_seen": to_us(at)} for each in new])
    if again:
        connection.execute(
            update(table).where(
                table.c.source == bindparam("of_source"),
                table.c.listed == bindparam("in_list"),
                table.c.key == bindparam("of_key"),
                table.c.released_at.is_(None),
            ),
            [
                _columns(each, at) | {"of_source": each.source, "in_list": each.listed, "of_key": each.key}
                for each in again
            ],
        )


def _columns(aside: Aside, at: datetime) -> dict[str, Any]:
    return {
        "source": aside.source,
        "listed": aside.listed,
        "key": aside.key,
        "field": aside.field,
        "what": aside.what,
        "row": aside.row,
        "at": None if aside.at is None else to_us(aside.at),
        "since": None if aside.since is None else to_us(aside.since),
        "scope": aside.scope,
        "record": aside.record,
        "components": None if aside.components is None else json.dumps(aside.components),
        "count": aside.count,
        "last_seen": to_us(at),
        "version": __version__,
    }


def _entry(row: Row[Any]) -> OpenAside:
    aside = Aside(
        source=row.source,
        listed=row.listed,
        key=row.key,
        field=row.field,
        what=row.what,
        row=row.row,
        at=None if row.at is None else from_us(row.at),
        since=None if row.since is None else from_us(row.since),
        scope=row.scope,
        record=row.record,
        components=None if row.components is None else tuple(json.loads(row.components)),
        count=row._mapping["count"],
    )
    return OpenAside(aside, from_us(row.first_seen), from_us(row.last_seen), row.version)
