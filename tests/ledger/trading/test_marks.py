"""The price of one contract: by each rule, for either side, and none where nobody says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from exporter.ledger.trading.equity import worth
from exporter.ledger.trading.marks import MarkRule, price
from exporter.ledger.trading.positions import replay
from exporter.records import Side
from tests.builders import NOW, fill, mark


@pytest.mark.parametrize(
    ("rule", "side", "usd"),
    [
        ("bid", "yes", "0.40"),
        ("bid", "no", "0.50"),
        ("mid", "yes", "0.45"),
        ("mid", "no", "0.55"),
        ("last", "yes", "0.44"),
        ("last", "no", "0.56"),
    ],
)
def test_each_rule_has_a_price_for_each_side(rule: MarkRule, side: Side, usd: str) -> None:
    """A NO contract is worth one minus what the other side of YES says."""
    assert price(mark(bid="0.40", ask="0.50", last="0.44"), side, rule) == Decimal(usd)


@pytest.mark.parametrize(
    ("rule", "side", "bid", "ask"),
    [
        ("bid", "yes", "", "0.50"),
        ("bid", "no", "0.40", ""),
        ("mid", "yes", "0.40", ""),
        ("mid", "no", "", "0.50"),
    ],
)
def test_a_side_that_nobody_quotes_has_no_price(rule: MarkRule, side: Side, bid: str, ask: str) -> None:
    """It is unmarked, not worth zero."""
    assert price(mark(bid=bid, ask=ask), side, rule) is None


def test_a_market_that_has_resolved_is_worth_what_it_pays() -> None:
    """By every rule, whatever the quotes say."""
    resolved = replace(mark(bid="0.40", ask="0.50"), settled_value=Decimal(1))
    assert [price(resolved, "yes", rule) for rule in ("bid", "mid", "last")] == [1, 1, 1]
    assert price(resolved, "no", "bid") == 0


def test_a_price_that_was_kept_stands_in_where_nothing_was_quoted() -> None:
    """After a restart, before the first quotes: ten contracts at 0.60."""
    book, _ = replay("M", [fill("buy yes 10 @ 0.40", at=NOW)])
    assert worth(book, None, Decimal("0.60")).usd == Decimal("6.00")
    assert worth(book, None, None).usd == book.cost
