"""Which columns a stored row has: by the number of its layout, which the table `layouts` knows for good.

Each row was written by the columns of its day, and is read by their names for ever. So a column can be
added, renamed or dropped without touching what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, func, insert, select

from exporter.errors import StoreDamaged, StoreUnavailable
from exporter.snapshot import RENAMED
from exporter.store import schema
from exporter.store.checksum import agrees, checksum

Places = Mapping[str, int]
"""Where in a row each column stands, by its name of today."""


LAYOUT = ("number", "columns")
"""What a row of the table states; its checksum is of all of it."""


class Layouts:
    """The layouts of one database. What is in the table never changes, so each is read once."""

    def __init__(self) -> None:
        self._places: dict[int, Places] = {}

    def places(self, connection: Connection, number: int, row: Sequence[object]) -> Places:
        """Return where the columns of a row stand; those behind its end it does not state.

        Raises StoreUnavailable for a row that no known layout describes.
        """
        places = self._places.get(number)
        if places is None:
            self._places = _read(connection)
            places = self._places.get(number)
        if places is None or len(row) > len(places):
            raise StoreUnavailable(
                f"The database has a row of {len(row)} figures in layout {number}, which "
                f"{'it does not describe' if places is None else f'has {len(places)}'}: it is not guessed at."
            )
        return places

    def those(self, connection: Connection, true: Callable[[Places], bool]) -> list[int]:
        """Return the numbers of the known layouts whose columns are such."""
        self._places = _read(connection)
        return [number for number, places in self._places.items() if true(places)]


def number_of(connection: Connection, columns: Sequence[str]) -> int:
    """Return the number of the layout that has these columns, a new one the first time."""
    table, stated = schema.layouts, json.dumps(list(columns))
    known: int | None = connection.scalar(select(table.c.number).where(table.c.columns == stated))
    if known is None:
        known = int(connection.scalar(select(func.max(table.c.number))) or 0) + 1
        connection.execute(
            insert(table).values(number=known, columns=stated, crc32=checksum((known, stated)))
        )
    return known


def _read(connection: Connection) -> dict[int, Places]:
    return {number: _places(number, *row) for number, *row in connection.execute(select(*schema.layouts.c))}


def _places(number: int, columns: str, written: int) -> Places:
    if not agrees((number, columns), written):
        raise StoreDamaged(f"Layout {number}")
    try:
        names = json.loads(columns)
    except (TypeError, ValueError):
        raise StoreDamaged(f"Layout {number}") from None
    return {RENAMED.get(name, name): place for place, name in enumerate(names)}
