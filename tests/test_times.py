"""Times as the tables and JSON have them: exact, and in order as text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.times import from_us, midnight, stamp, to_us, unstamp

TIMES = st.integers(0, 7_258_118_400_000_000).map(from_us)
"""Until the year 2200."""


@given(TIMES)
def test_a_time_comes_back_to_the_microsecond(at: datetime) -> None:
    """From a table, and from text."""
    assert from_us(to_us(at)) == at
    assert unstamp(stamp(at)) == at


@given(TIMES, TIMES)
def test_text_sorts_as_time_does(one: datetime, other: datetime) -> None:
    """So that a database may compare it."""
    assert (stamp(one) < stamp(other)) == (one < other)


def test_a_time_of_another_zone_is_stated_in_utc() -> None:
    """The same moment has one text."""
    there = datetime(2026, 11, 22, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert stamp(there) == "2026-11-22T12:00:00.000000Z"
    assert to_us(there) == to_us(datetime(2026, 11, 22, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Europe/Zurich", date(2026, 3, 29), datetime(2026, 3, 28, 23, 0, tzinfo=UTC)),
        ("Europe/Zurich", date(2026, 3, 30), datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),
        ("America/Santiago", date(2026, 9, 6), datetime(2026, 9, 6, 4, 0, tzinfo=UTC)),
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, 0, tzinfo=UTC)),
        ("Asia/Kolkata", date(2026, 11, 22), datetime(2026, 11, 21, 18, 30, tzinfo=UTC)),
    ],
    ids=["23 hours long", "the day after", "no midnight", "midnight twice", "half an hour off"],
)
def test_a_day_begins_at_the_first_moment_it_has(zone: str, day: date, start: datetime) -> None:
    """Also where summer time skips midnight, or brings it twice."""
    assert midnight(day, ZoneInfo(zone)) == start
