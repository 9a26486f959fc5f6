"""Rows of a list, one by one: each is read by its shape, and one that cannot be is set aside alone.

Bound:  MOST_ASIDE rows of a list are kept one by one, each up to MAX_ROW bytes; the rest is counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from exporter.errors import OddRow
from exporter.records import MORE, Aside, together
from exporter.records.printable import OBEYED
from exporter.sources.shapes import Shape, first_trouble

MOST_ASIDE = 1_000
"""Rows of one list that are kept one by one. Where more are odd the list has changed, and all are alike."""

MAX_ROW = 16 * 1024
"""Bytes of a row that are kept. Real ones have one to two thousand at the most."""

MAX_KEY = 256
"""Characters of an id. A longer one is hashed, as one that cannot be read is."""

HASHED = "sha256:"
"""How the key of a row begins that does not say its id."""

Row = TypeVar("Row", bound=Shape)
Raw = Mapping[str, object]


class Bounds(NamedTuple):
    """From when to when a list was asked for: what a row's time is known by when it cannot be read itself."""

    since: datetime | None = None
    until: datetime | None = None


ANY_TIME = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Generic[Row]):
    """One list of an upstream: what its rows are like, and what is known of one that cannot be read.

    `path` is where the list stands in its answer, `kind` the kind of record that a row becomes; where it is
    only a line of one, `line_of` says of which by its time. `identity` and `market` are read from rows of any
    shape, and give None or "" where there is nothing. `times` are the fields that date a row, the best first.
    `fits` raises OddRow for a row that is as agreed and not what was asked for.
    """

    name: str
    path: str
    shape: type[Row]
    identity: Callable[[Raw], str | None] = lambda raw: None
    kind: str = ""
    market: Callable[[Raw], str] = lambda raw: ""
    times: tuple[tuple[str, Callable[[object], datetime]], ...] = ()
    line_of: Callable[[datetime | None], str] = lambda at: ""
    components: tuple[str, ...] | None = None
    fits: Callable[[Row], None] = lambda row: None

    def aside(
        self, source: str, raw: object, field: str, what: str, within: Bounds, record: str = ""
    ) -> Aside:
        """Return a row set aside, with all that can be read of it."""
        body = _json(raw)
        of: Raw = raw if isinstance(raw, dict) else {}
        key, at = self.identity(of), self.dated(of, but=field)
        if self.kind and key is not None:
            record = f"{self.kind}/{key}"
        return Aside(
            source=source,
            listed=self.name,
            key=key if key is not None and len(key) <= MAX_KEY else hashed(body),
            field=field,
            what=what,
            row=body[:MAX_ROW],
            at=within.until if at is None else at,
            since=within.since if at is None else at,
            scope=self.market(of)[:MAX_KEY],
            record=record or self.line_of(at),
            components=self.components,
        )

    def again(self, aside: Aside) -> Row:
        """Return a row that was set aside, as it is read now. Raises OddRow while it cannot be."""
        try:
            row = self.shape.model_validate_json(aside.row)
        except ValidationError as error:
            raise OddRow(*first_trouble(error)) from None
        row.check()
        return row

    def dated(self, raw: Raw, but: str = "") -> datetime | None:
        """Return the time of a row, None where it cannot be read; the field that is odd says nothing."""
        for name, parse in self.times:
            if but == f"{self.path}.{name}":
                continue
            try:
                return parse(raw.get(name))
            except ValueError:
                continue
        return None


class Sorter:
    """Reads rows of one source, and keeps aside those that it cannot."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._aside: dict[tuple[str, str], Aside] = {}
        self._kept: dict[str, int] = {}

    @property
    def aside(self) -> tuple[Aside, ...]:
        return tuple(self._aside.values())

    def read(
        self, listed: ListOf[Row], rows: Iterable[object], within: Bounds = ANY_TIME, record: str = ""
    ) -> list[Row]:
        """Return the rows that can be read, in their order; the others are aside.

        `record` is the record of which they are lines, where they are no records of their own.
        """
        return [row for _, row in self._read(listed, rows, within, record)]

    def distinct(self, listed: ListOf[Row], rows: Iterable[object], within: Bounds = ANY_TIME) -> list[Row]:
        """Return the rows that can be read, once each: one may repeat as lists shift between pages.

        Where two differ and have one identity, which of them is right cannot be decided: both are aside.
        """
        kept: dict[str, tuple[object, Row]] = {}
        differing: dict[str, list[object]] = {}
        for raw, row in self._read(listed, rows, within, ""):
            key = listed.identity(raw) if isinstance(raw, dict) else None
            assert key is not None, "a row that was read has an identity"
            first = kept.setdefault(key, (raw, row))
            if first[1] != row:
                differing.setdefault(key, [first[0]]).append(raw)
        for key, both in differing.items():
            aside = listed.aside(self.source, kept.pop(key)[0], listed.path, "has two different rows", within)
            self.keep(aside, both)
        return [row for _, row in kept.values()]

    def keep(self, aside: Aside, rows: Sequence[object] = ()) -> None:
        """Keep a row aside; beyond MOST_ASIDE of a list they are one entry together.

        `rows` are all of them where one identity has several, none of which counts.
        """
        if rows:
            aside = replace(aside, row=_json(rows)[:MAX_ROW])
        if (aside.listed, aside.key) in self._aside:
            return
        if self._kept.get(aside.listed, 0) < MOST_ASIDE:
            self._kept[aside.listed] = self._kept.get(aside.listed, 0) + 1
            self._aside[aside.listed, aside.key] = aside
            return
        known = self._aside.get((aside.listed, MORE))
        self._aside[aside.listed, MORE] = together(aside, known)

    def _read(
        self, listed: ListOf[Row], rows: Iterable[object], within: Bounds, record: str
    ) -> Iterator[tuple[object, Row]]:
        for raw in rows:
            try:
                row = listed.shape.model_validate(raw)
                row.check()
                listed.fits(row)
            except ValidationError as error:
                field, what = first_trouble(error)
                path = listed.path if field == "body" else f"{listed.path}.{field}"
                self.keep(listed.aside(self.source, raw, path, what, within, record))
            except OddRow as odd:
                path = f"{listed.path}.{odd.field}"
                self.keep(listed.aside(self.source, raw, path, odd.what, within, record))
            else:
                yield raw, row


def text_in(raw: Raw, name: str) -> str | None:
    """Return a text of a row, None where there is none that could be shown."""
    value = raw.get(name)
    return value if isinstance(value, str) and value and not OBEYED.search(value) else None


def hashed(row: bytes) -> str:
    """Return what a row is known by that does not say its id."""
    return f"{HASHED}{hashlib.sha256(row).hexdigest()[:32]}"


def _json(raw: object) -> bytes:
    return json.dumps(raw, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")
