"""How a record lies in its table: its columns, its body as JSON, and which revision is the newest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import exists

from exporter.records import KINDS, Fill, Record
from exporter.store import schema
from exporter.times import to_us

Item = TypeVar("Item")

NOT_IN_BODY = {"source"}
"""Fields of a record that are not written into its body."""

USUAL = dict.fromkeys(("fill", "settlement", "transfer"), "kalshi") | dict.fromkeys(
    ("billed_day", "usage_hour", "key_usage", "landing"), "anthropic"
)
USUAL["sale"] = "sales"
"""Which source brings records of a kind, as long as there is one of each."""

CHUNK = 500
"""Keys looked up in one statement; below SQLite's limit on bound values."""


def as_row(record: Record, revision: int, reading: int) -> dict[str, Any]:
    """Return the columns of one revision that a reading brought."""
    return {
        "kind": record.kind,
        "key": record.key,
        "revision": revision,
        "scope": record.scope,
        "at": to_us(record.at),
        "reading": reading,
        "body": write(record),
    }


def write(record: Record) -> str:
    """Return the body of a record: JSON in which every Decimal is a string, without its source."""
    return _adapter(record.kind).dump_json(record, exclude=NOT_IN_BODY).decode()


def read(kind: str, body: str) -> Record:
    """Return the record of a body; what the body of an older version lacks has its default."""
    # Put in front of the text, the source costs no second pass over it.
    record: Record = _adapter(kind).validate_json(f'{{"source":"{USUAL[kind]}",{body[1:]}')
    return record


def placed(moment: list[Record]) -> list[Record]:
    """Return the records of one moment as they happened: fills that share it by their place in the list."""
    if len(moment) > 1:
        moment.sort(key=lambda record: (record.kind, -record.newer if isinstance(record, Fill) else 0))
    return moment


def is_newest(upto: int | None = None) -> Any:
    """Return the condition that no newer revision of a record is there, up to a number."""
    table, newer = schema.records, schema.records.alias("newer")
    follows = (
        newer.c.kind == table.c.kind,
        newer.c.key == table.c.key,
        newer.c.revision == table.c.revision + 1,
    )
    return ~exists().where(*follows, *(() if upto is None else (newer.c.id <= upto,)))


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])
