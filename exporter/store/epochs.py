"""Epochs: where another numbering of snapshots begins, because the numbers to come were given before."""

from __future__ import annotations

import logging

from msgspec import structs
from sqlalchemy import Engine, update

from exporter.errors import StoreDamaged
from exporter.snapshot import Cursor
from exporter.store import schema
from exporter.store.database import new_epoch, writing
from exporter.store.snapshots import SnapshotStore

log = logging.getLogger("northstar")


def begin_epoch(engine: Engine) -> Cursor:
    """Begin another numbering, with the newest snapshot published once more in it; return where it begins.

    Raises StoreDamaged when that snapshot cannot be read whole; nothing is changed then.
    """
    before = SnapshotStore(engine)
    last = before.newest()
    if last is None and before.last_sequence():
        raise StoreDamaged("The newest snapshot")
    with writing(engine) as connection:
        meta = schema.meta
        connection.execute(update(meta).where(meta.c.key == "epoch").values(value=new_epoch()))
    snapshots = SnapshotStore(engine)
    if last is None:
        return Cursor(snapshots.epoch, 0)
    cursor = Cursor(snapshots.epoch, last.sequence + 1)
    snapshots.append(structs.replace(last, epoch=cursor.epoch, sequence=cursor.sequence))
    return cursor


def go_on_from(engine: Engine, shown: Cursor | None) -> None:
    """Begin another numbering where the store is behind what was shown: a number means one snapshot."""
    snapshots = SnapshotStore(engine)
    if shown is None or shown.epoch != snapshots.epoch or shown.sequence <= snapshots.last_sequence():
        return
    last = snapshots.last_sequence()
    cursor = begin_epoch(engine)
    log.error(
        "the database is behind what was shown: %s is its last snapshot, and %s was seen; it goes on as %s",
        last,
        shown,
        cursor,
    )
