"""Exact dollars: read from upstream text, kept as Decimal, shown as plain text.

Unit:   US dollars everywhere past the edge; cents are divided once, here.
Bound:  18 significant digits and 12 decimals for what comes in, 20 of a bill. Venue figures have 6, bills
        up to 13. A price times a count of contracts, each as long as it may be, has 36 digits on both sides
        of the point and 24 decimals; summed a thousand million times it stays exact in PRECISION digits.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, DefaultContext, getcontext

PRECISION = 80
"""Digits that arithmetic keeps. Decimal's own 28 would round the sum of two amounts within the bound."""

DefaultContext.prec = PRECISION  # of every thread that begins from now on
getcontext().prec = PRECISION

ZERO = Decimal(0)
MICRO = Decimal("0.000001")
"""The venue's own quantum: a price of 4 decimals times a count of 2."""

MAX_DIGITS = 18
MAX_DECIMALS = 12
MAX_BILL_DECIMALS = 20
"""Decimals of a bill's line, 18 of a cent: what a service shares out may end anywhere; it is only summed."""

_PLAIN = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_EXPONENT = re.compile(r"-?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,2})?", re.ASCII)


def parse_dollars(text: object) -> Decimal:
    """Return the dollars a decimal string states, exactly.

    Raises ValueError for anything but a plain decimal string within the bound: a JSON number
    would already have passed through a float.
    """
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise ValueError("must be a decimal string")
    # So short a text cannot be out of bounds; a first reading parses millions of them.
    return Decimal(text) if len(text) <= MAX_DECIMALS else _bounded(Decimal(text))


def parse_cents(cents: object) -> Decimal:
    """Return dollars from a whole number of cents (a JSON integer)."""
    if isinstance(cents, bool) or not isinstance(cents, int):
        raise ValueError("must be a whole number of cents")
    return _bounded(Decimal(cents).scaleb(-2))


def parse_cent_string(text: object) -> Decimal:
    """Return dollars from a decimal string of cents; a sign and an exponent are allowed.

    The cost report states "532.5" for USD 5.325.
    """
    if not isinstance(text, str) or not _EXPONENT.fullmatch(text):
        raise ValueError("must be a decimal string of cents")
    return _bounded(Decimal(text).scaleb(-2), MAX_BILL_DECIMALS)


def to_micro(amount: Decimal) -> Decimal:
    """Round to the micro-dollar, half to even; only for shares of a cost, never for a booked amount."""
    return amount.quantize(MICRO, rounding=ROUND_HALF_EVEN)


def plain(amount: Decimal) -> str:
    """Return the amount as text without exponent, every digit kept, at least two decimals.

    Equal amounts give equal text, so that a delta carries only what moved.
    """
    if not isinstance(amount, Decimal):
        raise TypeError(f"money is Decimal, not {type(amount).__name__}")
    text = format(amount, "f")
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0").ljust(2, "0")
    shown = f"{whole}.{decimals}"
    return "0.00" if shown == "-0.00" else shown


def _bounded(amount: Decimal, decimals: int = MAX_DECIMALS) -> Decimal:
    _, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int) or len(digits) > MAX_DIGITS or abs(exponent) > decimals:
        raise ValueError("is out of range")
    return amount
