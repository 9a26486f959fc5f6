"""The books as they were, in a file beside the database: a restart books only what came after them.

Trust:  none, unless all that the books were made of is still the same: every line of this program and of the
        sources' plug-ins, as they were when this process began, Python, what the ledger was told by the
        settings, the database's numbering, and the last record in them. The file carries the SHA-256 of
        itself, and no object of any class but the ledger's own is made of it. Whatever is wrong, the books
        are made of the records, as they are without a checkpoint.
Worth:  it is written once so many records have come that booking them again would be felt.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from io import BufferedIOBase
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import exporter
from exporter.errors import ExporterError
from exporter.ledger import Ledger
from exporter.ledger.ledger import Kept
from exporter.sources.registry import plug_in_code
from exporter.store import Store
from exporter.store.copies import sync
from exporter.times import stamp, unstamp

log = logging.getLogger("northstar")

WORTH = 20_000
"""Records after a checkpoint that are worth another one: booking them takes about a second."""

WHOLE_EVERY = timedelta(days=30)
"""How long checkpoints follow on one another before the books are made of the records once more."""

OURS: Final = ("exporter.ledger.", "exporter.records.", "exporter.snapshot.")
"""Rooms whose classes the books are made of."""

PARTS: Final = {
    ("array", "_array_reconstructor"),
    ("array", "array"),
    ("builtins", "frozenset"),
    ("builtins", "set"),
    ("collections", "deque"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("decimal", "Decimal"),
    ("pydantic_core._pydantic_core", "TzInfo"),
}
"""What else they are made of. None of it does anything but hold a value."""

_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Replayed:
    """A ledger, the number of the last record in it, and when it was last made of all of them."""

    ledger: Ledger
    upto: int
    whole_at: datetime


class Checkpoint:
    """The newest checkpoint of one store's books. For the thread that owns the store."""

    def __init__(self, store: Store, new_ledger: Callable[[], Ledger]) -> None:
        self._store, self._new_ledger = store, new_ledger
        self._path = Path(f"{store.path}.checkpoint")
        self._upto = 0
        """The number of the last record in the newest one."""
        self._program = {"this program": code(), "the code of the source plug-ins": plug_in_code()}
        """As it is at the start: it may be replaced while it runs, and is not what made the books then."""

    def load(self, now: datetime) -> Replayed | None:
        """Return the books as they were then, None where there are none that can be trusted."""
        try:
            with self._path.open("rb") as file:
                return self._read(file, now)
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the records are the truth
            said = error if isinstance(error, ExporterError | _Distrusted) else type(error).__name__
            log.info("the checkpoint of the books is not used, they are made of the records: %s", said)
            return None

    def due(self, upto: int) -> bool:
        """Tell whether so much has come since the newest one that another is worth writing."""
        return upto - self._upto >= WORTH

    def save(self, made: Replayed, now: datetime) -> None:
        """Write a checkpoint in the place of the last one. What cannot be written costs the next start time,
        and nothing else."""
        ready = self._path.with_name(f"{self._path.name}.new")
        try:
            with open(os.open(ready, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
                self._write(file, made, now)
                file.flush()
                os.fsync(file.fileno())
            ready.replace(self._path)
            sync(self._path.parent)
        except OSError as error:
            log.warning("no checkpoint of the books was written, a restart takes longer: %s", error.strerror)
            with suppress(OSError):
                ready.unlink(missing_ok=True)
        self._upto = made.upto  # one that failed is tried again when as much has come once more

    def _read(self, file: BufferedIOBase, now: datetime) -> Replayed:
        stated = file.read(_DIGITS + 1)
        if hashlib.file_digest(file, "sha256").hexdigest().encode() + b"\n" != stated:
            raise _Distrusted("it is not what was written")
        file.seek(len(stated))
        header = json.loads(file.readline())
        ledger = self._new_ledger()
        _compare(header["of"], self._made_of(ledger, header["upto"]))
        whole_at, at = unstamp(header["whole_at"]), unstamp(header["at"])
        if max(at, whole_at) > now:
            raise _Distrusted("it is dated ahead of now")
        if now - whole_at > WHOLE_EVERY:
            raise _Distrusted(f"it is {WHOLE_EVERY.days} days since they were last made of all records")
        kept = _Unpickler(file, ledger.zone).load()
        if not isinstance(kept, Kept):
            raise _Distrusted("it holds something else")
        ledger.resume(kept)
        ledger.prove()
        self._upto = header["upto"]
        return Replayed(ledger, self._upto, whole_at)

    def _write(self, file: BufferedIOBase, made: Replayed, now: datetime) -> None:
        file.write(b"0" * _DIGITS + b"\n")
        header = {
            "of": self._made_of(made.ledger, made.upto),
            "upto": made.upto,
            "whole_at": stamp(made.whole_at),
            "at": stamp(now),
        }
        file.write(json.dumps(header).encode() + b"\n")
        _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(made.ledger.kept())
        file.seek(_DIGITS + 1)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.write(digest.encode())

    def _made_of(self, ledger: Ledger, upto: int) -> dict[str, str | None]:
        return {
            **self._program,
            "Python": sys.version,
            "the settings": ledger.terms,
            "the database's numbering": self._store.snapshots.epoch,
            "the last record in it": self._store.records.stated(upto),
        }


class _Distrusted(Exception):
    """Why a checkpoint is not used."""


def _compare(then: dict[str, str | None], now: dict[str, str | None]) -> None:
    for what, value in now.items():
        if value is None or then.get(what) != value:
            raise _Distrusted(f"{what} is not the same")


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> str | None:
        """Name the zone instead of writing it: it belongs to the settings."""
        return obj.key if isinstance(obj, ZoneInfo) else None


class _Unpickler(pickle.Unpickler):
    """Makes objects of the ledger's classes, and of no others."""

    def __init__(self, file: BufferedIOBase, zone: ZoneInfo) -> None:
        super().__init__(file)
        self._zone = zone

    def persistent_load(self, pid: object) -> ZoneInfo:
        if pid != self._zone.key:
            raise _Distrusted("it is of another zone")
        return self._zone

    def find_class(self, module: str, name: str) -> object:
        found: object = None
        if (module, name) in PARTS or module.startswith(OURS):
            found = getattr(importlib.import_module(module), name, None)
        if (module, name) not in PARTS and not (isinstance(found, type) and found.__module__ == module):
            raise _Distrusted(f"it holds {module}.{name}")
        return found


@cache
def code() -> str | None:
    """Return the hash of every line of this program, None where there is none to read.

    Read once: what is changed later is not what runs.
    """
    digest, root = hashlib.sha256(), Path(exporter.__file__).parent
    found = sorted(root.rglob("*.py"))
    for path in found:
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest() if found else None
