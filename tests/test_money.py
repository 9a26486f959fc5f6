"""Exact dollars at the edge."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.money import parse_cent_string, parse_cents, parse_dollars, plain


@given(st.integers(-(10**15), 10**15), st.integers(0, 12))
def test_plain_text_reads_back_to_the_same_amount(digits: int, decimals: int) -> None:
    """Every digit survives, no exponent appears, at least two decimals are shown."""
    amount = Decimal(digits).scaleb(-decimals)
    text = plain(amount)
    assert Decimal(text) == amount
    assert "E" not in text
    assert len(text.partition(".")[2]) >= 2


@pytest.mark.parametrize(
    ("amount", "text"), [("0E-8", "0.00"), ("-0", "0.00"), ("1.500", "1.50"), ("1E3", "1000.00")]
)
def test_equal_amounts_give_equal_text(amount: str, text: str) -> None:
    """A delta must not carry a figure that only changed its zeros."""
    assert plain(Decimal(amount)) == text


@pytest.mark.parametrize(
    "text",
    [1, 1.5, None, True, "", " 1", "1e3", "NaN", "Infinity", "1,5", "0x1", "1" * 19, "0." + "1" * 13, "१"],
)
def test_what_is_not_a_plain_decimal_string_is_refused(text: object) -> None:
    """A JSON number has been a float; a wild text is no money."""
    with pytest.raises(ValueError, match=r"must be|out of range"):
        parse_dollars(text)


def test_cents_are_divided_once() -> None:
    """Whole cents and decimal strings of cents become dollars."""
    assert parse_cents(10008) == Decimal("100.08")
    assert parse_cent_string("532.5") == Decimal("5.325")
    assert parse_cent_string("-4.5E1") == Decimal("-0.45")
    assert parse_cent_string("40.922816") == Decimal("0.40922816")
    assert parse_cent_string("33.33333333333") == Decimal("0.3333333333333")


@pytest.mark.parametrize("cents", [True, "1", 1.0, None])
def test_cents_that_are_not_whole_numbers_are_refused(cents: object) -> None:
    """True is not one cent."""
    with pytest.raises(ValueError, match="whole number"):
        parse_cents(cents)


@pytest.mark.parametrize("text", [532, 532.5, None, "", " 1", "1,5", "NaN", "1E", "0x1"])
def test_a_text_that_is_no_decimal_of_cents_is_refused(text: object) -> None:
    """The cost report states strings; a number has been a float."""
    with pytest.raises(ValueError, match="decimal string of cents"):
        parse_cent_string(text)


def test_money_that_is_a_float_is_refused() -> None:
    """Floats exist only at the Prometheus edge."""
    with pytest.raises(TypeError):
        plain(1.5)  # type: ignore[arg-type]
