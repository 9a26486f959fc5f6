"""What amounts and times are stated as: text, exact, and equal bytes for equal figures."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NewType, TypeAlias

from exporter.money import plain
from exporter.times import stamp

Usd = NewType("Usd", str)
"""Dollars."""
Contracts = NewType("Contracts", str)
"""A number of contracts."""
Ratio = NewType("Ratio", str)
"""A share, or one amount divided by another."""
Moment = NewType("Moment", str)
"""RFC 3339 with microseconds, UTC: text sorts as time does."""
Day = NewType("Day", str)
"""A date, such as 2026-11-22."""

Amount: TypeAlias = Usd | Contracts | Ratio

TIMES_KEPT = 256
"""All figures of a source are as of one time, and there are dozens: writing it is a third of stating one."""


def usd(amount: Decimal) -> Usd:
    """Return dollars as text."""
    return Usd(plain(amount))


def contracts(amount: Decimal) -> Contracts:
    """Return a number of contracts as text."""
    return Contracts(plain(amount))


def ratio(amount: Decimal) -> Ratio:
    """Return a share or a quotient as text."""
    return Ratio(plain(amount))


@lru_cache(TIMES_KEPT)
def moment(at: datetime) -> Moment:
    """Return a time as text."""
    return Moment(stamp(at))


def dated(on: date) -> Day:
    """Return a date as text."""
    return Day(on.isoformat())


def decimal(amount: Amount) -> Decimal:
    """Return the number that an amount states."""
    return Decimal(amount)
