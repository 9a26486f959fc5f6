"""What an export is: a name, columns that stay, and rows of a period.

Cell:   an amount is a Decimal, a time is aware, a day is a date; None is what nobody knows,
        which is not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from exporter.periods.period import Period
from exporter.reports.reader import PeriodReader

Cell = str | Decimal | int | date | datetime | None

CellKind = Literal["text", "number", "time", "day"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what its cells are, in words, and whether a sum of them means something."""

    name: str
    kind: CellKind
    help: str
    summed: bool = False


Rows = Callable[[PeriodReader, Period], Iterator[Sequence[Cell]]]
"""The rows of a period in the order of the ledger, each with a cell for every column."""


@dataclass(frozen=True, slots=True)
class Export:
    """One kind of export."""

    name: str
    help: str
    columns: Sequence[Column]
    rows: Rows


def text(name: str, help_: str) -> Column:
    """Return a column of texts."""
    return Column(name, "text", help_)


def number(name: str, help_: str, *, summed: bool = True) -> Column:
    """Return a column of numbers."""
    return Column(name, "number", help_, summed)


AT = Column("at", "time", "When it happened.")
LOCAL_DAY = Column("local_day", "day", "The day of the reporting zone that this was on.")
SOURCE = text("source", "The source that told it.")
REVISION = number("revision", "How often it was told; above 1 it was told otherwise before.", summed=False)
GRADE = text("grade", "How far its day can be trusted, as far as the row is in it.")
"""The columns that most exports have."""
