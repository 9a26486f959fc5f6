"""Results by event and series: in every window they sum to the totals, whatever came late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ledger import state
from exporter.ledger.breakdown import LARGEST, breakdown
from exporter.ledger.trading import groups
from exporter.ledger.trading.groups import Tallies, event_of, series_of
from exporter.ledger.windows import starts
from exporter.money import ZERO
from exporter.snapshot import Cursor, plain_json
from exporter.times import to_us
from tests.builders import NOW, UTC_ZONE, Books, balance, fill, healthy, mark, settlement

ZONES = [ZoneInfo(name) for name in ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia")]


def stated(books: Books, now: datetime = NOW) -> dict[str, Any]:
    """Return the breakdown of the books."""
    snapshot = state(books.ledger, now=now, cursor=Cursor("e", 1), sources=healthy(now), openings={})
    return plain_json(breakdown(books.ledger, now, snapshot))


def named(window: Mapping[str, Any]) -> dict[str, Any]:
    """Return the groups of a window by name."""
    return {group["name"]: group for group in window["groups"]}


def test_series_and_event_are_parts_of_the_ticker() -> None:
    """All but the last part is the event, the first part the series; a bare word is both."""
    assert event_of("KXHIGHNY-26NOV20-T50.5") == "KXHIGHNY-26NOV20"
    assert series_of("KXHIGHNY-26NOV20-T50.5") == series_of("KXHIGHNY-26NOV20") == "KXHIGHNY"
    assert (event_of("M"), series_of("M")) == ("M", "M")


def test_a_group_has_what_its_markets_have_made() -> None:
    """Two markets of one event, one of another event of the series; a round trip won and one lost."""
    books = Books(
        fill("buy yes 10 @ 0.40 fee 0.10 in S-1-A", at=NOW - timedelta(hours=3)),
        fill("buy no 10 @ 0.50 fee 0.20 in S-1-A", at=NOW - timedelta(hours=2)),
        fill("buy yes 2 @ 0.60 in S-1-B", at=NOW - timedelta(hours=2)),
        fill("buy no 2 @ 0.50 in S-1-B", at=NOW - timedelta(hours=1)),
        fill("buy yes 5 @ 0.20 in S-2-A", at=NOW - timedelta(hours=1)),
        fill("buy yes 5 @ 0.20 in S-2-B", at=NOW - timedelta(hours=1)),
    )
    books.ledger.observe([mark("S-2-A", bid="0.30"), balance("0")])
    tree = stated(books)
    events = named(tree["event"]["today"])
    assert events["S-1"] == {
        "name": "S-1",
        "net": "0.50",
        "realised": "0.80",
        "fees": "-0.30",
        "wins": 1,
        "losses": 1,
        "even": 0,
        "win_ratio": "0.50",
        "profit_factor": "3.50",
        "exposure": "0.00",
        "unrealised": "0.00",
    }
    assert events["S-2"]["unrealised"] == "0.50"
    assert (events["S-2"]["exposure"], events["S-2"]["unmarked"]) == ("2.00", 1)
    assert "win_ratio" not in events["S-2"]
    series = named(tree["series"]["all"])["S"]
    assert (series["net"], series["unrealised"], series["unmarked"]) == ("0.50", "0.50", 1)
    assert "other" not in tree["series"]["all"]
    assert tree["series"]["all"]["grade"] == "final"


def test_a_group_without_any_mark_has_no_unrealised_figure() -> None:
    """Unknown is not zero."""
    group = named(stated(Books(fill("buy yes 5 @ 0.20 in S-1-A")))["event"]["all"])["S-1"]
    assert "unrealised" not in group
    assert group["unmarked"] == 1


def test_only_the_largest_have_a_name_and_the_rest_is_one_sum() -> None:
    """By what was made and may still be made, whichever sign: a large loss is not hidden."""
    books = Books()
    for number in range(LARGEST + 5):
        price = "0.10" if number % 2 else "0.90"
        opened = fill(f"buy yes {number + 1} @ 0.50 in S{number}-1-A", at=NOW - timedelta(hours=2))
        closed = fill(f"buy no {number + 1} @ {price} in S{number}-1-A", at=NOW - timedelta(hours=1))
        books.book(opened, closed)
    window = stated(books)["series"]["all"]
    assert [group["name"] for group in window["groups"]] == [
        f"S{number}" for number in range(LARGEST + 4, 4, -1)
    ]
    assert window["other"]["groups"] == 5
    parts = [Decimal(group["net"]) for group in (*window["groups"], window["other"])]
    assert sum(parts) == books.usd("trading_realised")


def test_the_tape_is_cut_and_old_events_stay_in_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rolling windows need the last weeks only; the year and all time keep the rest."""
    monkeypatch.setattr(groups, "TAPE_SLACK", 3)
    books = Books()
    for day in range(80, 0, -1):
        at = NOW - timedelta(days=day)
        books.book(fill(f"buy yes 1 @ 0.50 fee 0.01 in S-{day}-A", at=at))
    tape = books.ledger.groups._tape
    assert 30 <= len(tape._times) < 40
    ties(books, NOW)
    # A late fill of before the cut is in the calendar windows alone.
    books.book(fill("buy yes 1 @ 0.50 fee 0.07 in S-1-B", at=NOW - timedelta(days=70)))
    ties(books, NOW)
    early = NOW - timedelta(days=20)
    assert "30d" not in books.ledger.groups.stated(starts(early, UTC_ZONE))
    ties(books, NOW)


def ties(books: Books, now: datetime) -> None:
    """Check that the groups of each window sum to the totals, by both levels."""
    ledger = books.ledger
    results = ledger.results(now)
    found = ledger.groups.stated(starts(now, ledger.zone))
    assert set(found) == set(results)
    for window, start in starts(now, ledger.zone).items():
        since = None if start is None else to_us(start)
        for tallies in (found[window].events, found[window].series):
            for figure, account in (("realised", "trading_realised"), ("fees", "trading_fees")):
                total = sum((getattr(tally, figure) for tally in tallies.values()), ZERO)
                assert total == books.venue.journal.contribution(account, window, since), (window, figure)
            for count in ("wins", "losses", "even"):
                total_count = sum(getattr(tally, count) for tally in tallies.values())
                assert total_count == getattr(results[window], count), (window, count)


HOURS = st.integers(-24 * 400, 0)
TRADE = st.tuples(
    HOURS,
    st.sampled_from(["yes", "no"]),
    st.integers(1, 9),
    st.integers(1, 99),
    st.sampled_from(["S-1-A", "S-1-B", "S-2-A", "T-1-A"]),
)


def content(found: Mapping[str, Tallies]) -> dict[str, Any]:
    """Return all groups that have come to anything."""
    return {
        window: [
            {name: tally for name, tally in level.items() if tally}
            for level in (tallies.events, tallies.series)
        ]
        for window, tallies in found.items()
    }


@settings(deadline=None)
@given(
    st.lists(TRADE, max_size=20),
    st.lists(st.integers(0, 40 * 24), max_size=8),
    st.sampled_from(ZONES),
    st.data(),
)
def test_groups_sum_to_the_totals_as_time_goes_on(
    trades: list[tuple[int, str, int, int, str]], steps: list[int], zone: ZoneInfo, data: st.DataObject
) -> None:
    """Fills in any order, settlements, corrections; windows that move by hours or by months."""
    books, now = Books(zone=zone), NOW
    waiting = [
        fill(
            f"buy {side} {count} @ {Decimal(cents) / 100} fee 0.0{count} in {ticker}",
            at=NOW + timedelta(hours=hours, seconds=number),
            fill_id=f"f{number}",
        )
        for number, (hours, side, count, cents, ticker) in enumerate(trades)
    ]
    for hours in (0, *steps):
        now += timedelta(hours=hours)
        books.book(*[waiting.pop() for _ in range(min(len(waiting), data.draw(st.integers(0, 6))))])
        if data.draw(st.booleans()):
            ties(books, now)
    books.book(*waiting)
    held = books.venue.portfolio.books.get("S-1-A")
    if held is not None:
        row = settlement(
            f"{held.yes_count} / {held.yes_cost}",
            f"{held.no_count} / {held.no_cost}",
            "yes",
            f"{max(held.position, ZERO)}",
            at=now,
            ticker="S-1-A",
        )
        books.book(row)
    ties(books, now)
    anew = Books(*books.keeper.records.values(), zone=zone)
    anew.ledger.until(now)
    assert content(books.ledger.groups.stated(starts(now, zone))) == content(
        anew.ledger.groups.stated(starts(now, zone))
    )
