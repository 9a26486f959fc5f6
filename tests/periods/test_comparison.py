"""Comparison: the same point of another stretch of time, and what is said of the difference."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from exporter.errors import PeriodError
from exporter.money import ZERO
from exporter.periods import (
    COMPARISON_RULES,
    WEEKS_BACK,
    ComparisonRule,
    Mean,
    Period,
    compare,
    compared,
    parse,
    split,
)
from exporter.periods.comparison import SMALLEST_BASE
from exporter.times import midnight
from tests.periods.calendar import DAY, ZONES, periods

UTC_ZONE = ZoneInfo("UTC")
MICROSECOND = timedelta(microseconds=1)
CENTS = some.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents).scaleb(-2))


def at(local: str, zone: str = "Europe/Berlin") -> datetime:
    """Return the moment at which a clock of the zone first shows this."""
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def read(text: str, zone: str = "Europe/Berlin") -> Period:
    """Return a period by its name."""
    return parse(text, date(2026, 11, 28), ZoneInfo(zone))


@some.composite
def running(draw: some.DrawFn, zones: some.SearchStrategy[ZoneInfo] = ZONES) -> tuple[Period, datetime]:
    """Return a period, and a moment in it."""
    period = draw(periods(zones))
    into = draw(some.integers(0, (period.end - period.start) // MICROSECOND - 1))
    return period, period.start + into * MICROSECOND


@pytest.mark.parametrize(
    ("period", "now", "words"),
    [
        (
            "2026-11",
            "2026-11-26T15:04",
            "1 to 26 November 2026 until 15:04 (26 of 30 days) against "
            "1 to 26 October 2026 until 15:04 (26 of 31 days)",
        ),
        (
            "2026-03",
            "2026-03-30T10:00",
            "1 to 30 March 2026 until 10:00 (30 of 31 days) against 1 to 28 February 2026 (28 of 28 days)",
        ),
        (
            "2026-Q2",
            "2026-05-31T10:00",
            "1 April to 31 May 2026 until 10:00 (61 of 91 days) against "
            "1 January to 28 February 2026 (59 of 90 days)",
        ),
        (
            "2028",
            "2028-03-01T10:00",
            "1 January to 1 March 2028 until 10:00 (61 of 366 days) against "
            "1 January to 1 March 2027 until 10:00 (60 of 365 days)",
        ),
        (
            "2026-03..2026-05",
            "2026-05-31T10:00",
            "1 March to 31 May 2026 until 10:00 (92 of 92 days) against "
            "1 December 2025 to 28 February 2026 (90 of 90 days)",
        ),
        (
            "2026-W48",
            "2026-11-28T10:00",
            "23 to 28 November 2026 until 10:00 (6 of 7 days) against "
            "16 to 21 November 2026 until 10:00 (6 of 7 days)",
        ),
        (
            "2026-11-26",
            "2026-11-26T00:30",
            "26 November 2026 until 00:30 (1 of 1 days) against 25 November 2026 until 00:30 (1 of 1 days)",
        ),
        (
            "2026-10-05..2026-10-20",
            "2026-10-07T10:00",
            "5 to 7 October 2026 until 10:00 (3 of 16 days) against "
            "19 to 21 September 2026 until 10:00 (3 of 16 days)",
        ),
        (
            "2026-11",
            "2026-11-01T00:00",
            "1 November 2026 (0 of 30 days) against 1 October 2026 (0 of 31 days)",
        ),
        (
            "2026-11",
            "2026-11-27T00:00",
            "1 to 26 November 2026 (26 of 30 days) against 1 to 26 October 2026 (26 of 31 days)",
        ),
        (
            "2026-11",
            "2026-12-01T00:00",
            "1 to 30 November 2026 (30 of 30 days) against 1 to 31 October 2026 (31 of 31 days)",
        ),
    ],
)
def test_a_running_period_is_compared_to_the_same_point(period: str, now: str, words: str) -> None:
    """And one that is over is compared whole: that is what is done if nobody says otherwise."""
    found = compare(read(period), at(now))
    assert found.words == f"{words}, Europe/Berlin"
    assert found.rule == ("same_point" if found.this.end < found.this.period.end else "whole")


def day_holding(period: Period, moment: datetime) -> Period:
    """Return the piece of a day that a moment is in."""
    return next(day for day in split(period, "day") if day.holds(moment))


@given(running())
@example((read("2018-11-04", "America/Sao_Paulo"), at("2018-11-04T12:00", "America/Sao_Paulo")))
@example((read("2012-01-14..2012-01-28", "Pacific/Apia"), at("2012-01-14T12:00", "Pacific/Apia")))
def test_the_same_point_is_on_the_same_day_at_the_same_time(at: tuple[Period, datetime]) -> None:
    """The day of that number in the month, or since the beginning; the end of a shorter month."""
    period, now = at
    found = compare(period, now, "same_point")
    (other,) = found.others
    base, day = period.previous(), day_holding(period, now)
    assert (found.this.period, found.this.end, other.period) == (period, now, base)
    if period.in_months:
        months = zip(split(period, "month"), split(base, "month"), strict=True)
        here, there = next(pair for pair in months if pair[0].holds(now))
    else:
        here, there = period, base
    same = there.first + (day.first - here.first)
    if same > there.last:
        assert other.end == there.end
        return
    begin, end = midnight(same, base.zone), midnight(same + DAY, base.zone)
    assert begin <= other.end <= end
    if day.end - day.start == end - begin == DAY:
        assert other.end - begin == now - day.start


@given(running(some.just(UTC_ZONE)))
def test_where_no_clock_changes_the_same_point_is_as_long_after_the_start(
    at: tuple[Period, datetime],
) -> None:
    """Or as long as there is, with the days of both sides counted."""
    period, now = at
    if period.in_months:
        period = Period.holding("month", now.date(), UTC_ZONE)
    found = compare(period, now, "same_point")
    (other,) = found.others
    assert other.end - other.start == min(now - period.start, other.period.end - other.period.start)
    assert found.this.days == -((period.start - now) // DAY)
    assert other.days == min(found.this.days, other.period.day_count)


@given(running(), some.sampled_from(COMPARISON_RULES), some.booleans(), some.sampled_from(WEEKS_BACK))
def test_what_is_compared_lies_before_it(
    at: tuple[Period, datetime], rule: ComparisonRule, year_ago: bool, weeks: int
) -> None:
    """By any rule: no moment is on both sides, and neither side is longer than its period."""
    period, now = at
    try:
        found = compare(period, now, rule, year_ago=year_ago, weeks=weeks, count=4)
    except PeriodError:
        return
    for other in found.others:
        assert other.start <= other.end <= min(other.period.end, found.this.start)
        assert 0 <= other.days <= other.period.day_count
    assert found.this.end <= now
    assert "days)" in found.words


@pytest.mark.parametrize(
    ("period", "base"),
    [
        ("2026-11", "2025-11"),
        ("2026-Q4", "2025-Q4"),
        ("2026", "2025"),
        ("2026-09..2026-11", "2025-09..2025-11"),
        ("2026-11-28", "2025-11-28"),
        ("2028-02-29", "2027-02-28"),
        ("2026-11-05..2026-11-28", "2025-11-05..2025-11-28"),
        ("2028-02-29..2028-03-01", "2027-02-28..2027-03-01"),
        ("2026-W48", "2025-W48"),
        ("2026-W53", "2025-W52"),
    ],
)
def test_a_year_ago_is_the_same_of_the_year_before(period: str, base: str) -> None:
    """Whole when it is over, to the same point while it runs."""
    asked = read(period)
    over, runs = (compare(asked, now, year_ago=True) for now in (asked.end, asked.start))
    assert (over.rule, over.others[0].period.name, over.others[0].whole) == ("whole", base, True)
    assert (runs.rule, runs.others[0].period.name, runs.others[0].days) == ("same_point", base, 0)


def test_a_running_period_may_be_compared_with_the_whole_of_another() -> None:
    """For whoever wants to see how much is to be done yet."""
    found = compare(read("2026-11"), at("2026-11-26T15:04"), "whole")
    assert found.words == (
        "1 to 26 November 2026 until 15:04 (26 of 30 days) against "
        "1 to 31 October 2026 (31 of 31 days), Europe/Berlin"
    )
    assert [found.this.whole, found.others[0].whole] == [False, True]


@pytest.mark.parametrize(
    ("period", "now", "weeks", "words"),
    [
        (
            "2026-11",
            "2026-11-26T15:04",
            52,
            "1 to 25 November 2026 (25 of 30 days) against 2 to 26 November 2025 (25 of 30 days)",
        ),
        (
            "2026-11-26",
            "2026-11-27T15:04",
            4,
            "26 November 2026 (1 of 1 days) against 29 October 2026 (1 of 1 days)",
        ),
        (
            "2026-W47",
            "2026-11-27T15:04",
            52,
            "16 to 22 November 2026 (7 of 7 days) against 17 to 23 November 2025 (7 of 7 days)",
        ),
    ],
)
def test_weekdays_are_compared_with_the_same_ones(period: str, now: str, weeks: int, words: str) -> None:
    """Whole days alone, as many on both sides."""
    assert compare(read(period), at(now), "weekdays", weeks=weeks).words == f"{words}, Europe/Berlin"


def test_a_mean_is_of_complete_ones_to_the_same_point() -> None:
    """The oldest first; of a period that is over, whole ones."""
    now = at("2026-03-30T10:00")
    found = compare(read("2026-03"), now, "average_n", count=3)
    assert found.words == (
        "1 to 30 March 2026 until 10:00 (30 of 31 days) against the mean of 3: "
        "1 to 30 December 2025 until 10:00 (30 of 31 days), "
        "1 to 30 January 2026 until 10:00 (30 of 31 days), "
        "1 to 28 February 2026 (28 of 28 days), Europe/Berlin"
    )
    over = compare(read("2026-02"), now, "average_n", count=2)
    assert [(other.period.name, other.whole) for other in over.others] == [
        ("2025-12", True),
        ("2026-01", True),
    ]
    assert over.this.whole


@pytest.mark.parametrize(
    ("period", "rule", "options", "sentence"),
    [
        ("2026-12", None, {}, "2026-12 has not begun, so that there is nothing to compare."),
        (
            "2026-11-28",
            "weekdays",
            {},
            "2026-11-28 has no whole day yet to compare by weekdays: same_point takes its hours.",
        ),
        (
            "2026-10",
            "weekdays",
            {"weeks": 4},
            "2026-10 is too long for this: part of it would be compared with itself.",
        ),
        (
            "2025",
            "weekdays",
            {"weeks": 52},
            "2025 is too long for this: part of it would be compared with itself.",
        ),
        (
            "2024-01..2026-01",
            "whole",
            {"year_ago": True},
            "2024-01..2026-01 is too long for this: part of it would be compared with itself.",
        ),
        ("2026-10", "weekdays", {"weeks": 5}, "Weekdays are compared 52 or 4 weeks back, not 5."),
        ("2026-10", "average_n", {"count": 0}, "1 to 36 periods are averaged, not 0."),
        ("2026-10", "average_n", {"count": 37}, "1 to 36 periods are averaged, not 37."),
        ("1970", None, {}, "1970 to 9998 are the years that periods lie within."),
    ],
)
def test_what_cannot_be_compared_is_told(
    period: str, rule: ComparisonRule | None, options: dict[str, int], sentence: str
) -> None:
    """In one sentence."""
    with pytest.raises(PeriodError) as told:
        compare(read(period), at("2026-11-28T12:00"), rule, **options)  # type: ignore[arg-type]
    assert str(told.value) == sentence


@pytest.mark.parametrize(
    ("zone", "period", "now", "there"),
    [
        ("Europe/Berlin", "2026-W13", "2026-03-29T02:30", "2026-03-22T03:30"),
        ("Europe/Berlin", "2026-W14", "2026-04-05T02:30", "2026-03-29T03:30"),
        ("Europe/Berlin", "2026-W44", "2026-11-01T02:30", "2026-10-25T02:30"),
        ("Europe/Berlin", "2026-W44", "2026-11-01T03:00", "2026-10-25T03:00"),
        ("America/Sao_Paulo", "2018-11-05", "2018-11-05T00:30", "2018-11-04T01:30"),
        ("America/Havana", "2026-11-02", "2026-11-02T00:30", "2026-11-01T00:30"),
        ("Asia/Pyongyang", "2018-05-05", "2018-05-05T23:45", "2018-05-05T00:00"),
        ("Pacific/Apia", "2012-01-14..2012-01-28", "2012-01-14T12:00", "2011-12-31T00:00"),
    ],
    ids=[
        "skipped here",
        "skipped there",
        "twice there",
        "after that",
        "no midnight there",
        "midnight twice there",
        "its last half hour skipped there",
        "no such day there",
    ],
)
def test_the_clock_on_the_wall_says_how_far_a_day_has_come(
    zone: str, period: str, now: str, there: str
) -> None:
    """Where clocks change on either side, a day has no more than itself."""
    assert compare(read(period, zone), at(now, zone), "same_point").others[0].end == at(there, zone)


def test_an_hour_that_comes_twice_on_both_sides_is_compared_with_its_first_coming() -> None:
    """So that both of its comings are compared with the same."""
    week, first = read("2026-W43"), at("2026-10-25T02:30")
    found = [compare(week, now, year_ago=True) for now in (first, first + timedelta(hours=1))]
    assert [comparison.this.end - first for comparison in found] == [timedelta(0), timedelta(hours=1)]
    assert {comparison.others[0].end for comparison in found} == {at("2025-10-26T02:30")}


@pytest.mark.parametrize("period", ["2009-11", "2009-11-01"])
def test_a_day_that_clocks_lead_back_into_is_over(period: str) -> None:
    """In St. John's of 2009, October came back for an hour when November had begun."""
    asked = read(period, "America/St_Johns")
    for minutes, there in ((0, 0), (0.5, 0.5), (1, 0), (30, 0), (60.5, 0.5), (62, 2)):
        found = compare(asked, asked.start + timedelta(minutes=minutes), "same_point")
        assert found.others[0].end == found.others[0].start + timedelta(minutes=there)
        assert found.this.days == bool(minutes)


@pytest.mark.parametrize(
    ("now", "then", "usd", "ratio"),
    [
        ("150", "100", "50", "0.5"),
        ("80", "100", "-20", "-0.2"),
        ("-20", "100", "-120", "-1.2"),
        ("100", "300", "-200", "-0.666667"),
        ("80", "-120", "200", None),
        ("-80", "-120", "40", None),
        ("80", "0", "80", None),
        ("80", "0.99", "79.01", None),
        ("80", "1", "79", "79"),
    ],
)
def test_a_difference_is_money_first(now: str, then: str, usd: str, ratio: str | None) -> None:
    """And a ratio where the base is a profit that is worth the name."""
    found = compared(Decimal(now), Decimal(then))
    assert found.usd == Decimal(usd)
    assert found.ratio == (None if ratio is None else Decimal(ratio))


@given(CENTS, CENTS)
def test_a_difference_is_exact(now: Decimal, then: Decimal) -> None:
    """It leads from the one amount to the other, and the ratio does so to a millionth."""
    found = compared(now, then)
    assert then + found.usd == now
    assert (found.ratio is None) == (then < SMALLEST_BASE)
    if found.ratio is not None:
        assert abs(then * (1 + found.ratio) - now) <= then / 1_000_000


@given(some.lists(CENTS, min_size=1, max_size=40))
def test_a_mean_keeps_the_sum_that_it_is_made_of(amounts: list[Decimal]) -> None:
    """The sum exactly, the mean to the micro-dollar."""
    mean = Mean.of(amounts)
    assert (mean.total, mean.count) == (sum(amounts, ZERO), len(amounts))
    assert abs(mean.usd * mean.count - mean.total) <= Decimal("0.0000005") * mean.count
