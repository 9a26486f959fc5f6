"""Settings that hold more than a word: each wrong entry is a sentence that quotes it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from exporter.settings.entries import (
    StatedCash,
    calendar_day,
    origin,
    separated,
    stated_cash,
    workspace_budget,
)


def test_an_entry_is_read() -> None:
    """As the documentation has it."""
    assert stated_cash("2026-11-01 interest 12.34") == StatedCash(
        date(2026, 11, 1), "interest", Decimal("12.34")
    )
    assert workspace_budget("wrkspc_01Abc = 250") == ("wrkspc_01Abc", Decimal(250))
    assert calendar_day("2026-11-01") == date(2026, 11, 1)


def test_what_has_been_read_already_is_taken_as_it_is() -> None:
    """Whoever builds settings in a program gives values, not texts."""
    cash = StatedCash(date(2026, 11, 1), "interest", Decimal("12.34"))
    assert stated_cash(cash) is cash
    assert workspace_budget(("default", Decimal(5))) == ("default", Decimal(5))
    assert calendar_day(date(2026, 11, 1)) == date(2026, 11, 1)
    assert separated(",")(("a", "b")) == ("a", "b")


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-31", "1.11.2026", ""])
def test_a_day_that_is_none_is_quoted(text: str) -> None:
    """With an example of one that is."""
    with pytest.raises(ValueError, match=f'^"{text}" is no day such as 2026-11-01$'):
        calendar_day(text)


@pytest.mark.parametrize("text", ["2026-11-01 12.34", "2026-11-01 bank interest 12.34", "12.34"])
def test_cash_is_a_day_a_word_and_dollars(text: str) -> None:
    """Anything else is quoted whole."""
    with pytest.raises(ValueError, match=f'^"{text}" is not a day, what it was, and dollars$'):
        stated_cash(text)


def test_a_list_may_have_holes_and_blanks() -> None:
    """A comma at its end is no empty entry."""
    assert separated(",")(" kalshi, ,sales,") == ("kalshi", "sales")
    assert separated(",;")("a;b,c") == ("a", "b", "c")


@pytest.mark.parametrize("text", ["https://example.com", "https://example.com/", "http://127.0.0.1:8000"])
def test_an_origin_has_no_path(text: str) -> None:
    """The slash that people put behind it does not count."""
    assert origin(text) == text.rstrip("/")


@pytest.mark.parametrize("text", ["example.com", "https://example.com/page", "ftp://example.com", "*"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    """A browser would never send it."""
    with pytest.raises(ValueError, match="must be a list of origins"):
        origin(text)
