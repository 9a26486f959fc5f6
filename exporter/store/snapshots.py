"""Every published snapshot: one durable commit each, readable whole at any sequence.

A row holds the merge patch from the snapshot before; every KEYFRAME_EVERY rows also the whole
one. Storing each snapshot whole would cost 100 times the disk at the rate of live prices;
`at` gives any of them back, whole, from at most twice KEYFRAME_EVERY patches. `thinning` takes
rows out later, and gives those that stay a `leap` over the others.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from msgspec import ValidationError
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.errors import SequenceGap, StoreDamaged, StoreUnavailable
from exporter.snapshot import (
    OF_SOURCE,
    ONLY_VENUE,
    Grade,
    JsonObject,
    Opening,
    Snapshot,
    apply,
    decode,
    diff,
    encode,
    from_json,
    history_row,
    of_source,
    plain_json,
)
from exporter.store import schema
from exporter.store.checksum import agrees, checksum, unpacked
from exporter.store.database import writing
from exporter.store.layouts import Layouts, Places, number_of
from exporter.times import from_us, to_us, unstamp

KEYFRAME_EVERY = 100
"""Patches to apply for one snapshot: about 10 ms, against 1 % of the rows being large. Twice as many
where rows that were thinned out meet those that were not."""

COMPRESSION = 1
"""zlib's fastest level: the commit is on the way of a live figure; level 6 saves 8 % more."""

MAX_ROWS = 5_000
"""Rows one read may return, so that no reader pulls a month into memory."""

OPENING_SEARCH = 50
"""Snapshots without an unrealised figure to step over in search of one, so that a long outage
costs a bounded look; what lies further away would be graded partial anyway."""

FIGURES = ("as_of", "sequence", "figures", "layout")
"""What a row of figures states; its checksum is of all of it, also as a roll-up."""

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000

MINUTES_KEPT = timedelta(days=365)
HOURS_KEPT = timedelta(days=5 * 365)
"""Roll-ups by the minute answer this year's questions, by the hour those of the tax years."""

ROLL_UP_BATCH = 10_000
"""Snapshots thinned in one transaction: about 0.1 s in which a commit has to wait."""


@dataclass(frozen=True, slots=True)
class Committed:
    """One stored delta: the merge patch (JSON bytes) that leads to `sequence`."""

    sequence: int
    as_of: datetime
    patch: bytes


@dataclass(frozen=True, slots=True)
class Point:
    """The figures one snapshot stated, by the names of its row; None for one that was missing or not kept."""

    as_of: datetime
    sequence: int
    figures: Sequence[str | None]
    places: Places

    def __getitem__(self, name: str) -> str | None:
        place = self.places.get(name, len(self.figures))
        return self.figures[place] if place < len(self.figures) else None


class SnapshotStore:
    """Snapshots of one epoch. `append` is for the one writer; everything else only reads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.connect() as connection:
            self.epoch: str = connection.execute(
                select(schema.meta.c.value).where(schema.meta.c.key == "epoch")
            ).scalar_one()
        self._last: Snapshot | None = None
        self._keyframe_due = True
        self._numbers: dict[tuple[str, ...], int] = {}
        self._layouts = Layouts()
        self._firsts: dict[str, Opening] = {}

    def append(self, snapshot: Snapshot) -> bytes:
        """Commit the snapshot durably and return the patch that leads to it.

        Raises SequenceGap unless it carries this epoch and the next sequence, StoreUnavailable
        when the commit failed; in both cases nothing is stored.
        """
        before = self._last if self._last is not None else (self.latest() or {})
        behind = before.sequence if isinstance(before, Snapshot) else before.get("sequence", 0)
        sequence = snapshot.sequence
        if snapshot.epoch != self.epoch or sequence - 1 != behind:
            raise SequenceGap(
                f"Snapshot {snapshot.epoch}-{sequence} does not follow "
                f"{self.epoch}-{behind}: it was not stored."
            )
        # What is stored may be of an earlier version: after a start the patch leads from it as it is.
        stated = snapshot if isinstance(before, Snapshot) else plain_json(snapshot)
        patch = encode(diff(before, stated))
        whole = None
        if self._keyframe_due or sequence % KEYFRAME_EVERY == 0:
            whole = zlib.compress(encode(snapshot), COMPRESSION)
        row = history_row(snapshot)
        columns = tuple(row)
        figures = json.dumps(list(row.values()), separators=(",", ":"))
        as_of = to_us(unstamp(snapshot.as_of))
        with writing(self._engine) as connection:
            layout = self._numbers.get(columns) or number_of(connection, columns)
            connection.execute(
                insert(schema.snapshots).values(
                    sequence=sequence,
                    as_of=as_of,
                    patch=zlib.compress(patch, COMPRESSION),
                    whole=whole,
                    figures=figures,
                    layout=layout,
                    crc32=checksum((as_of, sequence, figures, layout)),
                )
            )
        self._numbers[columns] = layout  # known to be there only now that the commit holds
        self._last = snapshot
        self._keyframe_due = False
        return patch

    def redate(self, now: datetime) -> None:
        """Date what is dated ahead of now as of now, for who asks by time: a clock that was wrong dated it.

        It stays what it was and where it was in the order; else it would be taken for what was published
        when that time comes, and would stop retention until then.
        """
        table, at = schema.snapshots, to_us(now)
        with writing(self._engine) as connection:
            ahead = connection.execute(select(*_figures(table)).where(table.c.as_of > at)).all()
            for row in ahead:
                _verify(row)
                dated = {"as_of": at, "crc32": checksum((at, *row[1 : len(FIGURES)]))}
                connection.execute(update(table).where(table.c.sequence == row.sequence).values(dated))
        self._firsts.clear()

    def newest(self) -> Snapshot | None:
        """Return the newest snapshot, None in an empty store. Raises StoreUnavailable as `read` does."""
        sequence = self.last_sequence()
        return self.read(sequence) if sequence else None

    def read(self, sequence: int) -> Snapshot | None:
        """Return the snapshot of that sequence as it would be stated now, None when it was pruned.

        Raises StoreUnavailable for one that is not what a snapshot is.
        """
        stored = self.at(sequence)
        try:
            return None if stored is None else from_json(stored)
        except ValidationError as error:
            raise StoreUnavailable(f"Snapshot {sequence} cannot be read: {error}.") from error

    def latest(self) -> JsonObject | None:
        """Return the newest snapshot whole, as it was stored; None in an empty store."""
        sequence = self.last_sequence()
        return self.at(sequence) if sequence else None

    def at(self, sequence: int) -> JsonObject | None:
        """Return the snapshot of that sequence whole, None when it was pruned or never was."""
        table = schema.snapshots
        keyframe = (
            select(table.c.sequence)
            .where(table.c.sequence <= sequence, table.c.whole.is_not(None))
            .order_by(table.c.sequence.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(table.c.sequence, table.c.whole, table.c.patch, table.c.leap)
            .where(table.c.sequence >= keyframe, table.c.sequence <= sequence)
            .order_by(table.c.sequence)
        )
        # One statement, so that no thinning comes between a keyframe and the patches behind it.
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        if not rows or rows[-1].sequence != sequence:
            return None
        tree = _tree(rows[0].whole, rows[0].sequence)
        for before, row in pairwise(rows):
            if row.leap is None and row.sequence != before.sequence + 1:
                return None
            tree = apply(tree, _tree(row.patch if row.leap is None else row.leap, row.sequence))
        if tree.get("sequence") != sequence:
            raise StoreDamaged(f"Snapshot {sequence}")
        return tree

    def after(self, sequence: int, limit: int = MAX_ROWS) -> list[Committed]:
        """Return the deltas that follow `sequence`, oldest first, at most `limit`.

        The caller sees a gap by itself: the first one's sequence is not `sequence + 1`. Where there is one
        among them, what lies before it is left out, so it is always seen.
        """
        table = schema.snapshots
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(*_figures(table), table.c.patch)
                .where(table.c.sequence > sequence)
                .order_by(table.c.sequence)
                .limit(min(limit, MAX_ROWS))
            ).all()
        for row in rows:
            _verify(row)
        last = rows[-1].sequence if rows else 0
        joined = [row for place, row in enumerate(rows, 1) if row.sequence == last - len(rows) + place]
        return [
            Committed(row.sequence, from_us(row.as_of), unpacked(row.patch, f"Snapshot {row.sequence}"))
            for row in joined
        ]

    def last_sequence(self) -> int:
        """Return the newest sequence, 0 in an empty store."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.max(schema.snapshots.c.sequence))) or 0

    def first_sequence(self) -> int:
        """Return the oldest sequence still kept, 0 in an empty store."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.min(schema.snapshots.c.sequence))) or 0

    def opening(self, source: str, at: datetime) -> Opening | None:
        """Return a venue's unrealised P&L stated last at or before `at`, else the earliest stated after it.

        The caller reads from its `as_of` which of the two it got. None when none was ever stated.
        """
        first = self.first_stated(source)
        if first is None or at < first.as_of:
            return first
        raw, rolled = schema.snapshots, schema.rollups
        with self._engine.connect() as connection:
            for table, before in ((raw, True), (rolled, True), (rolled, False), (raw, False)):
                query = select(*_figures(table))
                if before:
                    query = query.where(table.c.as_of <= to_us(at)).order_by(table.c.as_of.desc())
                else:
                    query = query.where(table.c.as_of > to_us(at)).order_by(table.c.as_of)
                if found := self._stated(connection, query, source, before=before):
                    return found
        return None

    def first_stated(self, source: str) -> Opening | None:
        """Return the first unrealised P&L that was ever stated of a venue; looked up once, for it stays.

        A venue that was added late is in none of the many rows before: they are left out by their layout.
        """
        if source in self._firsts:
            return self._firsts[source]
        with self._engine.connect() as connection:
            lacking = self._layouts.those(connection, lambda places: _unrealised(places, source) is None)
            for table in (schema.rollups, schema.snapshots):
                query = select(*_figures(table))
                query = query.where(table.c.layout.not_in(lacking)).order_by(table.c.as_of)
                if found := self._stated(connection, query, source, before=False):
                    self._firsts[source] = found
                    return found
        return None

    def _stated(
        self, connection: Connection, query: Select[Any], source: str, *, before: bool
    ) -> Opening | None:
        for row in connection.execute(query.limit(OPENING_SEARCH)):
            point = self._point(connection, row)
            name = _unrealised(point.places, source)
            if name is not None and (usd := point[name]) is not None:
                grade = point[name.replace("unrealised", "unrealised.grade")]
                until = _next(connection, row.as_of) if before else None
                if grade is not None:
                    return Opening(Decimal(usd), point.as_of, Grade[grade.upper()], until)
        return None

    def history(self, start: datetime, end: datetime, points: int) -> list[Point]:
        """Return the last snapshot of each of `points` equal steps of [start, end), oldest first.

        A step in which nothing was published gives no point: a gap stays a gap.
        """
        first, last = to_us(start), to_us(end)
        step = max(1, -(-(last - first) // points))
        with self._engine.connect() as connection:
            raw_from = connection.scalar(select(func.min(schema.snapshots.c.as_of)))
            found: list[Point] = []
            if raw_from is None or first < raw_from:
                found += self._sampled(connection, "rollups", first, min(last, raw_from or last), step)
            if raw_from is not None and last > raw_from:
                skipped = max(0, raw_from - first) // step * step
                found += self._sampled(connection, "snapshots", first + skipped, last, step)
        return found

    def _sampled(self, connection: Connection, table: str, first: int, last: int, step: int) -> list[Point]:
        query = text(_SAMPLE.format(table=table)).bindparams(
            bindparam("first", first), bindparam("last", last), bindparam("step", step)
        )
        by_time = {row.as_of: self._point(connection, row) for row in connection.execute(query)}
        return list(by_time.values())

    def _point(self, connection: Connection, row: Row[Any]) -> Point:
        _verify(row)
        try:
            figures = json.loads(row.figures)
        except (TypeError, ValueError):
            raise StoreDamaged(f"The row of figures of snapshot {row.sequence}") from None
        places = self._layouts.places(connection, row.layout, figures)
        return Point(from_us(row.as_of), row.sequence, figures, places)

    def roll_up(self, now: datetime, keep: timedelta) -> bool:
        """Thin out what is older than `keep`, one bounded batch; tell whether there is more to do.

        The last snapshot of each minute stays as a roll-up for a year, of each hour for five,
        of each day for ever. The oldest snapshot left is always a whole one.
        """
        table = schema.snapshots
        with writing(self._engine) as connection:
            cut = connection.execute(
                select(table.c.sequence, table.c.as_of)
                .where(table.c.whole.is_not(None), table.c.as_of < to_us(now - keep))
                .order_by(table.c.sequence.desc())
                .limit(1)
            ).first()
            first = connection.scalar(select(func.min(table.c.sequence)))
            more = False
            if cut is not None and first is not None and first < cut.sequence:
                # Counted in rows: where snapshots were thinned out, sequences are far apart.
                batch = select(table.c.sequence).order_by(table.c.sequence).limit(1).offset(ROLL_UP_BATCH)
                upto = min(cut.sequence, connection.scalar(batch) or cut.sequence)
                upto = connection.execute(
                    select(func.max(table.c.sequence)).where(
                        table.c.whole.is_not(None), table.c.sequence <= upto
                    )
                ).scalar_one()
                more = first < upto < cut.sequence
                _roll(connection, table, 0, table.c.sequence < upto, MINUTE)
            for step, coarser, age in ((MINUTE, HOUR, MINUTES_KEPT), (HOUR, DAY, HOURS_KEPT)):
                rolled = schema.rollups
                old = (rolled.c.step == step) & (rolled.c.as_of < to_us(now - age) // coarser * coarser)
                _roll(connection, rolled, step, old, coarser)
        return more


def _tree(packed: bytes, sequence: int) -> JsonObject:
    """Return what a stored body states. Raises StoreDamaged."""
    return decode(unpacked(packed, f"Snapshot {sequence}"))


def _figures(table: Table) -> list[Column[Any]]:
    """Return the columns of a row of figures, its checksum behind them."""
    return [*(table.c[name] for name in FIGURES), table.c.crc32]


def _verify(row: Any) -> None:
    """Raise StoreDamaged for a row of figures that is not what was written."""
    if not agrees(row[: len(FIGURES)], row.crc32):
        raise StoreDamaged(f"The row of figures of snapshot {row.sequence}")


def _unrealised(places: Places, source: str) -> str | None:
    """Return the column of what is unrealised at a venue; None where a row does not say."""
    name = of_source("unrealised", source)
    if name in places:
        return name
    if source == ONLY_VENUE and not any(known.startswith(f"unrealised{OF_SOURCE}") for known in places):
        return "unrealised"
    return None


def _next(connection: Connection, as_of: int) -> datetime | None:
    """Return when the first snapshot after a moment was published, of those that are kept."""
    found = [
        at
        for table in (schema.snapshots, schema.rollups)
        if (at := connection.scalar(select(func.min(table.c.as_of)).where(table.c.as_of > as_of))) is not None
    ]
    return from_us(min(found)) if found else None


def _roll(connection: Connection, table: Table, step: int, old: ColumnElement[bool], into: int) -> None:
    """Keep the last row of each `into` microseconds of the old rows as a roll-up; delete the rest."""
    bucket = table.c.as_of // into
    last = select(func.max(table.c.as_of)).where(old).group_by(bucket)
    kept = (
        select(
            literal(into),
            table.c.as_of,
            func.max(table.c.sequence),
            table.c.figures,
            table.c.layout,
            table.c.crc32,
        )
        .where(old, table.c.as_of.in_(last))
        .group_by(table.c.as_of, table.c.figures, table.c.layout)
    )
    target = schema.rollups
    statement = upsert(target).from_select([c.name for c in target.columns], kept)
    connection.execute(statement.on_conflict_do_nothing())
    connection.execute(delete(table).where(old))


_SAMPLE = """
WITH RECURSIVE steps(lower) AS (
  SELECT :first UNION ALL SELECT lower + :step FROM steps WHERE lower + :step < :last
)
SELECT as_of, sequence, figures, layout, crc32 FROM steps JOIN {table} ON {table}.as_of = (
  SELECT max(as_of) FROM {table}
  WHERE as_of >= steps.lower AND as_of < min(steps.lower + :step, :last)
) ORDER BY as_of, sequence
"""
