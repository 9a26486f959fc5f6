"""Days of API cost: what is not known is named, and a bill that changes is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.records import BillChange, BilledDay, UsageHour
from exporter.snapshot import Cursor
from tests.builders import NOW, Books, bill, healthy, key_usage, said, told, usage

TODAY = NOW.date()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def at(day: date, hour: int = 0) -> datetime:
    return datetime.combine(day, time(hour), NOW.tzinfo)


def whole(day: date, cost: str = "1.00") -> list[UsageHour]:
    """Return usage of all hours of a day, of which only the first cost anything."""
    return [
        usage(at(day), cost),
        *(UsageHour(source="anthropic", at=at(day, hour), lines=()) for hour in range(1, 24)),
    ]


def bill_change(
    day: date, number: int, amount: str, before: str | None, landed: datetime = NOW
) -> BillChange:
    was = None if before is None else Decimal(before)
    return BillChange(
        source="anthropic",
        day=day,
        number=number,
        amount=Decimal(amount),
        before=was,
        estimate=(),
        hours=0,
        at=landed,
    )


def cost(books: Books, window: str = "7d", name: str = "api_cost_estimated", now: datetime = NOW) -> Any:
    """Return one cost component of the snapshot of these books."""
    return tree(books, now)["windows"][window]["components"][name]


def tree(books: Books, now: datetime = NOW) -> Any:
    return told(books.ledger, now=now, cursor=Cursor("e", 1), sources=healthy(now), openings={})


def test_a_day_without_bill_or_usage_between_known_days_is_named_and_partial() -> None:
    """A hole is never a free day."""
    books = Books(bill(ago(5), "2"), bill(ago(3), "2"), *whole(ago(2)), *whole(ago(1)), usage(NOW, "1"))
    assert cost(books)["grade"] == "partial"
    assert said(cost(books)) == [f"anthropic: nothing is known of {ago(4)}"]
    assert tree(books)["windows"]["7d"]["net"]["grade"] == "partial"
    assert cost(books, "today")["grade"] == "estimated"
    books.book(bill(ago(4), "0"))
    assert cost(books)["grade"] == "estimated"


def test_key_usage_alone_does_not_make_a_day_known() -> None:
    """Who used tokens says nothing about what they cost."""
    books = Books(bill(ago(3), "2"), key_usage(ago(2), "apikey_1"), bill(ago(1), "2"), usage(NOW, "1"))
    assert said(cost(books)) == [f"anthropic: nothing is known of {ago(2)}"]


def test_days_up_to_yesterday_are_missed_and_days_before_the_first_known_one_are_not() -> None:
    """Before the account began nothing is missing; after it began everything up to yesterday is."""
    books = Books(bill(ago(6), "2"), usage(NOW, "1"))
    reason = f"anthropic: nothing is known of {ago(5)}, {ago(4)}, {ago(3)} and 2 more days"
    assert said(cost(books, "30d")) == [reason]
    assert said(cost(books, "all")) == [reason]


def test_yesterday_is_late_for_two_hours_and_then_missing() -> None:
    """Usage comes minutes late: right after midnight an unknown yesterday is no alarm."""
    books = Books(bill(ago(2), "2"), usage(at(TODAY), "1"))
    assert cost(books, now=at(TODAY, 1))["grade"] == "estimated"
    assert said(cost(books, now=at(TODAY, 2))) == [f"anthropic: nothing is known of {ago(1)}"]


def test_a_finished_day_of_which_hours_are_unknown_is_partial_until_it_is_billed() -> None:
    """Half a day's estimate is not the day's."""
    books = Books(bill(ago(2), "2"), *whole(ago(1))[:20], usage(NOW, "1"))
    assert said(cost(books)) == [f"anthropic: 4 hours of {ago(1)} are not known"]
    books.book(bill(ago(1), "2"))
    assert cost(books)["grade"] == "estimated"


def test_no_usage_of_today_is_estimated_in_the_first_hours_and_partial_after() -> None:
    """A zero in the morning says that it is only late; at noon it says that something is missing."""
    books = Books(*whole(ago(1)))
    early = cost(books, "today", now=at(TODAY, 1))
    assert (early["usd"], early["grade"]) == ("0.00", "estimated")
    assert said(early) == ["anthropic: no usage of today yet"]
    noon = cost(books, "today")
    assert (noon["grade"], said(noon)) == ("partial", ["anthropic: no usage of today yet"])


def test_a_changed_bill_is_a_restatement_in_the_snapshot() -> None:
    """Day, before, after and when, in order of when; the first bill of a day is none."""
    books = Books(
        bill(ago(3), "4.50"),
        bill_change(ago(3), 1, "5.00", None, at(ago(2), 3)),
        bill_change(ago(3), 2, "4.50", "5.00", at(ago(1), 3)),
        bill_change(ago(2), 2, "7.25", "7.00", at(ago(1), 2)),
    )
    stated = tree(books)["api_cost"]["restatements"]
    assert stated["count"] == 2
    assert stated["latest"][-1] == {
        "day": ago(3).isoformat(),
        "before": "5.00",
        "after": "4.50",
        "at": f"{ago(1)}T03:00:00.000000Z",
    }
    assert stated["latest"][0]["day"] == ago(2).isoformat()


def test_only_the_last_restatements_are_shown_and_all_are_counted() -> None:
    """A snapshot stays small however often bills change."""
    changed = [bill_change(ago(n), 2, "1", "2", NOW - timedelta(hours=n)) for n in range(1, 10)]
    books = Books(bill(ago(1), "1"), *changed)
    stated = tree(books)["api_cost"]["restatements"]
    assert (stated["count"], len(stated["latest"])) == (9, 5)
    assert stated["latest"][-1]["day"] == ago(1).isoformat()


@pytest.mark.parametrize("number", [1, 2])
def test_a_landing_seen_twice_counts_once(number: int) -> None:
    """Replays repeat records."""
    books = Books()
    again = bill_change(ago(1), 2, "1", "2")
    for _ in range(number):
        books.bill.spending.take(again)
    assert len(books.bill.spending.restatements) == 1


def test_an_amount_is_the_sum_of_the_lines() -> None:
    """Also of a bill without any."""
    assert BilledDay(source="anthropic", day=TODAY, lines=()).amount == 0
    assert bill(TODAY, "1.5", "-0.25").amount == Decimal("1.25")


def test_tokens_of_a_new_kind_are_named_and_their_day_is_partial() -> None:
    """Nobody here knows their price: nothing is not it."""
    hour = usage(NOW, "2.00", model="m")
    books = Books(replace(hour, lines=(replace(hour.lines[0], unknown=(("ephemeral_24h", 900),)),)))
    figure = tree(books, NOW)["windows"]["today"]["components"]["api_cost_estimated"]
    assert figure["grade"] == "partial"
    assert "anthropic: 900 tokens of m (new kind ephemeral_24h) have no price" in said(figure)
