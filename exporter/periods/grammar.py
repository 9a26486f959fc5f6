"""The text of a period, as people type it: `2026-10`, `2026-Q3`, `month-1`, `last 12 months`.

Model:  the time filter of fava; what it lacks are month names and complete stretches (`last 4 weeks`).
Rule:   `month` is the running one, whole; `last month` and `month-1` are the one before it, `last 3 months`
        three complete ones. `mtd` is `month`: what has not happened counts nowhere yet.
Errors: one sentence that names the text, shown as far as it takes to know it, and says what would do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError
from exporter.periods.period import (
    FIRST_YEAR,
    LAST_YEAR,
    MONTH_NAMES,
    OUT_OF_YEARS,
    UNITS,
    Period,
    Unit,
)
from exporter.records.printable import printable

MAX_TEXT = 64
"""The longest that means something, two days of September in words, has 40 characters."""

MAX_SHOWN = 40
"""So much of a text is enough to know it by."""

EXAMPLES = (
    "2026, 2026-Q3, 2026-10, 2026-W44, 2026-10-05, 2026-10-05..2026-10-20, October 2026, month-1, "
    "yesterday or last 12 months"
)

Said = Mapping[str, str]
"""The parts that a text has, by what they are."""


class _NoPeriod(Exception):
    """Why a text is no period, as the rest of a sentence."""


def parse(text: str, today: date, zone: ZoneInfo) -> Period:
    """Return the period that a text states; PeriodError says in one sentence why it states none."""
    try:
        return _Reader(today, zone).read(text)
    except (_NoPeriod, PeriodError) as error:
        shown = printable(text[:MAX_SHOWN]) + ("…" if len(text) > MAX_SHOWN else "")
        raise PeriodError(f'"{shown}" is no period: {error}') from error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads texts on a day, for a zone; in capitals or not, with as many blanks as there are."""

    today: date
    zone: ZoneInfo

    def read(self, typed: str) -> Period:
        if len(typed) > MAX_TEXT:
            raise _NoPeriod(f"none needs more than {MAX_TEXT} characters, say {EXAMPLES}.")
        text = " ".join(typed.lower().split())
        found = self._one(text)
        if found is not None:
            return found
        # An end may be a day that the zone skipped, if other days are in between.
        anywhere = _Reader(self.today, UTC)
        for between in _BETWEEN_ENDS:
            match [anywhere._one(end) for end in between.split(text, maxsplit=1)]:
                case [Period() as begin, Period() as end]:
                    return self._range(begin, end)
        raise _NoPeriod(f"say {EXAMPLES}.")

    def _one(self, text: str) -> Period | None:
        """Return the period of a text without two ends, None where it has no form that we know."""
        for form, read in _FORMS:
            found = form.fullmatch(text)
            if found:
                return read(self, {what: part for what, part in found.groupdict().items() if part})
        return None

    def _range(self, begin: Period, end: Period) -> Period:
        if end.last < begin.first:
            raise _NoPeriod(f"it ends before it begins, say {end.name}..{begin.name}.")
        in_months = begin.in_months and end.in_months
        return (Period.of_months if in_months else Period.between)(begin.first, end.last, self.zone)

    def year(self, said: Said) -> Period:
        return Period.holding("year", date(_year(said), 1, 1), self.zone)

    def quarter(self, said: Said) -> Period:
        quarter = _number(said, "quarter", 4)
        return Period.holding("quarter", date(_year(said), 3 * quarter, 1), self.zone)

    def week(self, said: Said) -> Period:
        year = _year(said)
        # 28 December is in the last week of its ISO year, whichever that is.
        week = _number(said, "week", date(year, 12, 28).isocalendar().week, f" in {year}")
        return Period.holding("week", date.fromisocalendar(year, week, 1), self.zone)

    def month(self, said: Said) -> Period:
        month = _MONTH_NUMBERS[said["name"][:3]] if "name" in said else _number(said, "month", 12)
        return Period.holding("month", date(_year(said), month, 1), self.zone)

    def day(self, said: Said) -> Period:
        month = self.month(said)
        where = f" in {MONTH_NAMES[month.first.month - 1]} {month.first.year}"
        day = _number(said, "day", month.last.day, where)
        return Period.holding("day", month.first.replace(day=day), self.zone)

    def running(self, said: Said) -> Period:
        """Return the unit that today is in, or the one so many before or after it."""
        by = int(said.get("by", "0").replace(" ", ""))
        return Period.holding(_UNIT_WORDS[said["unit"]], self.today, self.zone).moved(by)

    def complete(self, said: Said) -> Period:
        """Return so many complete units before the running one."""
        unit, count = _UNIT_WORDS[said.get("unit", "month")], int(said.get("count", "1"))
        if not count:
            raise _NoPeriod("the last 0 are no time at all, say 1 or more.")
        running = Period.holding(unit, self.today, self.zone)
        first, last = running.moved(-count).first, running.previous().last
        return (Period.of_months if running.in_months else Period.between)(first, last, self.zone)


def _year(said: Said) -> int:
    year = int(said["year"])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise _NoPeriod(OUT_OF_YEARS)
    return year


def _number(said: Said, what: str, highest: int, where: str = "") -> int:
    number = int(said[what])
    if not 1 <= number <= highest:
        raise _NoPeriod(f"there is no {what} {number}{where}, they go from 1 to {highest}.")
    return number


_UNIT_WORDS: dict[str, Unit] = {
    **{unit: unit for unit in UNITS},
    "today": "day",
    # Of a running unit nothing is known but what happened to date.
    "wtd": "week",
    "mtd": "month",
    "qtd": "quarter",
    "ytd": "year",
}
_MONTH_NUMBERS = {name[:3].lower(): number for number, name in enumerate(MONTH_NAMES, 1)}

UTC = ZoneInfo("UTC")

_BETWEEN_ENDS = (re.compile(" ?(?:[.][.]|–) ?"), re.compile(" (?:to|-) "))
"""What stands between two ends. Blanks tell a dash from those of a date."""

_Y, _M, _D = r"(?P<year>\d{4,5})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
_NAME = rf"(?P<name>{'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in MONTH_NAMES).lower()}|sept)[.]?"
_UNIT = rf"(?P<unit>{'|'.join(UNITS)})"

_FORMS: tuple[tuple[re.Pattern[str], Callable[[_Reader, Said], Period]], ...] = tuple(
    (re.compile(form, re.ASCII), read)
    for form, read in (
        (_Y, _Reader.year),
        (rf"{_Y}[- ]?q(?P<quarter>\d)", _Reader.quarter),
        (rf"q(?P<quarter>\d)[- ]?{_Y}", _Reader.quarter),
        (rf"{_Y}[- ]?w(?P<week>\d{{1,2}})", _Reader.week),
        (rf"{_Y}-{_M}", _Reader.month),
        (rf"{_NAME} {_Y}", _Reader.month),
        (rf"{_Y}-{_M}-{_D}", _Reader.day),
        (rf"{_D} {_NAME} {_Y}", _Reader.day),
        (rf"{_NAME} {_D},? {_Y}", _Reader.day),
        (rf"(?P<unit>{'|'.join(_UNIT_WORDS)})(?P<by> ?[+-] ?\d+)?", _Reader.running),
        (rf"this {_UNIT}", _Reader.running),
        (rf"last {_UNIT}", _Reader.complete),
        (rf"last (?P<count>\d+) {_UNIT}s?", _Reader.complete),
        (r"(?P<count>\d+)m", _Reader.complete),
        (r"yester(?P<unit>day)", _Reader.complete),
    )
)
