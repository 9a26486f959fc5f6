"""What has not changed is not made anew: the work of a reading is that of what moved."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from exporter.ledger.book import AHEAD
from exporter.ledger.trading.portfolio import Portfolio
from exporter.records import Change, Fill, Mark, Settlement
from exporter.snapshot.texts import moment
from exporter.snapshot.tree import Position

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def bought(ticker: str = "T", number: int = 1) -> Fill:
    return Fill(
        source="kalshi",
        fill_id=f"f{number}",
        ticker=ticker,
        subaccount=0,
        side="yes",
        count=Decimal(10),
        price=Decimal("0.40"),
        fee=Decimal("0.10"),
        at=AT,
    )


def quoted(bid: str, seconds: int = 0, ticker: str = "T") -> Mark:
    return Mark(
        source="kalshi",
        ticker=ticker,
        yes_bid=Decimal(bid),
        yes_ask=None,
        last=None,
        settled_value=None,
        at=AT + timedelta(seconds=seconds),
    )


def holding(*tickers: str) -> Portfolio:
    portfolio = Portfolio("kalshi", "bid")
    for number, ticker in enumerate(tickers):
        fill = bought(ticker, number)
        portfolio.apply(Change(None, fill), fill)
        portfolio.observe_mark(quoted("0.50", ticker=ticker))
    portfolio.refresh()
    return portfolio


def test_a_price_that_has_not_moved_leaves_the_position_as_it_is_and_confirms_it() -> None:
    """The shown position is the same object, and its mark is as fresh as the last quote."""
    portfolio = holding("T")
    before = portfolio.positions["T"]
    portfolio.observe_mark(quoted("0.50", seconds=100))
    assert portfolio.positions["T"] is before
    assert portfolio.value(AT + timedelta(seconds=130), timedelta(seconds=60)).old == ()


def test_a_price_that_moved_is_shown_and_only_there() -> None:
    """One market's quote touches no other position."""
    portfolio = holding("T", "U")
    other = portfolio.positions["U"]
    portfolio.observe_mark(quoted("0.60", seconds=100))
    assert portfolio.positions["T"].unrealised == "2.00"
    assert portfolio.positions["U"] is other
    assert portfolio.value(AT, timedelta(days=1)).usd == Decimal(3)


def test_a_stale_position_is_the_same_object_until_it_changes() -> None:
    """An outage does not make every heartbeat compare all positions again."""
    portfolio = holding("T", "U")
    first = portfolio.shown(["T"])
    assert first["T"].grade == "stale"
    assert first["U"].grade == "final"
    assert portfolio.shown(["T"])["T"] is first["T"]
    portfolio.observe_mark(quoted("0.60", seconds=1))
    assert portfolio.shown(["T"])["T"].mark == "0.60"
    assert portfolio.shown([])["T"].grade == "final"


def test_a_settled_book_keeps_only_what_is_asked_of_it_later() -> None:
    """Thousands of settled markets stay in memory; a late event is replayed from the records."""
    portfolio = holding("T")
    row = Settlement(
        source="kalshi",
        ticker="T",
        subaccount=0,
        result="yes",
        yes_count=Decimal(10),
        yes_cost=Decimal(4),
        no_count=Decimal(0),
        no_cost=Decimal(0),
        payout=Decimal(10),
        value=Decimal(1),
        fee=Decimal(0),
        at=AT + timedelta(hours=1),
    )
    portfolio.apply(Change(None, row), row)
    portfolio.refresh()
    assert portfolio.books["T"].realised == 6
    assert portfolio.books["T"].yes_count == 0
    assert "T" not in portfolio.positions
    late = bought("T", 2)
    assert portfolio.apply(Change(None, late), late) == []
    assert "T" in portfolio.late


def test_the_largest_position_is_the_one_that_cost_most_now() -> None:
    """Another one grows past it, it shrinks, it closes: never a remembered one."""
    portfolio = holding("T", "U")

    def largest() -> str | None:
        book = portfolio.largest()
        return None if book is None else book.scope

    def trade(ticker: str, side: str, count: str, number: int) -> None:
        fill = replace(
            bought(ticker, number), side=side, count=Decimal(count), at=AT + timedelta(seconds=number)
        )
        portfolio.apply(Change(None, fill), fill)
        portfolio.refresh()

    assert largest() == "U"
    trade("T", "yes", "1", 11)
    assert largest() == "T"
    trade("T", "no", "5", 12)
    assert largest() == "U"
    trade("U", "no", "10", 13)
    assert largest() == "T"
    trade("T", "no", "6", 14)
    assert largest() is None


def test_quotes_that_no_longer_name_a_price_do_not_confirm_the_last_one() -> None:
    """Nor do later ones that say just as little: the price grows old from when it was last seen."""
    portfolio = holding("T")
    silent = replace(quoted("0.50"), yes_bid=None)
    for seconds in (100, 200):
        portfolio.observe_mark(replace(silent, at=AT + timedelta(seconds=seconds)))
    assert portfolio.value(AT + timedelta(seconds=130), timedelta(seconds=60)).old == ("T",)


def test_a_position_that_changes_sides_is_not_valued_at_the_other_sides_price() -> None:
    """Fifteen NO against ten YES leave five NO, which nobody quotes: no mark, not YES's."""
    portfolio = holding("T")
    fill = replace(bought("T", 7), side="no", count=Decimal(15), at=AT + timedelta(seconds=1))
    portfolio.apply(Change(None, fill), fill)
    portfolio.refresh()
    assert portfolio.positions["T"].side == "no"
    assert portfolio.positions["T"].grade == "missing"


def test_what_is_remembered_is_what_looking_at_everything_finds() -> None:
    """Old prices, those ahead, and the largest position, through quotes of any time, trades and silence."""
    dice = random.Random(7)
    tickers = [f"T{number}" for number in range(8)]
    portfolio = holding(*tickers)
    confirmed = dict.fromkeys(tickers, AT)
    for number in range(600):
        ticker, seconds = dice.choice(tickers), dice.randrange(600)
        if dice.random() < 0.3:
            fill = replace(
                bought(ticker, 100 + number),
                side=dice.choice(("yes", "no")),
                count=Decimal(dice.randrange(1, 9)),
                at=AT + timedelta(seconds=number + 1),
            )
            portfolio.apply(Change(None, fill), fill)
            portfolio.refresh()
        else:
            portfolio.observe_mark(quoted(dice.choice(("0.50", "0.60")), seconds, ticker))
        for scope, price in portfolio._prices.items():
            confirmed[scope] = price.quotes.at if price.quotes is not None else price.since
        now = AT + timedelta(seconds=dice.randrange(700))
        old = portfolio.value(now, timedelta(seconds=60)).old
        valued = portfolio._unrealised.keys()
        fresh = {t for t in valued if now - timedelta(seconds=60) <= confirmed[t] <= now + AHEAD}
        assert set(old) == valued - fresh
        costs = [(book.cost, scope) for scope, book in portfolio.books.items() if book.position]
        largest = portfolio.largest()
        assert (largest.cost, largest.scope) == max(costs) if largest is not None else not costs


def test_the_kept_price_of_a_market_that_was_left_is_shown_of_no_position() -> None:
    """It was sold while nobody looked; entered anew it has no mark until one is quoted."""
    again = Portfolio("kalshi", "bid")
    again.restore(holding("T").positions)
    again.refresh()
    assert (again.tickers, again.positions) == (set(), {})
    fill = bought("T")
    again.apply(Change(None, fill), fill)
    again.refresh()
    assert again.tickers == {"T"}
    assert again.positions["T"].mark is None


def test_a_price_of_before_a_restart_stays_as_old_as_it_was_when_the_clock_is_set() -> None:
    """It has no quotes behind it yet, and is dated anew like the others."""
    portfolio = Portfolio("kalshi", "bid")
    shown = Position(
        source="kalshi", side="yes", count="1", cost="0.40", grade="final", mark="0.50", as_of=moment(AT)
    )
    portfolio.apply(Change(None, bought()), bought())
    portfolio.refresh()
    portfolio.restore({"T": shown})
    portfolio.stepped(timedelta(hours=1))
    assert portfolio._prices["T"].since == AT + timedelta(hours=1)
