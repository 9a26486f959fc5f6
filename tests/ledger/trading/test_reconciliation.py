"""Our books against the venue's own view, figure by figure."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.trading.positions import Book, replay
from exporter.ledger.trading.reconciliation import FIGURES, Difference, Reconciliation
from exporter.records import VenuePosition
from tests.builders import NOW, fill


def view(
    scope: str = "M", position: str = "10", exposure: str = "4.00", realised: str = "0", fees: str = "0"
) -> VenuePosition:
    return VenuePosition(
        source="kalshi",
        ticker=scope,
        subaccount=0,
        position=Decimal(position),
        exposure=Decimal(exposure),
        realised=Decimal(realised),
        fees=Decimal(fees),
        at=NOW,
    )


def holding(*fills: str, scope: str = "M") -> dict[str, Book]:
    events = [fill(text, at=NOW + timedelta(seconds=n)) for n, text in enumerate(fills)]
    return {scope: replay(scope, events)[0]}


def reconciled(books: dict[str, Book]) -> Reconciliation:
    return Reconciliation(books.get, lambda: [scope for scope, book in books.items() if book.position])


def test_equal_views_differ_in_nothing() -> None:
    """Trailing zeros are no difference."""
    compared = reconciled(holding("buy yes 10 @ 0.40"))
    compared.observe([view(exposure="4.0000")])
    assert [compared.worst(figure) for figure in FIGURES] == [Difference(Decimal(0))] * 4


def test_each_figure_names_its_own_worst_market() -> None:
    """Signed: ours minus theirs."""
    books = holding("buy yes 10 @ 0.40 fee 0.07") | holding("buy yes 1 @ 0.50", scope="N")
    compared = reconciled(books)
    compared.observe([view(fees="0.10"), view("N", position="3", exposure="0.50")])
    assert compared.worst("fees") == Difference(Decimal("-0.03"), "M")
    assert compared.worst("position") == Difference(Decimal(-2), "N")
    assert compared.worst("exposure").size == 0


def test_market_that_only_the_venue_knows_is_a_difference() -> None:
    """A position we have no fills of must not pass in silence."""
    compared = reconciled({})
    compared.observe([view("UNKNOWN", position="7")])
    assert compared.worst("position") == Difference(Decimal(-7), "UNKNOWN")


def test_verdict_follows_either_side_and_ends_with_the_venues_listing() -> None:
    """A corrected view, a new fill of ours, a market no longer listed."""
    books = holding("buy yes 10 @ 0.40")
    compared = reconciled(books)
    compared.observe([view(exposure="4.50")])
    compared.observe([view(exposure="4.50")])
    assert compared.worst("exposure").size == Decimal("-0.50")
    books["M"].apply(fill("buy yes 1 @ 0.50", at=NOW + timedelta(seconds=9)))
    compared.compare("M")
    assert compared.worst("exposure").size == 0
    compared.observe([])
    assert compared.worst("position") == Difference(Decimal(11), "M")
    books["M"].apply(fill("buy no 11 @ 0.40", at=NOW + timedelta(seconds=10)))
    compared.compare("M")
    assert compared.worst("position").size == 0


def test_what_the_venue_does_not_list_is_a_difference_of_all_its_contracts() -> None:
    """No row is a row of zero, also in the first answer of all, and in a subaccount nobody lists."""
    books = holding("buy yes 10 @ 0.40") | {"N#3": replay("N#3", [fill("buy no 2 @ 0.30", subaccount=3)])[0]}
    compared = reconciled(books)
    compared.compare("M")
    assert compared.worst("position").size == 0  # the venue has not spoken yet
    for _ in range(CONFIRMING_READINGS):
        assert not compared.contradictions()
        compared.observe([])
        assert compared.worst("position") == Difference(Decimal(10), "M")
    assert [(each.figure, each.scope, each.difference) for each in compared.contradictions()] == [
        ("position", "M", Decimal(10)),
        ("position", "N#3", Decimal(-2)),
        ("exposure", "M", Decimal("4.00")),
        ("exposure", "N#3", Decimal("0.60")),
    ]
    compared.observe([view()])
    assert {each.scope for each in compared.contradictions()} == {"N#3"}


def test_a_difference_counts_by_market() -> None:
    """Two markets that take turns to differ, as they do on a busy account, contradict nothing."""
    compared = reconciled({})
    for reading in range(2 * CONFIRMING_READINGS):
        compared.observe([view(f"M{reading % 2}", position="1", exposure="0")])
        assert compared.worst("position").size == -1
    assert not compared.contradictions()


def test_a_difference_that_counted_stands_after_a_restart_until_the_venue_answers() -> None:
    """What the snapshot names is in doubt at once; the first answer says whether it still is."""
    compared = reconciled(holding("buy yes 10 @ 0.40"))
    compared.restore({"position": {"M": Decimal(4)}})
    assert [(each.scope, each.at) for each in compared.contradictions()] == [("M", None)]
    compared.observe([view(position="6")])
    assert [(each.figure, each.difference, each.at) for each in compared.contradictions()] == [
        ("position", Decimal(4), NOW)
    ]
    compared.observe([view()])
    assert not compared.contradictions()


def test_settled_market_is_not_compared() -> None:
    """The venue may still list it for a moment, with figures of its own meaning."""
    books = holding("buy yes 10 @ 0.40")
    books["M"].settled = True
    compared = reconciled(books)
    compared.observe([view(exposure="9")])
    assert compared.worst("exposure").size == 0


def test_the_lot_rule_that_ties_is_reported() -> None:
    """Where the rules differ, the venue's exposure tells which one it follows."""
    books = holding("buy yes 10 @ 0.20", "buy yes 10 @ 0.60", "buy no 5 @ 0.50")
    compared = reconciled(books)
    compared.observe([view(position="15", exposure="7.00", realised="1.50")])
    assert compared.lot_rules() == (1, 0, 1)
    for _ in range(CONFIRMING_READINGS):
        compared.observe([view(position="15", exposure="7.00", realised="1.50")])
    assert set(compared.confirmed("exposure")) == {"M"}
    assert not compared.contradictions()  # by its own rule our figure is right
    compared.observe([view(position="15", exposure="6.00", realised="0.50")])
    assert compared.lot_rules() == (1, 1, 0)
    compared.observe([])
    assert compared.lot_rules() == (0, 0, 0)


def test_the_worst_is_that_of_the_differences_that_count_or_of_all() -> None:
    """Whatever came, changed or left since it was asked for last."""
    dice = random.Random(3)
    compared = reconciled({})
    views: dict[str, VenuePosition] = {}
    readings: dict[str, int] = {}
    for _ in range(300):
        scope = f"M{dice.randrange(6)}"
        views[scope] = view(scope, position=str(dice.randrange(-4, 5)), exposure=str(dice.randrange(3)))
        if dice.random() < 0.3:
            views.pop(dice.choice(list(views)))
        compared.observe(views.values())
        off = {scope: abs(each.position) for scope, each in views.items() if each.position}
        readings = {scope: readings.get(scope, 0) + 1 for scope in off}
        counting = {scope for scope, count in readings.items() if count >= CONFIRMING_READINGS} or off
        sizes = [(off[scope], scope) for scope in counting]
        size, worst = max(sizes, default=(Decimal(0), ""))
        found = compared.worst("position")
        assert (abs(found.size), found.scope) == (size, worst)
