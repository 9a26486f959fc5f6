"""How a record lies in its table: its columns, its body as JSON, and which revision is the newest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Column, ColumnElement, and_, exists, literal_column

from exporter.errors import StoreDamaged
from exporter.records import KINDS, Change, Fill, Record
from exporter.store import schema
from exporter.store.checksum import agrees, checksum
from exporter.times import to_us

Item = TypeVar("Item")
Value = TypeVar("Value")

NOT_IN_BODY = {"source"}
"""Fields of a record that are not written into its body."""

STATED = ("source", "kind", "key", "revision", "scope", "at", "body")
"""What a row of a record states; its checksum is of all of it."""

CHUNK = 500
"""Keys looked up in one statement; below SQLite's limit on bound values."""


def as_row(record: Record, revision: int, reading: int) -> dict[str, Any]:
    """Return the columns of one revision that a reading brought."""
    stated = (record.source, record.kind, record.key, revision, record.scope, to_us(record.at), write(record))
    row = dict(zip(STATED, stated, strict=True))
    return {**row, "reading": reading, "crc32": checksum(stated)}


def write(record: Record) -> str:
    """Return the body of a record: JSON in which every Decimal is a string, without its source."""
    return _adapter(record.kind).dump_json(record, exclude=NOT_IN_BODY).decode()


def read(row: Sequence[Any]) -> Record:
    """Return the record of a row of `stored()`. Raises StoreDamaged for one that is not what was written."""
    *stated, written = row[: len(STATED) + 1]
    source, kind, key, _, _, _, body = stated
    if not agrees(stated, written):
        raise StoreDamaged(f"The record {kind} {key} of {source}")
    try:
        return parsed(source, kind, body)
    except ValidationError:
        raise StoreDamaged(f"The record {kind} {key} of {source}") from None


def parsed(source: str, kind: str, body: str) -> Record:
    """Return the record of a body; what the body of an older version lacks has its default."""
    # Put in front of the text, the source costs no second pass over it.
    record: Record = _adapter(kind).validate_json(f'{{"source":{_quoted(source)},{body[1:]}')
    return record


def stored(table: Any = schema.records) -> list[Column[Any]]:
    """Return the columns of a record's table that `read` asks for, to be selected first."""
    return [*(table.c[name] for name in STATED), table.c.crc32]


def with_previous() -> tuple[list[Column[Any]], Any, Any]:
    """Return what `change_of` reads of a record, the table of its previous revision, and how the two join."""
    table, before = schema.records, schema.records.alias("before")
    same = (before.c[name] == table.c[name] for name in ("source", "kind", "key"))
    return [*stored(), *stored(before)], before, and_(*same, before.c.revision == table.c.revision - 1)


def change_of(row: Sequence[Any]) -> Change:
    """Return what a revision has changed, of a row that begins with the columns of `with_previous`."""
    width = len(STATED) + 1
    new, old = row[:width], row[width : 2 * width]
    return Change(None if old[0] is None else read(old), read(new))


def placed(moment: list[Record]) -> list[Record]:
    """Return the records of one moment as they happened: fills that share it by their place in it."""
    if len(moment) > 1:
        moment.sort(key=place_in_moment)
    return moment


def place_in_moment(record: Record) -> tuple[Any, ...]:
    """Return what the records of one moment are sorted by."""
    return (record.kind, *(record.place if isinstance(record, Fill) else ()))


def is_newest(upto: int | None = None) -> Any:
    """Return the condition that no newer revision of a record is there, up to a number."""
    table, newer = schema.records, schema.records.alias("newer")
    follows = (
        newer.c.source == table.c.source,
        newer.c.kind == table.c.kind,
        newer.c.key == table.c.key,
        newer.c.revision == table.c.revision + 1,
    )
    return ~exists().where(*follows, *(() if upto is None else (newer.c.id <= upto,)))


def unsearched(column: Column[Value]) -> ColumnElement[Value]:
    """Return a column by which SQLite searches no index.

    It knows nothing of how often a source occurs, and takes what equals something, or is below it, for rare:
    a replay in the order of time would be sorted whole, and today looked for in all years.
    """
    return literal_column(f"+{column.table.name}.{column.name}", column.type)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


@cache
def _quoted(source: str) -> str:
    return json.dumps(source)


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])
