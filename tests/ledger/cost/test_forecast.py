"""What a month will cost: weekdays, a range from the days behind, and nothing where too little is known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger.cost.forecast import ENOUGH, HISTORY, DayCost, Outlook, Range

TODAY = date(2026, 11, 18)  # a Wednesday
DAY = timedelta(days=1)


def outlook(
    *amounts: str, spent: str | None = None, left: str = "0.5", gaps: tuple[str, ...] = ()
) -> Outlook:
    """Return what follows from days whose costs are given from yesterday backwards."""
    days = {TODAY - (number + 1) * DAY: DayCost(Decimal(amount)) for number, amount in enumerate(amounts)}
    if spent is not None:
        days[TODAY] = DayCost(Decimal(spent), billed=False)
    return Outlook(TODAY, days, [Decimal(gap) for gap in gaps], left=Decimal(left))


def weekly(weekday: str, weekend: str) -> list[str]:
    """Return four weeks from yesterday backwards."""
    return [weekend if (TODAY - number * DAY).weekday() >= 5 else weekday for number in range(1, HISTORY + 1)]


def test_equal_days_leave_no_range() -> None:
    """Ten days of three dollars are thirty."""
    assert outlook(*["3"] * 28).sum(TODAY, TODAY + 10 * DAY) == Range(Decimal(30), Decimal(30), Decimal(30))


def test_a_weekend_costs_what_weekends_cost() -> None:
    """Saturday is forecast from Saturdays."""
    ahead = outlook(*weekly("10", "2"))
    saturday = TODAY + 3 * DAY
    assert ahead.coming(saturday) == Range(Decimal(2), Decimal(2), Decimal(2))
    assert ahead.sum(TODAY, TODAY + 7 * DAY) == Range(Decimal(54), Decimal(54), Decimal(54))


def test_the_range_leaves_one_day_in_twenty_beyond_each_end() -> None:
    """One day that was far off does not stretch it, two do."""
    plain = ["10"] * 28
    once = outlook(*plain[:3], "100", *plain[4:]).coming(TODAY + 3 * DAY)
    twice = outlook(*plain[:3], "100", "100", *plain[5:]).coming(TODAY + 3 * DAY)
    assert once.high < 50 < twice.high


@pytest.mark.parametrize("known", [0, 1, ENOUGH - 1])
def test_too_few_days_give_no_forecast(known: int) -> None:
    """A month told from a week would be a guess that looks like a figure."""
    assert outlook(*["3"] * known).sum(TODAY, TODAY + DAY) is None
    assert outlook(*["3"] * ENOUGH).sum(TODAY, TODAY + DAY) is not None


def test_a_day_without_bill_is_corrected_by_how_bills_came_to_differ() -> None:
    """An estimate that leaves something out every day does so today, too."""
    days = {TODAY - number * DAY: DayCost(Decimal(10)) for number in range(2, 29)}
    days[TODAY - DAY] = DayCost(Decimal(8), extra=Decimal("1.5"), billed=False)
    ahead = Outlook(TODAY, days, [Decimal(1), Decimal(2), Decimal(3)], left=Decimal(1))
    assert ahead.finished(TODAY - DAY) == Range(Decimal(9), Decimal(10), Decimal(11))
    assert Outlook(TODAY, days, [], left=Decimal(1)).finished(TODAY - DAY) == Range(
        Decimal(8), Decimal(8), Decimal("9.5")
    )


def test_today_costs_at_least_what_it_has_and_its_rest_is_as_usual() -> None:
    """A dear morning makes a dear day; a cheap one may still become a usual one."""
    assert outlook(*["10"] * 28, spent="30").coming(TODAY) == Range(Decimal(30), Decimal(35), Decimal(35))
    assert outlook(*["10"] * 28, spent="1").coming(TODAY) == Range(Decimal(10), Decimal(10), Decimal(10))


def test_the_day_a_limit_is_reached_comes_from_the_same_path() -> None:
    """Expected, at the earliest by dear days, at the latest by cheap ones; or not in time at all."""
    ahead = outlook(*["8", "12"] * 14)
    start, end = TODAY - 2 * DAY, TODAY + 12 * DAY
    first, expected, last = ahead.reaches(Decimal(65), start, end)
    assert first is not None
    assert last is not None
    assert first < expected < last  # type: ignore[operator]
    assert ahead.reaches(Decimal(10_000), start, end) == (None, None, None)
    assert ahead.reaches(Decimal(13), start, end)[1] == TODAY - DAY


@given(
    st.lists(st.integers(0, 10**6).map(lambda n: Decimal(n) / 1000), min_size=14, max_size=28),
    st.integers(1, 31),
)
def test_low_expected_and_high_are_always_in_this_order(amounts: list[Decimal], ahead: int) -> None:
    """And never below zero."""
    found = outlook(*map(str, amounts)).sum(TODAY, TODAY + ahead * DAY)
    assert found is not None
    assert 0 <= found.low <= found.mid <= found.high
