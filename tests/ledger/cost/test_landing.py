"""A bill that lands in pieces: the estimate stands for what of it is not there yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ledger.cost.day import BILLED_KINDS, CostDay
from exporter.records import BilledDay, BilledLine, UsageHour, UsageLine
from exporter.snapshot import Cursor, Grade
from tests.builders import Books, healthy, told, usage
from tests.examples import examples

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
LANDING = MIDNIGHT + timedelta(days=1, hours=2)
SETTLED = MIDNIGHT + timedelta(days=2)
D = Decimal


def line(amount: str, **said: str) -> BilledLine:
    usual = {
        "workspace": "default",
        "description": repr(said),
        "cost_type": "tokens",
        "model": "claude-sonnet-5-5",
        "token_type": "output_tokens",
    }
    return BilledLine(amount=D(amount), **(usual | said))


SEARCH = line("0.37", cost_type="web_search", model="", token_type="")


def bill(*lines: BilledLine) -> BilledDay:
    return BilledDay(source="anthropic", day=MIDNIGHT.date(), lines=lines)


def used(cost: str = "4.00", *, hour: int = 0, **changes: Any) -> UsageHour:
    """Return an hour with a line of which input and output tokens are known, a half each."""
    found = usage(MIDNIGHT + timedelta(hours=hour), cost)
    half = D(cost) / 2
    [one] = found.lines
    return replace(
        found, lines=(replace(one, costs=(("uncached_input", half), ("output", half)), **changes),)
    )


DAY = [used(hour=hour) for hour in range(24)]
"""Estimated at 96.00, half of it input."""

TODAY = used(hour=24)


def cost(books: Books, now: datetime) -> tuple[Decimal | None, Decimal | None]:
    """Return what is billed and what is estimated of the day, today's hour apart."""
    billed, estimated = (books.usd(f"api_cost_{name}", now=now) for name in ("billed", "estimated"))
    assert billed is not None
    assert estimated is not None
    return -billed, -estimated - D("4.00")


def test_the_first_line_of_a_bill_replaces_nothing_but_what_it_is_for() -> None:
    """Yesterday was estimated at 96.00; 0.37 of web search is on the bill, and the week does not fall."""
    books = Books(*DAY, TODAY, bill(SEARCH))
    assert cost(books, LANDING) == (D("0.37"), D("96.00"))
    estimated = books.figures(now=LANDING)["7d"].components["api_cost_estimated"]
    assert estimated.grade == Grade.ESTIMATED
    assert [reason.code for reason in estimated.because] == ["not_billed", "bill_in_pieces"]


@pytest.mark.parametrize(
    ("landed", "left"),
    [
        (line("50", token_type="uncached_input_tokens"), "48.00"),
        (line("50", token_type="uncached_input_tokens", tier="standard"), "48.00"),
        (line("50", token_type="uncached_input_tokens", tier="batch"), "96.00"),
        (line("50", token_type="uncached_input_tokens", workspace="wrkspc_1"), "96.00"),
        (line("50", model="claude-opus-5"), "96.00"),
        (line("50", token_type=""), "0.00"),
        (line("50", token_type="", model=""), "0.00"),
        (line("50", token_type="", model="", cost_type=""), "0.00"),
        (line("50", token_type="", model="", cost_type="code_execution"), "96.00"),
    ],
)
def test_a_line_covers_what_it_says(landed: BilledLine, left: str) -> None:
    """By workspace, model, tier and kind; what it does not say it is for all of."""
    books = Books(*DAY, TODAY, bill(landed))
    assert cost(books, LANDING) == (D("50"), D(left))


def test_a_bill_that_has_settled_is_the_whole_day() -> None:
    """A day after its end what has no line was not billed; also in a ledger that is made of the records."""
    for books in (Books(*DAY, TODAY, bill(SEARCH)), Books(bill(SEARCH), *DAY, TODAY)):
        assert cost(books, SETTLED - timedelta(microseconds=1)) == (D("0.37"), D("96.00"))
        assert cost(books, SETTLED) == (D("0.37"), D("0.00"))
        books.ledger.prove()


def test_a_line_of_before_kinds_were_told_apart_is_covered_by_any_kind() -> None:
    """It knows one sum of tokens, and so does the bill of its model."""
    books = Books(usage(MIDNIGHT, "96.00"), TODAY, bill(line("50")))
    assert cost(books, LANDING) == (D("50"), D("0.00"))


def test_a_bill_that_a_clock_ahead_has_settled_is_opened_again() -> None:
    """What it forgot is there again, also when it had been let go of; set back in vain, nothing is opened."""
    books = Books(*DAY, TODAY, bill(SEARCH))
    for ahead in (SETTLED, SETTLED + timedelta(days=40)):
        assert cost(books, ahead) == (D("0.37"), D("0.00"))
        books.ledger.forget_settled(ahead)
        books.reopen(LANDING)
        assert cost(books, LANDING) == (D("0.37"), D("96.00"))
    assert cost(books, SETTLED + timedelta(hours=3)) == (D("0.37"), D("0.00"))
    assert books.ledger.settled_ahead(SETTLED) == {"anthropic": []}
    books.reopen(SETTLED)
    assert books.ledger.settled_ahead(SETTLED) == {}
    books.ledger.prove()


def test_a_bill_that_later_usage_has_settled_stays_so() -> None:
    """The source's own time has come that far, whatever our clock says."""
    books = Books(*DAY, TODAY, bill(SEARCH), used(hour=48))
    assert cost(books, SETTLED) == (D("0.37"), D("4.00"))  # of the hour that runs
    assert books.ledger.settled_ahead(LANDING) == {"anthropic": []}


DAYS: tuple[BilledDay | UsageHour, ...] = (
    *(used(f"{hour % 7 + 1}.25", hour=hour) for hour in range(0, 24 * 5, 11)),
    *(
        replace(bill(line(f"{amount}"), *more), day=MIDNIGHT.date() + timedelta(days=day))
        for day in range(4)
        for amount, more in (("1.5", ()), ("2.5", (SEARCH,)))
    ),
)
HOURS_ON = st.integers(0, 24 * 8).map(lambda hours: MIDNIGHT + timedelta(hours=hours))


@settings(deadline=None, max_examples=examples(30))
@given(st.permutations(DAYS), st.lists(st.tuples(st.integers(0, 12), HOURS_ON, st.booleans()), max_size=5))
def test_wherever_the_clock_was_bills_are_what_their_records_say_now(
    records: list[BilledDay | UsageHour], moves: list[tuple[int, datetime, bool]]
) -> None:
    """Booked in any order while the clock goes forward and back, settled days forgotten or not."""
    books, waiting = Books(), list(records)
    for count, now, forgetting in moves:
        books.book(*(waiting.pop() for _ in range(min(count, len(waiting)))))
        books.reopen(now)
        cursor = Cursor("e", 1)
        found = told(books.ledger, now=now, cursor=cursor, sources=healthy(now), openings={})
        fresh = Books(*books.keeper.records.values()).ledger
        assert found == told(fresh, now=now, cursor=cursor, sources=healthy(now), openings={})
        if forgetting:
            books.ledger.forget_settled(now)


kinds = st.sampled_from(list(BILLED_KINDS))


@given(
    pieces=st.lists(st.tuples(kinds, st.sampled_from("ab"), st.integers(0, 10**6)), max_size=8),
    landed=st.lists(st.tuples(kinds, st.sampled_from("ab")), max_size=8),
)
def test_nothing_is_counted_twice_and_nothing_is_lost(
    pieces: list[tuple[str, str, int]], landed: list[tuple[str, str]]
) -> None:
    """Whatever lands first: each kind of a model's tokens is billed or estimated, and never both."""
    day = CostDay(MIDNIGHT.date())
    lines: list[UsageLine] = []
    for kind, model, micro in pieces:
        [one] = usage(MIDNIGHT, "1").lines
        amount = D(micro).scaleb(-6)
        lines.append(replace(one, model=model, cost=amount, costs=((BILLED_KINDS[kind], amount),)))
    day.take(UsageHour(source="anthropic", at=MIDNIGHT, lines=tuple(lines)))
    day.take(bill(*(line("1", model=model, token_type=kind) for kind, model in landed)))
    left = [D(micro).scaleb(-6) for kind, model, micro in pieces if (kind, model) not in landed]
    assert day.cost_estimated() == sum(left, D(0))
    assert day.cost_billed() == len(landed)
    assert day.cost() == sum((day.cost(hour, hour + 1) for hour in range(24)), D(0))
