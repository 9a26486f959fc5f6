"""Several sources of one kind: each has books of its own, and the company is their sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import LedgerError
from exporter.ledger import Ledger, SourceState
from exporter.money import ZERO
from exporter.records import Change, Record, SourceInfo
from exporter.snapshot import KIND_COMPONENTS, WINDOWS, Cursor, from_json
from tests.builders import (
    NOW,
    SOURCES,
    UTC_ZONE,
    Books,
    balance,
    bill,
    fill,
    mark,
    of,
    sale,
    told,
    usage,
)
from tests.examples import examples

HEDGE = SourceInfo("hedge", "Kalshi (hedge)", "venue")
ETSY = SourceInfo("etsy", "Etsy", "sales")
LAB = SourceInfo("lab", "Anthropic (lab)", "api_cost")
ALL = (*SOURCES, HEDGE, ETSY, LAB)
TWIN = {"kalshi": "hedge", "sales": "etsy", "anthropic": "lab"}


def states(sources: Iterable[SourceInfo], **others: SourceState) -> dict[str, SourceState]:
    """Return states of sources that have just answered, but for the ones given."""
    fresh = SourceState(as_of=NOW, last_success=NOW)
    return {info.name: others.get(info.name, fresh) for info in sources}


def shown(ledger: Ledger, sources: Sequence[SourceInfo], **others: SourceState) -> Any:
    """Return the snapshot of a ledger."""
    return told(ledger, now=NOW, cursor=Cursor("e", 1), sources=states(sources, **others), openings={})


amounts = st.decimals(Decimal("0.01"), Decimal("0.99"), places=2)
ago = st.integers(0, 40 * 24).map(lambda hours: NOW - timedelta(hours=hours))
fills = st.builds(
    lambda side, count, price, at, market, number: fill(
        f"buy {side} {count} @ {price} fee 0.02 in {market}", at=at, fill_id=f"f-{number}"
    ),
    st.sampled_from(["yes", "no"]),
    st.integers(1, 9),
    amounts,
    ago,
    st.sampled_from(["A-1", "B-1"]),
    st.integers(0, 30),
)
sales = st.builds(
    lambda gross, at, number: sale(str(gross), sale_id=f"s-{number}", at=at, fee="0.01"),
    amounts,
    ago,
    st.integers(0, 30),
)
days = st.builds(
    lambda ago, amount: bill(NOW.date() - timedelta(days=ago), str(amount)), st.integers(1, 40), amounts
)
hours = st.builds(lambda at, cost: usage(at.replace(minute=0), str(cost)), ago, amounts)
books = st.lists(st.one_of(fills, sales, days, hours), max_size=30)


@settings(max_examples=examples(60))
@given(books, books)
def test_two_of_each_kind_are_the_sum_of_both(ours: list[Record], theirs: list[Record]) -> None:
    """Equal ids in two accounts never touch: every component is what each ledger by itself says, added."""
    alone, other = Books(*ours), Books(*theirs)
    both = Books(*ours, *(replace(each, source=TWIN[each.source]) for each in theirs), sources=ALL)
    both.ledger.prove()
    found = both.ledger.figures(NOW, states(ALL), {})
    for window in WINDOWS:
        one, two = (
            each.ledger.figures(NOW, states(SOURCES), {})[window].components for each in (alone, other)
        )
        for name, part in found[window].components.items():
            known = [one[name].usd, two[name].usd]
            summed = None if None in known else sum((usd for usd in known if usd is not None), ZERO)
            assert part.usd == summed, (window, name)
        for source, twin in TWIN.items():
            assert {k: v.usd for k, v in found[window].by_source[source].items()} == {
                k: one[k].usd for k in found[window].by_source[source]
            }
            assert {k: v.usd for k, v in found[window].by_source[twin].items()} == {
                k: two[k].usd for k in found[window].by_source[twin]
            }


def test_each_source_is_told_apart_where_a_kind_has_several() -> None:
    """Two venues are shown by source; the one shop is what the sum of its kind already says."""
    sources = (*SOURCES, HEDGE)
    both = Books(
        fill("buy yes 10 @ 0.40"), sale("5"), *of("hedge", fill("buy yes 3 @ 0.50")), sources=sources
    )
    window = shown(both.ledger, sources)["windows"]["all"]
    assert set(window["by_source"]) == {"kalshi", "hedge"}
    assert set(window["by_source"]["hedge"]["components"]) == set(KIND_COMPONENTS["venue"])
    assert "by_source" not in shown(Books(sale("5")).ledger, SOURCES)["windows"]["all"]


def test_positions_of_two_venues_in_one_market_stay_two() -> None:
    """The first venue's are called by their market, as ever; another's have its name before them."""
    sources = (*SOURCES, HEDGE)
    both = Books(fill("buy yes 10 @ 0.40"), *of("hedge", fill("buy no 3 @ 0.50")), sources=sources)
    both.ledger.quote("kalshi", [mark(bid="0.45", ask="0.46")])
    tree = shown(both.ledger, sources)
    assert {key: held["source"] for key, held in tree["positions"].items()} == {
        "M": "kalshi",
        "hedge:M": "hedge",
    }
    assert tree["positions"]["M"]["mark"] == "0.45"
    assert tree["positions"]["hedge:M"]["grade"] == "missing"
    assert tree["exposure"] == {"usd": "5.50", "largest": {"market": "M", "usd": "4.00"}}
    assert tree["venues"]["hedge"]["unrealised"]["grade"] == "missing"
    restarted = Books(*both.keeper.records.values(), sources=sources)
    restarted.ledger.restore(from_json(tree))
    assert shown(restarted.ledger, sources)["positions"] == tree["positions"]


def test_one_source_that_never_answered_leaves_the_sum_without_a_figure() -> None:
    """Unknown is not zero; the other one's own figures stay what they are."""
    sources = (*SOURCES, HEDGE)
    both = Books(fill("buy yes 10 @ 0.40 fee 0.10"), sources=sources)
    both.ledger.quote("kalshi", [mark(bid="0.40", ask="0.41")])
    window = shown(both.ledger, sources, hedge=SourceState())["windows"]["all"]
    assert "usd" not in window["net"]
    assert {"source": "hedge", "code": "no_answer", "text": "no answer yet"} in window["net"]["because"]
    assert window["by_source"]["kalshi"]["net"]["usd"] == "-0.10"
    assert "usd" not in window["by_source"]["hedge"]["net"]


def test_a_check_fails_with_the_venue_that_fails_and_names_it() -> None:
    """Two differences of opposite sign must not take each other back."""
    sources = (*SOURCES, HEDGE)
    both = Books(sources=sources)
    both.observe_steadily([balance("5"), replace(balance("-5"), source="hedge")])
    check = shown(both.ledger, sources)["checks"]["cash"]
    assert not check["ok"]
    assert {source: part["usd"] for source, part in check["parts"].items()} == {
        "kalshi": "5.00",
        "hedge": "-5.00",
    }
    assert check["detail"].startswith("Kalshi")
    both.observe_steadily([balance("0")])
    healed = shown(both.ledger, sources)["checks"]["cash"]
    assert healed["detail"].startswith("Kalshi (hedge): ")
    assert [part["ok"] for part in healed["parts"].values()] == [True, False]


def test_a_second_bill_of_a_day_never_replaces_the_first() -> None:
    """Each organization has its own bill of a day; the day cost both."""
    day = date(2026, 11, 20)
    sources = (*SOURCES, LAB)
    both = Books(bill(day, "10"), *of("lab", bill(day, "3"), usage(NOW, "0.25")), sources=sources)
    tree = shown(both.ledger, sources)
    assert tree["windows"]["7d"]["components"]["api_cost_billed"]["usd"] == "-13.00"
    assert tree["api_cost"]["windows"]["7d"]["by"]["model"] == {"claude-sonnet-5-5": "13.25"}
    assert tree["api_cost"]["restatements"]["count"] == 0


def test_an_organization_that_began_later_does_not_make_the_days_before_unknown() -> None:
    """The burn rate of both counts the days on which only one of them was there."""
    sources = (*SOURCES, LAB)
    first = [bill(NOW.date() - timedelta(days=ago), "7") for ago in range(1, 15)]
    later = of("lab", *(bill(NOW.date() - timedelta(days=ago), "1") for ago in range(1, 4)))
    tree = shown(Books(*first, *later, sources=sources).ledger, sources)
    assert tree["api_cost"]["burn_rate"] == {"usd_per_day": "7.428571", "days": 7}


def test_counts_are_told_by_shop_where_there_are_several() -> None:
    """What an order brings is divided once, over the orders of all shops."""
    sources = (*SOURCES, ETSY)
    tree = shown(
        Books(sale("5"), *of("etsy", sale("7"), sale("9", sale_id="s-2")), sources=sources).ledger, sources
    )
    stated = tree["sales"]["all"]
    assert (stated["orders"], stated["refunds"]) == (3, 0)
    assert {name: counts["orders"] for name, counts in stated["by_source"].items()} == {"sales": 1, "etsy": 2}
    assert stated["per_order"]["average_order"] == {"value": "7.00", "grade": "final"}


def test_a_record_of_a_source_that_takes_no_part_is_not_booked() -> None:
    """Nothing is ever booked to the wrong books."""
    with pytest.raises(LedgerError, match="hedge"):
        Ledger(UTC_ZONE, SOURCES).apply(Change(None, record) for record in of("hedge", sale("5")))


def test_a_kind_without_books_is_refused() -> None:
    """A source whose kind nobody keeps books for is named when the ledger is made."""
    with pytest.raises(LedgerError, match="other"):
        Ledger(UTC_ZONE, [SourceInfo("rent", "Rent", "other")])
