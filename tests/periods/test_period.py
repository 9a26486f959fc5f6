"""Periods: whole days of any zone, which tile, step and are named without a gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from exporter.errors import PeriodError
from exporter.periods import MAX_PIECES, UNITS, Period, Unit, parse, split
from exporter.times import midnight
from tests.periods.calendar import DAY, DAYS, ZONES, periods

BERLIN = ZoneInfo("Europe/Berlin")
APIA = ZoneInfo("Pacific/Apia")
MICROSECOND = timedelta(microseconds=1)


def read(text: str, zone: ZoneInfo = BERLIN) -> Period:
    """Return a period by its name."""
    return parse(text, date(2026, 11, 28), zone)


@given(periods())
def test_a_period_is_read_back_by_its_name(period: Period) -> None:
    """Whatever day it is then: as the same days, and as the same kind."""
    assert parse(period.name, date(1999, 5, 17), period.zone) == period


@given(periods())
def test_the_previous_of_the_next_is_itself(period: Period) -> None:
    """And the next one begins where it ends, which a whole number of days or months later is so, too."""
    after, before = period.next(), period.previous()
    assert after.previous() == period == before.next()
    assert after.kind == period.kind == before.kind
    assert (before.end, period.end) == (period.start, after.start)


@given(periods(), some.sampled_from(UNITS))
def test_pieces_tile_their_period(period: Period, by: Unit) -> None:
    """From its start to its end, without a gap; a piece's kind says whether it is whole."""
    pieces = split(period, by)
    assert pieces[0].start == period.start
    assert pieces[-1].end == period.end
    assert all(one.end == other.start for one, other in pairwise(pieces))
    assert sum((piece.day_count for piece in pieces), 0) == period.day_count
    for piece in pieces:
        around = Period.holding(by, piece.first, piece.zone)
        assert (piece == around) == (piece.kind == by) == (piece.day_count == around.day_count)


@given(periods())
def test_its_days_are_its_length(period: Period) -> None:
    """They sum to the time between its ends; each is some hours long, and has its own midnight."""
    days = list(period.days())
    lengths = [midnight(day + DAY, period.zone) - midnight(day, period.zone) for day in days]
    assert sum(lengths, timedelta()) == period.end - period.start > timedelta()
    assert min(lengths) > timedelta()
    assert len(days) == period.day_count
    assert [piece.first for piece in split(period, "day")] == days
    assert {period.start.tzinfo, period.end.tzinfo} == {UTC}


@given(ZONES, DAYS)
def test_a_day_is_in_one_unit_of_each_kind(zone: ZoneInfo, day: date) -> None:
    """The one whose number is the day's own, by the calendar and not by our reckoning."""
    units = {unit: Period.holding(unit, day, zone) for unit in UNITS if unit != "day"}
    assert all(unit.first <= day <= unit.last for unit in units.values())
    assert units["week"].name == f"{day:%G-W%V}"
    assert units["month"].name == f"{day:%Y-%m}"
    assert units["quarter"].name == f"{day:%Y}-Q{-(-day.month // 3)}"
    assert units["year"].name == f"{day:%Y}"
    assert units["week"].first.weekday() == 0


@given(periods())
def test_it_holds_what_lies_between_its_ends(period: Period) -> None:
    """The first moment and not the last, which is the next one's; then it is over."""
    assert period.holds(period.start)
    assert period.holds(period.end - MICROSECOND)
    assert not period.holds(period.start - MICROSECOND)
    assert not period.holds(period.end)
    assert period.next().holds(period.end)
    assert period.is_over(period.end)
    assert not period.is_over(period.end - MICROSECOND)


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),
        ("Asia/Kolkata", "2026-11-22", "2026-11-21T18:30", 24),
        ("Asia/Kathmandu", "2026-11-22", "2026-11-21T18:15", 24),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", 23),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", 25),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", 23),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", 25),
        ("America/St_Johns", "2010-11-07", "2010-11-07T02:30", 25),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5),
        ("Antarctica/Vostok", "1994-11-01", "1994-11-01T00:00", 17),
    ],
)
def test_a_day_has_the_hours_that_its_zone_gives_it(zone: str, day: str, start: str, hours: float) -> None:
    """Where clocks change, and where they change at midnight."""
    found = read(day, ZoneInfo(zone))
    assert found.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert found.end - found.start == timedelta(hours=hours)
    assert found.day_count == 1


def test_a_day_that_the_zone_skipped_is_no_day() -> None:
    """It is no period, is passed over, and is not counted."""
    with pytest.raises(PeriodError, match=r"Pacific/Apia had no 30 December 2011: its calendar skipped"):
        Period.holding("day", date(2011, 12, 30), APIA)
    assert read("2011-12-29", APIA).next() == read("2011-12-31", APIA)
    assert read("2011-12-31", APIA).previous() == read("2011-12-29", APIA)
    december = read("2011-12", APIA)
    assert december.day_count == len(list(december.days())) == 30
    assert [piece.name for piece in split(december, "day")][-2:] == ["2011-12-29", "2011-12-31"]
    # Nor does a range need its ends.
    last_day_alone = read("1994-12-31..1995-01-01", ZoneInfo("Pacific/Kiritimati"))
    assert [piece.name for piece in split(last_day_alone, "month")] == ["1995-01-01"]


@pytest.mark.parametrize(
    ("text", "kind", "before", "words"),
    [
        ("2026-10-05", "day", "2026-10-04", "5 October 2026"),
        ("2026-W01", "week", "2025-W52", "29 December 2025 to 4 January 2026"),
        ("2026-W44", "week", "2026-W43", "26 October to 1 November 2026"),
        ("2026-10", "month", "2026-09", "1 to 31 October 2026"),
        ("2026-Q1", "quarter", "2025-Q4", "1 January to 31 March 2026"),
        ("2026", "year", "2025", "1 January to 31 December 2026"),
        ("2026-03..2026-05", "months", "2025-12..2026-02", "1 March to 31 May 2026"),
        ("2026-10-05..2026-10-20", "range", "2026-09-19..2026-10-04", "5 to 20 October 2026"),
        ("2026-10-02..2026-10-31", "range", "2026-09-02..2026-10-01", "2 to 31 October 2026"),
        ("2026-11-01..2026-11-30", "range", "2026-10-02..2026-10-31", "1 to 30 November 2026"),
    ],
)
def test_each_kind_has_its_name_its_step_and_its_words(text: str, kind: str, before: str, words: str) -> None:
    """Months step by months; a range steps by its days, also where it happens to be a month."""
    period = read(text)
    assert (period.name, period.kind, period.previous().name) == (text, kind, before)
    assert period.words == f"{words}, Europe/Berlin"


def test_what_a_period_cuts_is_clipped() -> None:
    """Into ranges, and a day where one is left."""
    assert [piece.name for piece in split(read("2026-11"), "week")] == [
        "2026-11-01",
        "2026-W45",
        "2026-W46",
        "2026-W47",
        "2026-W48",
        "2026-11-30",
    ]
    assert [piece.name for piece in split(read("2026-02-10..2026-08-01"), "quarter")] == [
        "2026-02-10..2026-03-31",
        "2026-Q2",
        "2026-07-01..2026-08-01",
    ]


def test_pieces_have_a_bound() -> None:
    """Ten years of days are shown; more are asked for by week, or by month."""
    assert len(split(read("2017..2026"), "day")) == 3652 <= MAX_PIECES
    with pytest.raises(PeriodError, match=r"^1970-01\.\.9998-12 has more than 3,700 days: ask for larger"):
        split(read("1970..9998"), "day")


def test_days_that_are_not_of_a_kind_make_no_period_of_it() -> None:
    """A mistake of ours, which no text can lead to."""
    for kind, first, last in (
        ("day", date(2026, 10, 1), date(2026, 10, 2)),
        ("month", date(2026, 10, 1), date(2026, 10, 30)),
        ("months", date(2026, 10, 1), date(2026, 12, 31)),
        ("months", date(2026, 10, 1), date(2026, 11, 29)),
        ("range", date(2026, 10, 2), date(2026, 10, 1)),
    ):
        with pytest.raises(ValueError, match=f"is no {kind}"):
            Period(kind, first, last, BERLIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("9998", 1),
        ("9998-12-31", 1),
        ("9998-12", 1),
        ("9998-W52", 1),
        ("1970", -1),
        ("1970-01-01", -1),
        ("1970-W02", -1),
        ("2026", 10**9),
        ("2026-10-05", -(10**9)),
    ],
)
def test_periods_end_where_dates_do(text: str, by: int) -> None:
    """The step beyond is refused in a sentence; the last ones themselves can be computed with."""
    period = read(text, ZoneInfo("Etc/GMT+12"))
    assert period.start < period.end
    with pytest.raises(PeriodError, match="1970 to 9998 are the years that periods lie within"):
        period.moved(by)
