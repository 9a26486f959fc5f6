"""Exports as bytes, piece by piece: CSV as RFC 4180 has it, and JSON lines.

Cells:  numbers are exact, as plain text without exponent; what nobody knows is empty, or null. Times are UTC
        with microseconds. A text that a spreadsheet would take for a formula has an apostrophe before it in
        CSV; a number never has one, for a minus is no formula.
Whole:  a header says what it is of, totals at the end say what should have come: of JSON lines they are the
        first and the last line, of CSV the two parts of its metadata.
        The same state gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

import msgspec

from exporter.money import ZERO
from exporter.periods.period import Period
from exporter.reports.answers import named, place
from exporter.reports.exports.contract import Cell, CellKind, Export
from exporter.reports.reader import PeriodReader
from exporter.snapshot import plain_json
from exporter.store.rows import chunks

Format = Literal["csv", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)

VERSION = 1
"""Of the columns: a new column comes last and changes nothing, another meaning would be version 2."""

ROWS_AT_ONCE = 1_000
"""Rows in a piece: some hundred kilobytes."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes the beginning of a formula for."""


class Writing:
    """One export of one period, while it is written. `meta` is complete once all pieces were taken."""

    def __init__(
        self, export: Export, reader: PeriodReader, period: Period, more: Mapping[str, Any] | None = None
    ) -> None:
        self._export, self._reader, self._period = export, reader, period
        self._sums = [ZERO for _ in export.columns]
        self._summed = [index for index, column in enumerate(export.columns) if column.summed]
        self._count = 0
        self._hash = hashlib.sha256()
        self.header = self._header(more or {})

    def pieces(self, form: Format) -> Iterator[bytes]:
        """Yield the whole of it in a format."""
        return self._csv() if form == "csv" else self._json_lines()

    @property
    def meta(self) -> dict[str, Any]:
        """What a CSV is of, and what is in it as far as it was written."""
        return {"header": self.header, "totals": self._totals()}

    def _csv(self) -> Iterator[bytes]:
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([column.name for column in self._export.columns])
        shown = [CSV_CELLS[column.kind] for column in self._export.columns]
        for rows in self._rows():
            writer.writerows([show(cell) for show, cell in zip(shown, row, strict=True)] for row in rows)
            yield self._told(out.getvalue().encode())
            out.seek(0)
            out.truncate()
        if out.tell():
            yield self._told(out.getvalue().encode())

    def _json_lines(self) -> Iterator[bytes]:
        yield self._told(msgspec.json.encode(self.header) + b"\n")
        names = [column.name for column in self._export.columns]
        shown = [JSON_CELLS[column.kind] for column in self._export.columns]
        encode = msgspec.json.Encoder().encode_lines
        for rows in self._rows():
            found = [
                {name: show(cell) for name, show, cell in zip(names, shown, row, strict=True)} for row in rows
            ]
            yield self._told(encode(found))
        yield msgspec.json.encode(self._totals()) + b"\n"

    def _rows(self) -> Iterator[list[Sequence[Cell]]]:
        for rows in chunks(self._export.rows(self._reader, self._period), ROWS_AT_ONCE):
            self._count += len(rows)
            for index in self._summed:
                self._sums[index] += sum(
                    (cell for row in rows if isinstance(cell := row[index], Decimal | int)), ZERO
                )
            yield rows

    def _told(self, piece: bytes) -> bytes:
        self._hash.update(piece)
        return piece

    def _header(self, more: Mapping[str, Any]) -> dict[str, Any]:
        reader, net = self._reader, self._reader.figures(self._period).net
        return {
            "type": "header",
            "export": self._export.name,
            "version": VERSION,
            **named(self._period, reader),
            **place(reader),
            "grade": net.grade.word,
            "because": [plain_json(reason) for reason in net.because],
            "columns": [column.name for column in self._export.columns],
            **more,
        }

    def _totals(self) -> dict[str, Any]:
        columns = self._export.columns
        return {
            "type": "totals",
            "rows": self._count,
            "sums": {columns[index].name: exact(self._sums[index]) for index in self._summed},
            "sha256": self._hash.hexdigest(),
        }


def exact(amount: Decimal) -> str:
    """Return all digits of a number as plain text; zero is 0."""
    return format(amount, "f") if amount else "0"


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _text(cell: Cell) -> str:
    return "" if cell is None else guarded(str(cell))


def _number(cell: Cell) -> str:
    if cell is None:
        return ""
    return exact(cell) if isinstance(cell, Decimal) else str(cell)


def _time(cell: Cell) -> str:
    if not isinstance(cell, datetime):
        return ""
    # A fifth of the price of strftime, and a year of fills has a million of them.
    return f"{cell.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _day(cell: Cell) -> str:
    return cell.isoformat() if isinstance(cell, date) else ""


CSV_CELLS: Mapping[CellKind, Callable[[Cell], str]] = {
    "text": _text,
    "number": _number,
    "time": _time,
    "day": _day,
}


def _plain(cell: Cell) -> Cell:
    return exact(cell) if isinstance(cell, Decimal) else cell


JSON_CELLS: Mapping[CellKind, Callable[[Cell], Cell]] = {
    "text": _plain,
    "number": _plain,
    "time": lambda cell: _time(cell) or None,
    "day": lambda cell: _day(cell) or None,
}
