"""Times as the tables and JSON have them: exact, and in order as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from exporter.times import from_us, stamp, to_us, unstamp

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
