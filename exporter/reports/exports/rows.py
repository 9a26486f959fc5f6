"""How the rows of records are read: in their period and their order, with their day and its grade."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import TypeVar

from exporter.ledger.daybook import Calendar
from exporter.periods.period import Period
from exporter.records import Record
from exporter.records.kinds import Kind
from exporter.reports.reader import PeriodReader
from exporter.times import to_us

MICROSECOND = timedelta(microseconds=1)

Told = TypeVar("Told", bound=Record)


def records(
    reader: PeriodReader, period: Period, kind: Kind, record: type[Told]
) -> Iterator[tuple[Told, int]]:
    """Yield the newest revision of the records of a kind that are in a period and not ahead of now."""
    end = min(period.end, reader.now + MICROSECOND)
    found = reader.store.records.between(record.kind, period.start, end, reader.of_kind(kind), reader.upto)
    return ((each, revision) for each, revision in found if isinstance(each, record))


class Days:
    """The local day of a moment, and the grade of some lines of a source on it."""

    def __init__(self, reader: PeriodReader, components: Collection[str]) -> None:
        self._reader, self._components = reader, components
        self._calendar = Calendar(reader.zone)
        self._grades: dict[tuple[str, date], str] = {}

    def of(self, at: datetime) -> date:
        """Return the day of the reporting zone that a moment is on."""
        return self._calendar.place(to_us(at))[0]

    def grade(self, source: str, day: date) -> str:
        """Return the worst grade of the lines on a day."""
        known = self._grades.get((source, day))
        if known is None:
            known = self._grades[source, day] = self._reader.grade(source, day, self._components).word
        return known
