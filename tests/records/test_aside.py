"""Rows that are set aside: what a list has gone through, what stands for many, what older lines stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from exporter.records import Aside, Listed, Record
from exporter.records.aside import MORE, completed, name_of, narrowed, together
from tests.builders import NOW, bill, fill, key_usage, usage

HOUR = timedelta(hours=1)

ROW = Aside(
    source="kalshi",
    listed="fills",
    key="f",
    field="fills.price",
    what="is missing",
    row=b"{}",
    at=NOW,
    since=NOW,
)


@pytest.mark.parametrize(
    ("listed", "holds"),
    [
        (Listed("fills", None), True),
        (Listed("fills", NOW - HOUR), True),
        (Listed("fills", NOW + HOUR), False),
        (Listed("settlements", None), False),
    ],
)
def test_a_list_holds_what_happened_since_its_beginning(listed: Listed, holds: bool) -> None:
    """A row that it would have listed again, and did not, is gone."""
    assert listed.holds(ROW) is holds
    assert not Listed("fills", NOW).holds(replace(ROW, since=None))


def test_what_is_over_is_gone_from_its_list() -> None:
    """A row of before is asked for no more; and a list that was read from there on has all that matters, so
    that a row without a time is gone with it too."""
    recent = Listed("fills", NOW - HOUR, over=NOW - 2 * HOUR)
    assert recent.holds(replace(ROW, at=NOW - 3 * HOUR, since=NOW - 3 * HOUR))
    untimed = replace(ROW, at=NOW, since=NOW - 3 * HOUR)
    assert not recent.holds(untimed)
    assert recent._replace(since=NOW - 2 * HOUR).holds(untimed)


def test_what_stands_for_many_happened_between_the_first_and_the_last_of_them() -> None:
    """One without a time makes it unknown."""
    two = together(replace(ROW, at=NOW + HOUR, since=NOW - HOUR), together(ROW, None))
    assert (two.key, two.count, two.since, two.at) == (MORE, 2, NOW - HOUR, NOW + HOUR)
    assert together(replace(ROW, at=None, since=None), two).at is None


def test_a_row_that_is_listed_again_keeps_the_closest_bounds() -> None:
    """Each list says of it when it cannot have been."""
    new = replace(ROW, at=NOW + HOUR, since=None)
    assert narrowed(new, ROW) == ROW
    assert narrowed(replace(ROW, at=None), replace(ROW, at=None)).at is None


@pytest.mark.parametrize("record", [bill(NOW.date(), "1.00"), usage(NOW, "1.00"), key_usage(NOW, "sk")])
def test_a_line_that_is_odd_today_stays_as_it_was(record: Record) -> None:
    """Leaving it out would say that it has become nothing."""
    shorter = replace(record, lines=())  # type: ignore[call-arg]
    assert completed(shorter, record) == record
    assert completed(record, record) == record
    assert completed(shorter, None) == shorter


def test_other_records_have_no_lines_to_keep() -> None:
    """And each is named by its kind and key."""
    one = fill("buy yes 1 @ 0.5", fill_id="f")
    assert completed(one, fill("buy yes 2 @ 0.5", fill_id="f")) == one
    assert name_of(one) == "fill/f"
    assert Decimal(1) == one.count
