"""When a source says otherwise what was, and what that comes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from exporter.money import plain
from exporter.records import Change, Record, Transfer, amounts, restates, told
from tests.builders import NOW, bill, fill, sale, settlement, usage

D = Decimal
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILL = fill("buy yes 10 @ 0.40 fee 0.07", fill_id="f-1")
PAID = sale("20", fee="1", sale_id="s-1")
MOVED = Transfer(source="kalshi", transfer_id="t-1", amount=D(500), fee=D(2), at=NOW)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (FILL, replace(FILL, fee=D("0.08")), "fee 0.07 -> 0.08"),
        (FILL, replace(FILL, side="no"), "side yes -> no"),
        (
            FILL,
            replace(FILL, voided=True),
            "contracts 10.00 -> 0.00, cost 4.00 -> 0.00, fee 0.07 -> 0.00, voided False -> True",
        ),
        (
            MOVED,
            replace(MOVED, status="returned"),
            "amount 500.00 -> 0.00, fee 2.00 -> 0.00, status applied -> returned",
        ),
        (PAID, replace(PAID, gross=D(25)), "gross 20.00 -> 25.00"),
        (PAID, replace(PAID, at=NOW - DAY), f"at {NOW} -> {NOW - DAY}"),
        (
            bill(date(2026, 11, 20), "1.50"),
            bill(date(2026, 11, 20), "1.50", "0.25"),
            "amount 1.50 -> 1.75",
        ),
    ],
)
def test_what_is_said_otherwise_is_a_restatement_whenever_it_is(old: Record, new: Record, said: str) -> None:
    """For every kind of record, with what it was and what it is."""
    assert restates(Change(old, new), None)
    assert restates(Change(old, new), NOW - 30 * DAY)
    assert told(old, new) == said


def test_a_settlement_that_is_paid_otherwise_is_a_restatement() -> None:
    """That the venue's own row has come for one that was rebuilt is none."""
    row = settlement("10 / 4.00", "0 / 0", "yes", "10.00")
    assert restates(Change(row, replace(row, payout=row.payout + 1)), None)
    assert not restates(Change(replace(row, origin="market"), row), None)


@pytest.mark.parametrize("record", [FILL, MOVED, PAID])
def test_what_is_listed_after_its_time_was_read_is_a_restatement(record: Record) -> None:
    """Nothing was said of it before; what is listed in its time, or before anything was read, is news."""
    assert restates(Change(None, record), NOW + HOUR)
    assert not restates(Change(None, record), NOW - HOUR)
    assert not restates(Change(None, record), None)
    assert told(None, record) == ", ".join(f"{name} {plain(usd)}" for name, usd in amounts(record).items())


def test_what_grows_by_nature_is_no_restatement() -> None:
    """A refund that is given now, usage of the hour that runs, the first bill of a day, another name."""
    given = sale("20", fee="1", sale_id="s-1", refunds={NOW + DAY: "5"})
    assert not restates(Change(PAID, given), NOW + HOUR)
    assert restates(Change(PAID, given), NOW + 2 * DAY), "it was given before, and nobody listed it"
    assert restates(Change(given, PAID), NOW), "it was taken back"
    assert not restates(Change(PAID, replace(PAID, product="another")), NOW + DAY)
    assert not restates(Change(usage(NOW, "0.10"), usage(NOW, "0.20")), NOW + DAY)
    assert not restates(Change(None, bill(date(2026, 11, 20), "1.50")), NOW)
    assert not restates(Change(FILL, replace(FILL, order_id="o-1")), NOW), "its order became known"


def test_what_did_not_count_yet_changes_the_past_only_there() -> None:
    """A sale that is paid an hour after it was made is news; one of last week changes last week."""
    pending = replace(PAID, status="pending")
    assert not restates(Change(pending, PAID), NOW - HOUR)
    assert restates(Change(pending, PAID), NOW + DAY)
    on_its_way = replace(MOVED, status="pending")
    assert not restates(Change(on_its_way, MOVED), NOW - HOUR)
