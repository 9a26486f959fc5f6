"""What periods that are over came to, kept for as long as nothing that they are made of changes.

Who draws a year asks for its days again with every look. They are computed anew as soon as the daybook, a
doubt or how a source stands says anything else about the time before today, and in no other case; today is
never kept. What a snapshot stated at a midnight is looked up once an hour: retention may thin those.
"""

from __future__ import annotations

import msgspec

from exporter.periods.period import Period
from exporter.reports.reader import PeriodFigures, PeriodReader

MOST_KEPT = 8_000
"""Periods held at a time: twenty years of days, at some kilobytes each."""


class KeptPast:
    """The figures of periods that are over, by their names."""

    def __init__(self) -> None:
        self._state = b""
        self._kept: dict[str, PeriodFigures] = {}

    def figures(self, reader: PeriodReader, periods: list[Period]) -> list[PeriodFigures]:
        """Return the figures of periods, in their order."""
        state = msgspec.json.encode(reader.state_of_past())
        if state != self._state or len(self._kept) > MOST_KEPT:
            self._state, self._kept = state, {}
        lacking = [period for period in periods if period.name not in self._kept]
        found = {}
        for period in lacking:
            figures = found[period.name] = reader.figures(period)
            if period.last < reader.today:
                self._kept[period.name] = figures
        return [found.get(period.name) or self._kept[period.name] for period in periods]
