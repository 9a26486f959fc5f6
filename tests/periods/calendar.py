"""Zones and periods for properties: every zone there is, and the odd ones more often."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as some

from exporter.periods import UNITS, Period

DAY = timedelta(days=1)

ODD_ZONES = (
    "America/Sao_Paulo",  # no midnight in summer time's first hour, until 2018
    "Asia/Beirut",  # neither, to this day
    "America/Havana",  # midnight twice
    "America/St_Johns",  # half an hour off; the day before comes back for an hour, until 2011
    "Asia/Kathmandu",  # 45 minutes off
    "Australia/Lord_Howe",  # summer time of half an hour
    "Antarctica/Vostok",  # a day of 17 hours
    "Pacific/Apia",  # no 30 December 2011
    "Pacific/Kiritimati",  # no 31 December 1994, the last day of a year
    "Pacific/Kwajalein",  # no 21 August 1993
)
ODD_DAYS = (date(2011, 12, 29), date(2011, 12, 30), date(1994, 12, 31), date(1993, 8, 21), date(2018, 11, 4))

ZONES = some.one_of(some.sampled_from(ODD_ZONES), some.sampled_from(sorted(available_timezones()))).map(
    ZoneInfo
)
DAYS = some.one_of(
    some.dates(date(1975, 1, 1), date(2100, 12, 31)),
    some.tuples(some.sampled_from(ODD_DAYS), some.integers(-40, 40)).map(lambda at: at[0] + at[1] * DAY),
)


@some.composite
def periods(draw: some.DrawFn, zones: some.SearchStrategy[ZoneInfo] = ZONES) -> Period:
    """Return a period of any kind."""
    zone, day = draw(zones), draw(DAYS)
    kind = draw(some.sampled_from((*UNITS, "months", "range")))
    if kind == "months":
        return Period.of_months(day, day + draw(some.integers(0, 900)) * DAY, zone)
    if kind == "range":
        # Of two days at least: one alone may be one that the zone skipped.
        return Period.between(day, day + draw(some.integers(1, 900)) * DAY, zone)
    if kind == "day":
        # The first of some days that the zone has.
        return Period.holding("day", next(Period.between(day, day + DAY, zone).days()), zone)
    return Period.holding(kind, day, zone)
