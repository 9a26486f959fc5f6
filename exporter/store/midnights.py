"""What was unrealised at each midnight of a zone, kept for ever: the edges of days, months and years.

Roll-ups become coarser with the years. A month that was closed must not lose its grade with them, so what was
published last before each midnight is kept beside them, once the midnight is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, delete, func, insert, select

from exporter.errors import StoreDamaged
from exporter.snapshot import Grade, Opening
from exporter.store import schema
from exporter.store.checksum import checksum
from exporter.store.database import writing
from exporter.store.snapshots import SnapshotStore
from exporter.times import from_us, midnight, to_us

MIDNIGHT: Sequence[str] = ("source", "zone", "day", "usd", "grade", "as_of")
"""What a row states; its checksum is of all of it."""

OVER = timedelta(minutes=1)
"""After a midnight: what was published before it is in the database by then."""

AT_ONCE = 100
"""Midnights looked up for one commit: some tens of milliseconds the first time, one a day afterwards."""

DAY = timedelta(days=1)


class MidnightStore:
    """The midnights of one database. `follow` is for the one writer."""

    def __init__(self, engine: Engine, snapshots: SnapshotStore) -> None:
        self._engine, self._snapshots = engine, snapshots

    def of(self, source: str, zone: ZoneInfo) -> dict[date, Opening]:
        """Return what was unrealised at a venue when days began, by the day. Raises StoreDamaged."""
        table = schema.midnights
        query = select(table).where(table.c.source == source, table.c.zone == zone.key)
        found = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                if row.crc32 != checksum(row[: len(MIDNIGHT)]):
                    raise StoreDamaged(f"The midnight of {source} {date.fromordinal(row.day)}")
                found[date.fromordinal(row.day)] = Opening(
                    Decimal(row.usd), from_us(row.as_of), Grade[row.grade.upper()]
                )
        return found

    def forget_after(self, day: date) -> None:
        """Drop the midnights after a day: a clock that was ahead took them for over."""
        table = schema.midnights
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(table.c.day > day.toordinal()))

    def follow(self, source: str, zone: ZoneInfo, now: datetime) -> bool:
        """Keep the next midnights of a venue that are over; tell whether there are more.

        One before which nothing was published has none.
        """
        table = schema.midnights
        theirs = (table.c.source == source, table.c.zone == zone.key)
        with self._engine.connect() as connection:
            newest: int | None = connection.scalar(select(func.max(table.c.day)).where(*theirs))
        if newest is None:
            first = self._snapshots.first_stated(source)
            if first is None:
                return False
            newest = first.as_of.astimezone(zone).date().toordinal()
        today = (now - OVER).astimezone(zone).date().toordinal()
        rows = []
        for ordinal in range(newest + 1, min(today, newest + AT_ONCE) + 1):
            opening = self._snapshots.opening(source, midnight(date.fromordinal(ordinal), zone))
            if opening is not None and opening.as_of <= midnight(date.fromordinal(ordinal), zone):
                stated = (
                    source,
                    zone.key,
                    ordinal,
                    str(opening.usd),
                    opening.grade.word,
                    to_us(opening.as_of),
                )
                rows.append({**dict(zip(MIDNIGHT, stated, strict=True)), "crc32": checksum(stated)})
        if rows:
            with writing(self._engine) as connection:
                connection.execute(insert(table), rows)
        return today > newest + AT_ONCE
