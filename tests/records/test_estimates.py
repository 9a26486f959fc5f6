"""What usage was estimated at, in the rows of its bill."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from exporter.records.estimates import estimates
from tests.builders import NOW, usage


def test_a_model_without_a_price_has_tokens_and_no_cost() -> None:
    """It is no row of zero dollars: the bill will have an amount there."""
    priced = usage(NOW, "2.00")
    unpriced = usage(NOW, None, model="claude-new", tokens=700)
    unknown, known = estimates([priced, unpriced, unpriced])
    assert (known.name, known.cost, known.unpriced) == ("claude-sonnet-5-5", Decimal("2.00"), 0)
    assert (unknown.name, unknown.cost, unknown.high, unknown.unpriced) == ("claude-new", None, None, 1400)


def test_web_searches_are_a_row_of_their_own() -> None:
    """As they are on the bill, and the rows sum to the estimate."""
    [line] = usage(NOW, "2.00").lines
    costs = (("output_tokens", Decimal("1.50")), ("web_search", Decimal("0.50")))
    hour = replace(usage(NOW, "2.00"), lines=(replace(line, web_searches=50, costs=costs),))
    tokens, searches = estimates([hour, hour])
    assert (tokens.name, tokens.cost, tokens.high) == ("claude-sonnet-5-5", Decimal("3.00"), Decimal("3.00"))
    assert (searches.name, searches.cost, searches.high) == ("web_search", Decimal("1.00"), Decimal("1.00"))


def test_tokens_of_a_new_kind_have_no_price_beside_those_that_have() -> None:
    """The line's cost stands, and what is unknown of it is said."""
    hour = usage(NOW, "2.00", model="m", tokens=10)
    odd = replace(hour, lines=(replace(hour.lines[0], unknown=(("ephemeral_24h", 900),)),))
    (row,) = [row for row in estimates([odd]) if row.name == "m"]
    assert (row.cost, row.unpriced) == (Decimal("2.00"), 900)
