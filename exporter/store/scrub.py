"""The scrub: every row is read and compared with its checksum, also those that nobody asks for.

Bound:  a few rows at a time with a pause between, on a connection of its own that only reads, so that no
        commit waits for it. Rows that an older version wrote are sealed first, by the writer.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from exporter.errors import StoreDamaged, StoreError, StoreUnavailable
from exporter.store.checksum import UNSEALED, checksum
from exporter.store.copies import never
from exporter.store.database import is_damage, writing
from exporter.store.inspection import reading
from exporter.store.layouts import LAYOUT
from exporter.store.midnights import MIDNIGHT
from exporter.store.rows import STATED
from exporter.store.snapshots import FIGURES

ROWS = 1_000
"""Rows read in one go: a few milliseconds."""

PAUSE_SECONDS = 0.01
"""Between two goes, so that a core that is shared is not taken: a million records take half a minute."""

SEALED_AT_ONCE = 500
"""Rows sealed in one commit: some milliseconds in which a snapshot has to wait."""

NAMED = 3
"""Damaged rows that are named; a broken page has a hundred."""

SEALED: dict[str, Sequence[str]] = {
    "records": STATED,
    "snapshots": FIGURES,
    "rollups": FIGURES,
    "layouts": LAYOUT,
    "daybook": ("source", "scope", "day", "body"),
    "days": ("source", "day", "body"),
    "hours": ("source", "day", "body"),
    "midnights": MIDNIGHT,
}
"""Tables whose rows carry a checksum, and of what."""

PACKED: dict[str, Sequence[str]] = {"snapshots": ("patch", "whole", "leap"), "bodies": ("body",)}
"""Bodies that are compressed, and verified by their own checksum."""


_UPTO = "SELECT value FROM meta WHERE key = ?"
"""Up to which row a table may have some without a checksum."""


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a scrub found: rows read, how many of them are damaged by table, and the first few by name."""

    rows: int
    damaged: Mapping[str, int]
    named: tuple[str, ...]


def scrub(
    path: Path, stopped: Callable[[], bool] = never, pause: Callable[[float], object] = time.sleep
) -> Scrubbed:
    """Read every row.

    Raises StoreDamaged where SQLite finds pages or indexes broken, StoreUnavailable where it cannot look.
    """
    rows, named = 0, list[str]()
    damaged = dict.fromkeys((*SEALED, *PACKED), 0)
    try:
        with closing(reading(path, stopped)) as connection:
            if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                raise StoreDamaged(f"The database {path}")
            for table in damaged:
                for verdicts in _walked(connection, table, stopped):
                    wrong = [name for name in verdicts if name is not None]
                    rows += len(verdicts)
                    damaged[table] += len(wrong)
                    named += wrong[: NAMED - len(named)]
                    pause(PAUSE_SECONDS)
    except sqlite3.DatabaseError as error:
        if not stopped():
            raise _meaning(error, path) from error
    return Scrubbed(rows, damaged, tuple(named))


def _meaning(error: sqlite3.DatabaseError, path: Path) -> StoreError:
    """Return what an error of SQLite says of a database: a file that is locked or away is not damaged."""
    if is_damage(error):
        return StoreDamaged(f"The database {path}")
    return StoreUnavailable(f"The database {path} cannot be looked through ({error}).")


class Sealing:
    """Gives the rows of before checksums were kept theirs, a few in each commit. For the one writer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reached = dict.fromkeys(SEALED, -(2**62))

    def advance(self) -> bool:
        """Seal the next few rows; tell whether there are more. Raises StoreUnavailable.

        Only rows of before: one that has lost its checksum since is damaged, and must not get another.
        """
        for table, columns in SEALED.items():
            with writing(self._engine) as connection:
                upto = connection.exec_driver_sql(_UPTO, (f"unsealed.{table}",)).scalar()
                if upto is None:
                    continue
                rows = connection.exec_driver_sql(
                    f"SELECT rowid, {', '.join(columns)} FROM {table} "
                    "WHERE rowid > ? AND rowid <= ? AND crc32 = ? ORDER BY rowid LIMIT ?",
                    (self._reached[table], int(upto), UNSEALED, SEALED_AT_ONCE),
                ).all()
                if rows:
                    connection.exec_driver_sql(
                        f"UPDATE {table} SET crc32 = ? WHERE rowid = ?",
                        [(checksum(stated), number) for number, *stated in rows],
                    )
                    self._reached[table] = rows[-1][0]
                else:
                    connection.exec_driver_sql("DELETE FROM meta WHERE key = ?", (f"unsealed.{table}",))
                return True
        return False


def _walked(
    connection: sqlite3.Connection, table: str, stopped: Callable[[], bool]
) -> Iterator[list[str | None]]:
    """Yield, for a few rows at a time, the name of each that is damaged, None for each that is not."""
    sealed, packed = SEALED.get(table, ()), PACKED.get(table, ())
    columns = ", ".join(("rowid", *packed, *sealed, *(("crc32",) if sealed else ())))
    query = f"SELECT {columns} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {ROWS}"
    first = 1 + len(packed)
    waiting = connection.execute(_UPTO, (f"unsealed.{table}",)).fetchone()
    upto = -(2**62) if waiting is None else int(waiting[0])
    last = -(2**62)
    while not stopped() and (rows := connection.execute(query, (last,)).fetchall()):
        last = rows[-1][0]
        yield [
            None if _is_whole(row[1:first], row[first:], unsealed=row[0] <= upto) else f"{table} {row[0]}"
            for row in rows
        ]


def _is_whole(bodies: Sequence[bytes | None], stated: Sequence[object], *, unsealed: bool) -> bool:
    """Tell whether bodies unpack, and what is stated agrees with the checksum behind it, if it has one."""
    if stated and not (unsealed and stated[-1] == UNSEALED) and stated[-1] != checksum(stated[:-1]):
        return False
    return all(map(_unpacks, bodies))


def _unpacks(body: bytes | None) -> bool:
    try:
        return body is None or bool(zlib.decompress(body))
    except (zlib.error, TypeError):
        return False
