"""A day of API cost: what it was estimated at, what it was billed, and how either came to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.explain import CannotExplain, explain_day
from exporter.explain.day import MOMENTS
from exporter.records import Record
from exporter.store import Store
from tests.builders import NOW, bill, of, usage

HOUR = timedelta(hours=1)
DAY = NOW.date() - timedelta(days=2)
MIDNIGHT = NOW.replace(hour=0) - timedelta(days=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.write(tmp_path / "pnl.sqlite3")) as opened:
        yield opened


def read(store: Store, hours: int, *records: Record, source: str = "anthropic") -> None:
    """Book records as read so many hours after the day began."""
    at = MIDNIGHT + hours * HOUR
    store.records.book(source, records, [], as_of=at, recorded_at=at)


def test_estimate_and_bill_stand_side_by_side(store: Store) -> None:
    """The difference is drift, and what usage cannot show."""
    read(store, 2, usage(MIDNIGHT, "4.00"), usage(MIDNIGHT + HOUR, "3.00"))
    read(store, 30, bill(DAY, "8.50"))
    day = explain_day(store, DAY)
    assert (day.total.estimate, day.total.billed, day.total.drift) == (7, Decimal("8.50"), Decimal("1.50"))
    assert [(row.name, row.estimate, row.billed) for row in day.tables["model"]] == [
        ("claude-sonnet-5-5", 7, Decimal("8.50"))
    ]
    assert day.unestimated == 0
    for rows in day.tables.values():
        assert sum(row.estimate or 0 for row in rows) == day.total.estimate
        assert sum(row.billed or 0 for row in rows) == day.total.billed


def test_usage_that_came_after_the_bill_was_no_part_of_the_estimate(store: Store) -> None:
    """The bill replaced what was known then."""
    read(store, 2, usage(MIDNIGHT, "4.00"))
    read(store, 30, bill(DAY, "8.50"))
    read(store, 31, usage(MIDNIGHT + HOUR, "3.00"))
    assert explain_day(store, DAY).total.estimate == 4


def test_a_day_without_a_bill_has_an_estimate_that_grew(store: Store) -> None:
    """Nothing is compared yet."""
    read(store, 1, usage(MIDNIGHT, "1.00"))
    read(store, 2, usage(MIDNIGHT, "2.00"), usage(MIDNIGHT + HOUR, "1.00"))
    day = explain_day(store, DAY)
    assert (day.total.estimate, day.total.billed, day.total.drift) == (3, None, None)
    assert [(moment.what, moment.usd, moment.hours) for moment in day.history] == [
        ("estimated", 1, 1),
        ("estimated", 3, 2),
    ]


def test_a_bill_that_was_restated_is_told_with_each_of_its_amounts(store: Store) -> None:
    """And each revision is named."""
    read(store, 30, bill(DAY, "8.50"))
    read(store, 54, bill(DAY, "9.00"))
    day = explain_day(store, DAY)
    assert [(moment.what, moment.usd) for moment in day.history] == [
        ("billed", Decimal("8.50")),
        ("billed", Decimal("9.00")),
    ]
    assert [(proof.kind, proof.revision) for proof in day.proofs] == [("billed_day", 1), ("billed_day", 2)]


def test_usage_without_a_price_is_named_with_its_tokens(store: Store) -> None:
    """It is in no estimate, and not free."""
    read(store, 2, usage(MIDNIGHT, "4.00"), usage(MIDNIGHT + HOUR, None, model="claude-new", tokens=700))
    day = explain_day(store, DAY)
    assert [(model, tokens) for model, _, tokens in day.unpriced] == [("claude-new", 700)]
    assert day.tree()["unpriced"][0]["tokens"] == 700


def test_a_history_of_many_steps_keeps_its_first_its_last_and_every_bill(store: Store) -> None:
    """Usage that trickles in would fill pages."""
    for number in range(MOMENTS * 2 + 5):
        at = MIDNIGHT + timedelta(minutes=number + 1)
        hour = usage(MIDNIGHT, f"{number + 1}.00")
        store.records.book("anthropic", [hour], [], as_of=at, recorded_at=at)
    read(store, 30, bill(DAY, "8.50"))
    told = explain_day(store, DAY).history
    steps = [moment.usd for moment in told if moment.what == "estimated"]
    assert (steps[0], steps[-1]) == (1, MOMENTS * 2 + 5)
    assert len(steps) <= MOMENTS + 1
    assert told[-1].what == "billed"


def test_a_day_of_two_organizations_asks_of_which(store: Store) -> None:
    """Either can be told apart by its name."""
    read(store, 30, bill(DAY, "8.50"))
    read(store, 30, *of("claude", bill(DAY, "1.00")), source="claude")
    with pytest.raises(CannotExplain, match=f"{DAY} has a cost at anthropic and claude: say of which source"):
        explain_day(store, DAY)
    assert explain_day(store, DAY, "claude").total.billed == 1


def test_a_day_of_which_nothing_is_known_says_so(store: Store) -> None:
    """Neither a bill nor usage is not a day that cost nothing."""
    with pytest.raises(CannotExplain, match="neither a bill nor usage was read"):
        explain_day(store, DAY)
