"""The text of a period: what people type, and what they are told when they mistype it."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from exporter.errors import PeriodError
from exporter.periods import parse
from exporter.periods.grammar import MAX_TEXT
from exporter.records.printable import OBEYED
from tests.periods.calendar import DAYS, ZONES

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 28)
"""A Saturday."""


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("2026", "2026"),
        ("2026-10", "2026-10"),
        ("2026-1", "2026-01"),
        ("2026-Q3", "2026-Q3"),
        ("2026-q3", "2026-Q3"),
        ("2026Q3", "2026-Q3"),
        ("q3 2026", "2026-Q3"),
        ("2026-W44", "2026-W44"),
        ("2026w4", "2026-W04"),
        ("2020-W53", "2020-W53"),
        ("2026-10-05", "2026-10-05"),
        ("2026-2-9", "2026-02-09"),
        ("2028-02-29", "2028-02-29"),
        ("October 2026", "2026-10"),
        ("oct 2026", "2026-10"),
        ("Sept. 2026", "2026-09"),
        ("may 2026", "2026-05"),
        ("5 October 2026", "2026-10-05"),
        ("Oct 5, 2026", "2026-10-05"),
        ("2026-10-05..2026-10-20", "2026-10-05..2026-10-20"),
        ("2026-10-05 - 2026-10-20", "2026-10-05..2026-10-20"),
        ("2026-10-05 – 2026-10-20", "2026-10-05..2026-10-20"),
        ("2026-10-05 to 2026-10-20", "2026-10-05..2026-10-20"),
        ("  2026-10-05  ..  2026-10-20 ", "2026-10-05..2026-10-20"),
        ("28 September 2026 to 29 September 2026", "2026-09-28..2026-09-29"),
        ("2026-10-05..2026-10-05", "2026-10-05"),
        ("2026-03..2026-05", "2026-03..2026-05"),
        ("2026-04..2026-06", "2026-Q2"),
        ("2025..2026", "2025-01..2026-12"),
        ("2025..2026-Q1", "2025-01..2026-03"),
        ("2026-10..2026-10-20", "2026-10-01..2026-10-20"),
        ("2026-10-20..2026-10", "2026-10-20..2026-10-31"),
        ("2026-W44..2026-W45", "2026-10-26..2026-11-08"),
        ("month-2..month", "2026-09..2026-11"),
        ("month - 2 .. today", "2026-09-01..2026-11-28"),
        ("day", "2026-11-28"),
        ("Today", "2026-11-28"),
        ("yesterday", "2026-11-27"),
        ("day-7", "2026-11-21"),
        ("day + 4", "2026-12-02"),
        ("week", "2026-W48"),
        ("week-1", "2026-W47"),
        ("month", "2026-11"),
        ("month+0", "2026-11"),
        ("month-1", "2026-10"),
        ("month - 11", "2025-12"),
        ("quarter", "2026-Q4"),
        ("quarter-4", "2025-Q4"),
        ("year", "2026"),
        ("year-1", "2025"),
        ("this month", "2026-11"),
        ("last month", "2026-10"),
        ("last quarter", "2026-Q3"),
        ("wtd", "2026-W48"),
        ("mtd", "2026-11"),
        ("qtd", "2026-Q4"),
        ("YTD", "2026"),
        ("last 12 months", "2025-11..2026-10"),
        ("12m", "2025-11..2026-10"),
        ("last 1 month", "2026-10"),
        ("last 7 days", "2026-11-21..2026-11-27"),
        ("last 4 weeks", "2026-10-26..2026-11-22"),
        ("last 2 quarters", "2026-04..2026-09"),
        ("last 2 years", "2024-01..2025-12"),
    ],
)
def test_a_period_is_typed_as_people_type_it(typed: str, name: str) -> None:
    """In capitals or not, with a zero or without, relative to today or not."""
    assert parse(typed, TODAY, BERLIN).name == name


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("2026-13", '"2026-13" is no period: there is no month 13, they go from 1 to 12.'),
        ("2026-00", '"2026-00" is no period: there is no month 0, they go from 1 to 12.'),
        ("2026-13-01", '"2026-13-01" is no period: there is no month 13, they go from 1 to 12.'),
        (
            "2026-02-30",
            '"2026-02-30" is no period: there is no day 30 in February 2026, they go from 1 to 28.',
        ),
        (
            "30 February 2028",
            '"30 February 2028" is no period: there is no day 30 in February 2028, they go from 1 to 29.',
        ),
        ("2026-W54", '"2026-W54" is no period: there is no week 54 in 2026, they go from 1 to 53.'),
        ("2025-W53", '"2025-W53" is no period: there is no week 53 in 2025, they go from 1 to 52.'),
        ("2026-Q5", '"2026-Q5" is no period: there is no quarter 5, they go from 1 to 4.'),
        ("2026-Q0", '"2026-Q0" is no period: there is no quarter 0, they go from 1 to 4.'),
        (
            "2026-10-20..2026-10-05",
            '"2026-10-20..2026-10-05" is no period: it ends before it begins, say 2026-10-05..2026-10-20.',
        ),
        ("2026-10..2026-13", '"2026-10..2026-13" is no period: there is no month 13, they go from 1 to 12.'),
        ("last 0 days", '"last 0 days" is no period: the last 0 are no time at all, say 1 or more.'),
        ("1969", '"1969" is no period: 1970 to 9998 are the years that periods lie within.'),
        ("9999-01", '"9999-01" is no period: 1970 to 9998 are the years that periods lie within.'),
        ("12026", '"12026" is no period: 1970 to 9998 are the years that periods lie within.'),
        ("1970-W01", '"1970-W01" is no period: 1970 to 9998 are the years that periods lie within.'),
        ("year-57", '"year-57" is no period: 1970 to 9998 are the years that periods lie within.'),
        (
            "day-" + "9" * 50,
            f'"day-{"9" * 36}…" is no period: 1970 to 9998 are the years that periods lie within.',
        ),
    ],
)
def test_a_mistake_is_told_in_one_sentence(typed: str, sentence: str) -> None:
    """Which names the text and says what there is instead."""
    with pytest.raises(PeriodError) as told:
        parse(typed, TODAY, BERLIN)
    assert str(told.value) == sentence


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "november",
        "2026-",
        "26-10",
        "20261005",
        "05.10.2026",
        "10/05/2026",
        "2026-10..",
        "..2026-10",
        "2026-10-05-2026-10-20",
        "2026-10..2026-11..2026-12",
        "2026-10-05...2026-10-20",
        "month--1",
        "month-1.5",
        "7d",
        "24h",
        "all",
        "last",
        "yesterday-1",
        "٢٠٢٦",
        "２０２６",
    ],
)
def test_what_has_no_form_is_told_the_forms(typed: str) -> None:
    """A date of which day and month could be mixed up is no form, nor is a window."""
    with pytest.raises(PeriodError, match=r'" is no period: say 2026, 2026-Q3, 2026-10, .* months\.$'):
        parse(typed, TODAY, BERLIN)


def test_a_day_that_the_zone_skipped_is_told() -> None:
    """By its name, and by the zone's."""
    with pytest.raises(
        PeriodError, match=r'^"2011-12-30" is no period: Pacific/Apia had no 30 December 2011'
    ):
        parse("2011-12-30", TODAY, ZoneInfo("Pacific/Apia"))


def test_a_long_text_is_told_its_beginning() -> None:
    """However long it is, and whatever it would do to a terminal."""
    with pytest.raises(PeriodError, match=r"none needs more than 64 characters") as told:
        parse("\x1b[2J" * 10**6, TODAY, BERLIN)
    assert len(str(told.value)) < 400
    assert parse("2026-10".center(MAX_TEXT), TODAY, BERLIN).name == "2026-10"


WORDS = ("2026", "1970", "9998", "13", "00", "-", "..", "–", "/", "q", "w", "30", "last", "month", "day", "+")
PIECES = some.lists(
    some.one_of(
        some.sampled_from(WORDS),
        some.sampled_from((" ", "oct", "to", "\x1b", "\u202e")),
        some.text(max_size=3),
    ),
    max_size=12,
).map("".join)


@given(some.one_of(some.text(), PIECES), DAYS, ZONES)
def test_any_text_is_a_period_or_one_printable_sentence(text: str, today: date, zone: ZoneInfo) -> None:
    """Never anything else: no other error, no control character, and not the whole of a long text."""
    try:
        period = parse(text, today, zone)
    except PeriodError as error:
        told = str(error)
    else:
        assert parse(period.name, today, zone) == period
        return
    assert told.startswith('"')
    assert told.endswith(".")
    assert not OBEYED.search(told)
    assert len(told) < 640


@given(DAYS, ZONES, some.integers(1, 200), some.sampled_from(("week", "month", "quarter", "year")))
def test_the_last_units_end_where_the_running_one_begins(
    today: date, zone: ZoneInfo, count: int, unit: str
) -> None:
    """Complete ones, as many as were asked for, so far as there are years."""
    running = parse(unit, today, zone)
    if running.first.year - count * YEARS[unit] > 1971:
        last = parse(f"last {count} {unit}s", today, zone)
        assert last.end == running.start
        assert last.start == running.moved(-count).start


YEARS = {"week": 7 / 365, "month": 1 / 12, "quarter": 1 / 4, "year": 1}
