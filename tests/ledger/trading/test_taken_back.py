"""Fills that the venue has taken back, and markets that are asked for because it contradicts us."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS, Standing
from exporter.records import VenuePosition
from exporter.snapshot import Grade
from tests.builders import NOW, Books, balance, fill, mark, settlement

D = Decimal
LATER = NOW + timedelta(hours=1)


def view(position: str, exposure: str, realised: str = "0") -> VenuePosition:
    """Return the venue's row of the market M."""
    return VenuePosition(
        source="kalshi",
        ticker="M",
        subaccount=0,
        position=D(position),
        exposure=D(exposure),
        realised=D(realised),
        fees=D(0),
        at=NOW,
    )


def test_a_fill_that_was_taken_back_counts_no_more() -> None:
    """As a change of one that was booked, and in the replay of a start, where nothing of it was."""
    kept, busted = fill("buy yes 10 @ 0.40"), fill("buy yes 3 @ 0.45", at=LATER)
    books = Books(kept, busted)
    books.book(replace(busted, voided=True))
    assert books.venue.portfolio.books["M"].position == 10
    again = Books(kept, replace(busted, voided=True))
    assert again.balances == books.balances
    books.book(replace(kept, voided=True))
    assert books.venue.portfolio.books["M"].position == 0
    books.book(kept, busted)  # it is listed after all
    assert books.venue.portfolio.books["M"].position == 13


def test_a_market_would_tie_without_what_is_gone_or_it_would_not() -> None:
    """By the venue's row, whichever lot rule that goes by; by nothing at all where it has none."""
    kept, busted = fill("buy yes 10 @ 0.40"), fill("buy yes 3 @ 0.45", at=LATER)
    books = Books(kept, busted)
    portfolio = books.venue.portfolio
    assert not portfolio.would_tie("M", [kept])  # the venue has not spoken yet
    books.ledger.observe([balance("0"), view("10", "4.00")])
    assert portfolio.would_tie("M", [kept])
    assert not portfolio.would_tie("M", [kept, busted])
    books.ledger.observe([balance("0")])
    assert portfolio.would_tie("M", [replace(kept, voided=True)])
    assert not portfolio.would_tie("M", [kept])


def test_a_settled_market_would_tie_by_what_its_settlement_counts() -> None:
    """It is not among the positions any more."""
    kept, busted = fill("buy yes 10 @ 0.40"), fill("buy yes 3 @ 0.45", at=LATER)
    row = settlement("10 / 4", "0 / 0", "yes", "10", at=LATER)
    portfolio = Books(kept, busted, row).venue.portfolio
    assert portfolio.would_tie("M", [kept, row])
    assert not portfolio.would_tie("M", [kept, busted, row])


def test_markets_in_question_are_those_with_rows_that_explain_nothing() -> None:
    """A settlement that counts less than our fills, and what the venue has contradicted for long enough."""
    odd = fill("buy yes 3 @ 0.45 in ODD")
    books = Books(fill("buy yes 10 @ 0.40"), odd, settlement("1 / 0.4", "0 / 0", "yes", "1", ticker="ODD"))
    assert books.venue.in_question() == {"ODD"}
    books.observe_steadily([balance("0"), view("6", "2.40", "1.20")])
    assert books.venue.in_question() == {"ODD", "M"}


def test_what_the_venue_contradicts_is_partial_in_the_windows_that_rest_on_it() -> None:
    """Realised and fees from before its row last changed; what is held in all of them."""
    books = Books(fill("buy yes 10 @ 0.40", at=NOW - timedelta(days=3)))
    books.ledger.observe([mark(bid="0.50", ask="0.52")])
    row = replace(view("6", "2.40", "1.20"), at=NOW - timedelta(days=2), fees=D("0.10"))
    books.observe_steadily([balance("-4"), row])
    stated = books.figures()
    for component in ("trading_realised", "trading_fees"):
        assert stated["today"].components[component].grade is Grade.FINAL
        assert stated["7d"].components[component].grade is Grade.PARTIAL
    assert {
        stated[name].components["trading_unrealised_change"].grade for name in ("today", "7d", "all")
    } == {Grade.PARTIAL}
    assert {reason.code for reason in stated["7d"].components["trading_fees"].because} == {"contradicted"}


def test_a_value_of_the_positions_that_differs_by_more_than_cash_is_in_doubt() -> None:
    """The equity fails, and the cash ties."""
    books = Books(fill("buy yes 10 @ 0.40"))
    books.observe_steadily(
        [mark(bid="0.50", ask="0.52", last="0.51"), balance("-4", "20"), view("10", "4.00")]
    )
    figure = books.figures()["all"].components["trading_unrealised_change"]
    assert (figure.grade, [reason.code for reason in figure.because]) == (Grade.PARTIAL, ["contradicted"])
    assert books.figures()["all"].components["trading_realised"].grade is Grade.FINAL


def test_what_cash_is_off_by_stands_since_it_was_that_much_for_the_first_time() -> None:
    """A value between two readings moves nothing; another one that stays does; zero ends it."""
    off, times = Standing(), [NOW + timedelta(seconds=10 * number) for number in range(9)]
    off.take(D(0), times[0])
    assert off.since is None
    for size, at in zip((1, 1, 3, 1, 1), times[:5], strict=True):
        off.take(D(size), at)
        assert off.since == times[0]
    for at in times[5 : 5 + CONFIRMING_READINGS]:
        off.take(D(2), at)
    assert off.since == times[5]
    off.stepped(timedelta(hours=1))
    assert off.since == times[5] + timedelta(hours=1)
    off.take(D(0), times[8])
    off.stepped(timedelta(hours=1))
    assert off.since is None
