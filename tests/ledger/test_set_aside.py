"""Rows that are set aside: which lines and markets they cost the grade, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from exporter.ledger.doubt import Doubt
from exporter.ledger.set_aside import doubts
from exporter.records import Aside
from exporter.snapshot import KIND_COMPONENTS, Reason
from tests.builders import NOW, infos

(KALSHI,) = infos("kalshi")

ROW = Aside(
    source="kalshi",
    listed="fills",
    key="f",
    field="fills.price",
    what="is missing",
    row=b"{}",
    at=NOW,
    scope="M",
)


def test_rows_with_one_thing_wrong_are_one_doubt() -> None:
    """As late as the last of them; each market that they are of is named beside it."""
    later = NOW + timedelta(hours=1)
    told = doubts(KALSHI, [ROW, replace(ROW, key="g", at=later), replace(ROW, key="h", scope="N")])
    reason = Reason(
        "kalshi", "set_aside", "3 rows of fills cannot be read and are set aside: fills.price is missing"
    )
    assert told == (
        Doubt(components=frozenset(KIND_COMPONENTS["venue"]), reason=reason, at=later),
        Doubt(components=frozenset(), reason=reason, scope="M"),
        Doubt(components=frozenset(), reason=reason, scope="N"),
    )


def test_a_row_without_a_time_may_have_been_at_any() -> None:
    """And one is said in the singular; of no market, it names none."""
    (told,) = doubts(KALSHI, [replace(ROW, at=None, scope="")])
    assert told.at is None
    assert told.reason.text == "a row of fills cannot be read and is set aside: fills.price is missing"


def test_rows_of_which_it_is_known_when_they_were_are_of_no_time_before() -> None:
    """As early as the first of them; as soon as one may have been at any time, they all may."""
    early, late = (
        replace(ROW, key=f"{hours}", since=NOW - timedelta(hours=hours), scope="") for hours in (9, 1)
    )
    assert doubts(KALSHI, [early, late])[0].since == NOW - timedelta(hours=9)
    assert doubts(KALSHI, [early, replace(late, since=None)])[0].since is None


def test_a_row_that_no_figure_rests_on_doubts_none() -> None:
    """A name that cannot be read is shown as an id."""
    assert doubts(KALSHI, [replace(ROW, components=())]) == ()
