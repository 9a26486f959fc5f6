"""Databases with a long past, written in one go: the rows are those that the store itself writes."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from msgspec import structs

from exporter.snapshot import HISTORY_COLUMNS, Snapshot, diff, encode, history_row, plain_json
from exporter.snapshot.patch import Value
from exporter.snapshot.texts import moment
from exporter.store import Store, rows, snapshots
from exporter.times import stamp, to_us

from . import books

SOURCES = ("kalshi", "anthropic", "sales")

_RECORD = f"INSERT INTO records ({', '.join(rows.STATED)}, reading, crc32) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SNAPSHOT = "INSERT INTO snapshots (sequence, as_of, patch, whole, figures) VALUES (?, ?, ?, ?, ?)"
_READING = "INSERT INTO readings (id, source, as_of, recorded_at, booked) VALUES (?, ?, ?, ?, ?)"
_SOURCE = "INSERT INTO sources (name, as_of, last_success) VALUES (?, ?, ?)"


def with_records(path: Path, size: books.Size, last: Snapshot) -> int:
    """Make a database that holds the past as records and `last` as its snapshot; return how many records.

    The past ends now: what an exporter restarted after a minute finds.
    """
    end = datetime.now(UTC)
    with Store.write(path) as store:
        first = structs.replace(last, epoch=store.snapshots.epoch, sequence=1, as_of=moment(end))
        store.snapshots.append(first)
    with sqlite3.connect(path) as connection:
        for number, source in enumerate(SOURCES, 1):
            connection.execute(_READING, (number, source, to_us(end), to_us(end), 1))
            connection.execute(_SOURCE, (source, to_us(end), to_us(end)))
        connection.executemany(_RECORD, _record_rows(size, end))
        count: int = connection.execute("SELECT count(*) FROM records").fetchone()[0]
    connection.close()
    return count


def with_snapshots(
    path: Path, count: int, every: timedelta, end: datetime, one: Snapshot, two: Snapshot
) -> None:
    """Make a database that holds `count` snapshots up to `end`, like `one`, each as different from the
    next as `two` is from `one`."""
    with Store.write(path) as store:
        epoch = store.snapshots.epoch
    with sqlite3.connect(path) as connection:
        first = end - every * count
        ours, others = (structs.replace(each, epoch=epoch) for each in (one, two))
        connection.executemany(_SNAPSHOT, _snapshot_rows(count, every, first, ours, others))
    connection.close()


def sequence(answer: httpx.Response | None, at_least: int) -> int | None:
    """Return the sequence that an answer of `/metrics` shows; None below `at_least`."""
    for line in answer.text.splitlines() if answer is not None else ():
        name, _, value = line.partition(" ")
        if name == "northstar_snapshot_sequence" and float(value) >= at_least:
            return int(float(value))
    return None


def newest_sequence(path: Path) -> int:
    """Return the number of the newest stored snapshot."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT max(sequence) FROM snapshots").fetchone()[0])


def _record_rows(size: books.Size, end: datetime) -> Iterator[tuple[Any, ...]]:
    for record in books.past(size, end):
        yield tuple(rows.as_row(record, 1, SOURCES.index(record.source) + 1).values())


def _snapshot_rows(
    count: int, every: timedelta, first: datetime, one: Snapshot, two: Snapshot
) -> Iterator[tuple[Any, ...]]:
    """Yield rows as `SnapshotStore.append` writes them.

    Between two whole rows the same packed delta stands for all: making and comparing 259 200
    snapshots would take minutes, and the rows would have the same size.
    """
    stated = history_row(one)
    figures = json.dumps([stated[name] for name in HISTORY_COLUMNS], separators=(",", ":"))
    change = diff(one, two)
    for number in range(1, count + 1):
        at = first + every * number
        place = {"sequence": number, "as_of": stamp(at)}
        whole = None
        if number == 1 or number % snapshots.KEYFRAME_EVERY == 0:
            whole = _packed({**plain_json(one), **place})
            packed = _packed({**change, **place})
        if number > count - snapshots.KEYFRAME_EVERY:  # these are read back, to find the newest
            packed = _packed({**change, **place})
        yield number, to_us(at), packed, whole, figures


def _packed(tree: Mapping[str, Value]) -> bytes:
    return zlib.compress(encode(tree), snapshots.COMPRESSION)
