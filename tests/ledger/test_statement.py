"""What a snapshot says: figures, grades with their reasons, and the proof before it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.errors import OutOfBalance
from exporter.ledger import SourceState
from exporter.ledger.journal import Entry
from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.records import VenuePosition
from exporter.snapshot import Cursor, Grade, Opening, from_json
from tests.builders import NOW, Books, balance, bill, fill, healthy, infos, mark, said, sale, told, usage

YESTERDAY = NOW - timedelta(days=1)


def stated(
    books: Books,
    sources: Mapping[str, SourceState] | None = None,
    openings: Mapping[str, Opening] | None = None,
) -> dict[str, Any]:
    """Return the snapshot of these books at NOW."""
    return told(
        books.ledger,
        now=NOW,
        cursor=Cursor("e", 1),
        sources=sources if sources is not None else healthy(),
        openings={"kalshi": openings or {}},
    )


def part(tree: dict[str, Any], name: str, window: str = "today") -> dict[str, Any]:
    """Return one component of a window, or its net."""
    shown = tree["windows"][window]
    found: dict[str, Any] = shown["net"] if name == "net" else shown["components"][name]
    return found


def test_components_sum_to_the_net_in_every_window() -> None:
    """Signed contributions; the sum is exact."""
    books = Books(
        fill("buy yes 10 @ 0.40 fee 0.07"),
        sale("12.345", fee="0.1"),
        usage(NOW.replace(hour=9), "0.000123"),
        bill(YESTERDAY.date(), "3.3333333"),
    )
    books.ledger.observe([mark(bid="0.55", ask="0.57")])
    for window in stated(books)["windows"].values():
        total = sum(Decimal(component["usd"]) for component in window["components"].values())
        assert Decimal(window["net"]["usd"]) == total


def test_no_null_anywhere() -> None:
    """A merge patch deletes on null, so a snapshot may hold none."""

    def nulls(value: Any) -> int:
        if isinstance(value, Mapping):
            return sum(map(nulls, value.values()))
        return int(value is None)

    missing = healthy(kalshi=SourceState(), sales=SourceState(error="timeout", sentence="x", since=NOW))
    assert nulls(stated(Books(fill("buy yes 1 @ 0.5")), missing)) == 0
    assert nulls(stated(Books())) == 0


def test_source_that_never_answered_is_missing_not_zero() -> None:
    """Its components have no figure, and neither has the net."""
    tree = stated(Books(sale("5")), healthy(anthropic=SourceState()))
    assert part(tree, "api_cost_billed") == {
        "grade": "missing",
        "because": [{"source": "anthropic", "code": "no_answer", "text": "no answer yet"}],
    }
    assert "usd" not in part(tree, "net")
    assert part(tree, "net")["grade"] == "missing"
    assert part(tree, "sales_gross")["usd"] == "5.00"


def test_source_that_is_switched_off_takes_no_part() -> None:
    """Off is not missing: a company without trading has a net."""
    sources = healthy()
    del sources["kalshi"]
    tree = stated(Books(sale("5"), sources=infos("anthropic", "sales")), sources)
    assert "trading_realised" not in tree["windows"]["today"]["components"]
    assert part(tree, "net")["usd"] == "5.00"
    assert "positions" not in tree


def test_failed_source_keeps_its_last_figure_while_its_age_grows() -> None:
    """Trouble alone changes no figure; past the freshness limit it is graded stale and says why."""
    old = NOW - timedelta(minutes=4)
    failing = SourceState(
        as_of=old,
        last_success=old,
        freshness=timedelta(minutes=5),
        error="timeout",
        sentence="It hung.",
        since=NOW,
    )
    tree = stated(Books(sale("5")), healthy(sales=failing))
    assert part(tree, "sales_gross") == {
        "usd": "5.00",
        "grade": "final",
        "as_of": "2026-11-22T11:56:00.000000Z",
    }
    assert tree["sources"]["sales"]["error"]["reason"] == "timeout"
    older = SourceState(
        as_of=old, freshness=timedelta(minutes=3), error="timeout", sentence="It hung.", since=NOW
    )
    stale = stated(Books(sale("5")), healthy(sales=older))
    assert part(stale, "sales_gross")["usd"] == "5.00"
    assert part(stale, "net")["grade"] == "stale"
    assert "sales: It hung." in said(part(stale, "net"))


def test_net_is_as_old_as_its_oldest_part() -> None:
    """The time a sum speaks of is the earliest of its parts."""
    early = NOW - timedelta(minutes=2)
    tree = stated(Books(), healthy(sales=SourceState(as_of=early)))
    assert part(tree, "net")["as_of"] == "2026-11-22T11:58:00.000000Z"


def test_missing_mark_leaves_position_unvalued_not_zero() -> None:
    """The position says missing; the sum over the others is partial and names it."""
    books = Books(fill("buy yes 10 @ 0.40 in A"), fill("buy no 10 @ 0.40 in B"))
    books.ledger.observe([mark("A", bid="0.50"), mark("B", bid="0.50")])
    tree = stated(books)
    assert tree["positions"]["A"]["unrealised"] == "1.00"
    assert tree["positions"]["B"] == {
        "source": "kalshi",
        "side": "no",
        "count": "10.00",
        "cost": "4.00",
        "grade": "missing",
    }
    change = part(tree, "trading_unrealised_change")
    assert change["usd"] == "1.00"
    assert change["grade"] == "partial"
    assert said(change) == ["kalshi: no mark for B"]


def test_no_mark_at_all_is_a_missing_figure() -> None:
    """Unknown is not zero."""
    tree = stated(Books(fill("buy yes 10 @ 0.40")))
    assert part(tree, "trading_unrealised_change")["grade"] == "missing"
    assert "usd" not in tree["unrealised"]


@pytest.mark.parametrize(
    ("rule", "side", "expected"),
    [
        ("bid", "yes", "0.50"),
        ("bid", "no", "0.44"),
        ("mid", "yes", "0.53"),
        ("mid", "no", "0.47"),
        ("last", "yes", "0.52"),
        ("last", "no", "0.48"),
    ],
)
def test_mark_rule_prices_the_side_held(rule: str, side: str, expected: str) -> None:
    """A NO position closes at one minus the YES ask."""
    books = Books(fill(f"buy {side} 10 @ 0.40"), rule=rule)
    books.ledger.observe([mark(bid="0.50", ask="0.56", last="0.52")])
    tree = stated(books)
    assert tree["positions"]["M"]["mark"] == expected
    assert tree["mark_rule"] == rule


def test_mark_that_is_not_confirmed_grows_stale_by_itself() -> None:
    """One market that drops out of the answers is named, the rest stays fresh."""
    books = Books(fill("buy yes 10 @ 0.40 in A"), fill("buy yes 10 @ 0.40 in B"))
    books.ledger.observe([mark("A", bid="0.50", at=NOW - timedelta(minutes=6)), mark("B", bid="0.50")])
    tree = stated(books)
    assert said(part(tree, "trading_unrealised_change")) == ["kalshi: old mark for A"]
    assert (tree["positions"]["A"]["grade"], tree["positions"]["B"]["grade"]) == ("stale", "final")


def test_closed_position_leaves_nothing_behind() -> None:
    """Neither a row nor a share of the unrealised sum."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.ledger.observe([mark(bid="0.50")])
    books.book(fill("buy no 10 @ 0.45", at=NOW))
    tree = stated(books)
    assert tree["positions"] == {}
    assert tree["unrealised"]["usd"] == "0.00"
    assert part(tree, "trading_realised")["usd"] == "1.50"


def test_position_opened_inside_the_window_needs_no_opening_value() -> None:
    """Nothing was open at midnight, so the unrealised P&L there is known: zero."""
    books = Books(fill("buy yes 10 @ 0.40", at=NOW - timedelta(hours=1)))
    books.ledger.observe([mark(bid="0.50")])
    assert books.ledger.openings_needed(NOW) == {"kalshi": {}}
    assert part(stated(books), "trading_unrealised_change")["grade"] == "final"


def held_since_yesterday() -> Books:
    books = Books(fill("buy yes 10 @ 0.40", at=YESTERDAY))
    books.ledger.observe([mark(bid="0.50")])
    return books


def test_change_in_unrealised_is_measured_from_the_windows_start() -> None:
    """Yesterday's gain is not made again today."""
    books = held_since_yesterday()
    start = books.ledger.openings_needed(NOW)["kalshi"]["today"]
    opening = Opening(Decimal("0.70"), start - timedelta(seconds=5), Grade.FINAL)
    change = part(stated(books, openings={"today": opening}), "trading_unrealised_change")
    assert (change["usd"], change["grade"]) == ("0.30", "final")


@pytest.mark.parametrize(
    ("shift", "grade"),
    [(timedelta(hours=2), Grade.FINAL), (timedelta(hours=-2), Grade.FINAL), (timedelta(), Grade.PARTIAL)],
)
def test_opening_value_from_another_time_or_of_low_grade_makes_the_window_partial(
    shift: timedelta, grade: Grade
) -> None:
    """The earliest known value stands in where history does not reach, and the figure says so."""
    books = held_since_yesterday()
    start = books.ledger.openings_needed(NOW)["kalshi"]["today"]
    opening = Opening(Decimal("0.70"), start + shift, grade)
    change = part(stated(books, openings={"today": opening}), "trading_unrealised_change")
    assert (change["usd"], change["grade"]) == ("0.30", "partial")


def test_without_any_opening_value_the_window_is_partial() -> None:
    """The value of now is the earliest known one and stands in, so nothing has changed yet."""
    change = part(stated(held_since_yesterday()), "trading_unrealised_change")
    assert (change["usd"], change["grade"]) == ("0.00", "partial")


def test_estimate_is_not_called_final_and_unpriced_usage_is_named() -> None:
    """Today is estimated; tokens without a price make it partial, never cheaper in silence."""
    priced = Books(usage(NOW.replace(hour=9), "2.00"))
    assert part(stated(priced), "api_cost_estimated")["grade"] == "estimated"
    assert part(stated(priced), "net")["grade"] == "estimated"
    unpriced = Books(usage(NOW.replace(hour=9), None, model="claude-next", tokens=1234))
    cost = part(stated(unpriced), "api_cost_estimated")
    assert cost["grade"] == "partial"
    assert "anthropic: 1,234 tokens of claude-next have no price" in said(cost)


def test_tier_without_a_price_is_named_because_it_is_the_reason() -> None:
    """The model has a price, its priority tier has none."""
    books = Books(usage(NOW.replace(hour=9), None, tier="priority", tokens=7))
    because = said(part(stated(books), "api_cost_estimated"))
    assert "anthropic: 7 tokens of claude-sonnet-5-5 (priority tier) have no price" in because


def test_a_bill_that_may_still_change_is_estimated_and_settles_after_a_day() -> None:
    """The day before yesterday is final, yesterday is not yet."""
    young = part(stated(Books(bill(YESTERDAY.date(), "3"))), "api_cost_billed", "mtd")
    assert young["grade"] == "estimated"
    assert young["usd"] == "-3.00"
    old = Books(bill((NOW - timedelta(days=5)).date(), "3"))
    old.ledger.forget_settled(NOW)
    assert part(stated(old), "api_cost_billed", "mtd")["grade"] == "final"


def test_checks_show_cash_and_positions_that_do_not_tie() -> None:
    """The venue's own view is compared with ours, and the worst difference is named."""
    books = Books(fill("buy yes 10 @ 0.40 fee 0.10"))
    venue = VenuePosition(
        source="kalshi",
        ticker="M",
        subaccount=0,
        position=Decimal(10),
        exposure=Decimal("4.00"),
        realised=Decimal(0),
        fees=Decimal("0.10"),
        at=NOW,
    )
    books.ledger.observe([balance("-4.10"), venue])
    checks = stated(books)["checks"]
    assert checks["cash"] == {"ok": True, "usd": "0.00"}
    assert checks["position"] == {"ok": True, "contracts": "0.00"}
    books.book(fill("buy yes 1 @ 0.50 fee 0.02", at=NOW + timedelta(seconds=1)))
    books.observe_steadily([balance("-4.10"), venue])
    checks = stated(books)["checks"]
    assert (checks["cash"]["ok"], checks["cash"]["usd"]) == (False, "0.52")
    where = "the largest difference is in M"
    held = {"detail": where, "doubts": ["trading_unrealised_change"]}
    assert checks["position"] == {"ok": False, "contracts": "1.00", "markets": {"M": "1.00"}, **held}
    assert checks["exposure"] == {"ok": False, "usd": "0.50", "markets": {"M": "0.50"}, **held}
    assert checks["realised"]["ok"]


def test_difference_that_the_next_reading_takes_back_fails_no_check() -> None:
    """A fill between two lists is shown as a difference, and counts only when it stays."""
    books = Books(fill("buy yes 10 @ 0.40 fee 0.10"))

    def reading(cash: str) -> dict[str, Any]:
        books.ledger.observe([balance(cash)])
        return stated(books)["checks"]["cash"]

    for _ in range(CONFIRMING_READINGS - 1):
        moving = reading("-4.62")
        assert (moving["ok"], moving["usd"]) == (True, "-0.52")
        assert moving["detail"].endswith("; it counts after 3 readings in a row")
    assert reading("-4.10") == {"ok": True, "usd": "0.00"}
    assert reading("-4.62")["ok"], "what tied in between is counted from the beginning"
    for _ in range(CONFIRMING_READINGS - 1):
        staying = reading("-4.62")
    assert not staying["ok"]
    assert "it counts" not in staying["detail"]


def test_check_that_failed_before_a_restart_fails_after_it() -> None:
    """An alert is not taken back because the exporter was started anew."""
    books = Books(fill("buy yes 10 @ 0.40 fee 0.10"))
    books.observe_steadily([balance("-4.62")])
    before = stated(books)
    again = Books(fill("buy yes 10 @ 0.40 fee 0.10"))
    again.ledger.restore(from_json(before))
    assert not stated(again)["checks"]["cash"]["ok"]


def test_books_out_of_balance_are_refused() -> None:
    """A snapshot that does not prove is never shown."""
    books = Books(sale("5"))
    books.shop.journal.balances["receivable"] += 1
    with pytest.raises(OutOfBalance, match="out of balance by 1"):
        stated(books)


def test_timeline_that_disagrees_with_its_account_is_refused() -> None:
    """The moving sums are proved against double entry each time."""
    books = Books(sale("5"))
    books.shop.journal.timelines["sales_gross"].add(0, Decimal("0.01"))
    with pytest.raises(OutOfBalance, match="sales_gross"):
        stated(books)


def test_entry_that_does_not_sum_to_zero_is_not_booked() -> None:
    """Double entry is enforced where it is written."""
    books = Books()
    with pytest.raises(Exception, match="does not sum to zero"):
        books.shop.journal.post([Entry(0, {"receivable": Decimal(1)})])
    assert books.shop.journal.balances == {}


def test_restart_keeps_marks_and_cash_of_the_last_snapshot() -> None:
    """What is not in the records comes back from the snapshot, with its age."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.ledger.observe([mark(bid="0.50"), balance("96.00", "5.00")])
    before = stated(books)
    again = Books(fill("buy yes 10 @ 0.40"))
    again.ledger.restore(from_json(before))
    after = stated(again)
    assert after["positions"] == before["positions"]
    assert after["unrealised"] == before["unrealised"]
    assert after["accounts"] == before["accounts"]
