"""What of the past is read again, when, and what that costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collect.inquiries import AT_ONCE, FIRST_WAIT, LONGEST_WAIT, Inquiries
from exporter.collect.rereads import DAILY, HOURLY, MOST_ROWS, back_to_asides, due
from exporter.records import Aside

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE_ROWS, TOKENS_A_CALL, SMALLEST_TIER = 1_000, 10, 200
"""Rows of a page, what a call costs, and tokens a second, of the venue's smallest tier."""


def test_nothing_is_read_again_before_it_was_read() -> None:
    """The first reading is whole by itself."""
    assert due("kalshi", None, NOON) is None


@given(st.integers(0, 366 * 86_400), st.sampled_from(("kalshi", "sales", "x")))
def test_each_hour_and_each_day_has_one(seconds: int, source: str) -> None:
    """Whatever the phase, and whenever the process began."""
    start, found = NOON + timedelta(seconds=seconds), []
    last = start
    for minute in range(1, 2 * 1440 + 1):
        now = start + timedelta(minutes=minute)
        each = due(source, last, now)
        if each is not None:
            found.append(each)
        last = now
    assert (found.count(DAILY), len(found)) in {(2, 48), (2, 49), (2, 50)}


def test_one_that_was_not_booked_is_due_again() -> None:
    """It is due by the last reading that was booked, also after days without any."""
    assert due("kalshi", NOON, NOON + timedelta(hours=1)) is not None
    assert due("kalshi", NOON, NOON + timedelta(hours=1, minutes=1)) is not None
    assert due("kalshi", NOON, NOON + timedelta(days=9)) is DAILY


def test_a_day_reaches_back_to_rows_that_are_aside_and_no_further_than_a_year() -> None:
    """Not for one without a time, nor for one that says it is of 1971."""

    def odd(since: datetime | None) -> Aside:
        return Aside(
            source="sales", listed="sales", key="s", field="sales.fee", what="is missing", row=b"{}",
            at=NOON, since=since,
        )  # fmt: skip

    usual, old = NOON - DAILY.back, NOON - timedelta(days=200)
    assert back_to_asides(usual, [], NOON) == usual
    assert back_to_asides(usual, [odd(NOON)], NOON) == usual
    assert back_to_asides(usual, [odd(old), odd(NOON)], NOON) == old
    assert back_to_asides(usual, [odd(None), odd(NOON - timedelta(days=20_000))], NOON) == usual


@pytest.mark.parametrize(("rows_a_day", "calls_an_hour"), [(10, 0), (3_000, 12), (30_000, 40)])
def test_reading_again_costs_a_fiftieth_of_the_smallest_budget_at_most(
    rows_a_day: int, calls_an_hour: int
) -> None:
    """Calls beyond those of any reading, for a small, a busy and a very busy account; both lists of rows."""

    def pages(span: timedelta) -> int:
        rows = min(rows_a_day * span / timedelta(days=1), MOST_ROWS)
        return int(-(-rows // PAGE_ROWS)) - 1

    worst = 2 * (pages(HOURLY.back) + pages(DAILY.back) * HOURLY.every / DAILY.every)
    assert round(worst) <= calls_an_hour
    assert worst * TOKENS_A_CALL <= SMALLEST_TIER * 3600 / 50


def test_asking_again_costs_a_tenth_of_the_smallest_budget_at_most() -> None:
    """However many markets are in question: so many in a turn of ten seconds, and these ever less often."""
    clock = [0.0]
    inquiries, asked = Inquiries(lambda: clock[0]), 0
    scopes = {f"M{number}" for number in range(500)}
    for _ in range(360):
        asked += len(inquiries.due("kalshi", scopes))
        clock[0] += 10
    calls = 360 * 2 + asked * 2  # fills and subaccounts; then for each market its archive and settlement
    assert asked == 360 * AT_ONCE
    assert calls * TOKENS_A_CALL <= SMALLEST_TIER * 3600 / 10


def test_a_market_in_question_is_asked_for_at_once_and_ever_less_often() -> None:
    """Until nobody questions it any more; then it begins anew."""
    clock = [0.0]
    inquiries, times = Inquiries(lambda: clock[0]), []
    for _ in range(20 * 360):
        if inquiries.due("kalshi", {"M"}):
            times.append(clock[0])
        clock[0] += 10
    waits = [after - before for before, after in pairwise(times)]
    assert (times[0], waits[0], waits[1]) == (0.0, FIRST_WAIT, 2 * FIRST_WAIT)
    assert max(waits) <= LONGEST_WAIT
    assert inquiries.due("kalshi", set()) == []
    assert inquiries.due("kalshi", {"M"}) == ["M"]


def test_a_market_with_a_row_that_is_gone_is_asked_for_once() -> None:
    """The answer says what became of it."""
    inquiries = Inquiries(lambda: 0.0)
    inquiries.suspect("kalshi", {"M"})
    assert inquiries.due("kalshi", set()) == ["M"]
    assert inquiries.due("kalshi", set()) == []
    assert inquiries.due("other", set()) == []
