"""Rows that are set aside: which lines and markets they cost the grade, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from exporter.ledger.doubt import Doubt
from exporter.ledger.set_aside import doubts
from exporter.ledger.statement import DOUBTS_STATED
from exporter.records import Aside
from exporter.snapshot import KIND_COMPONENTS, Cursor, Reason
from exporter.times import stamp
from tests.builders import NOW, Books, healthy, infos, told

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


def test_a_thousand_doubts_are_stated_as_a_few_and_a_rest() -> None:
    """A snapshot stays small; the rest may be about any time, so that no period is surer than it is."""
    books = Books(sources=infos("kalshi"))
    rows = tuple(replace(ROW, key=f"{number}", what=f"is {number}", since=NOW) for number in range(1_000))
    books.ledger.set_aside("kalshi", rows)
    sources = {"kalshi": healthy()["kalshi"]}
    stated = told(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=sources, openings={})["doubts"]
    assert len(stated) == DOUBTS_STATED + 1
    assert stated[0]["since"] == stated[0]["until"] == stamp(NOW)
    assert stated[-1]["text"] == "950 more doubts"
    assert "since" not in stated[-1]
    assert set(stated[-1]["components"]) == set(KIND_COMPONENTS["venue"])
