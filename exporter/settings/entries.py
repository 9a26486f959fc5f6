"""What an entry of a setting looks like, for those that hold more than a word or a number.

Every function raises ValueError with a sentence that quotes what was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_DOLLARS = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_CASH = re.compile(r"-?\d{1,9}(\.\d{1,4})?", re.ASCII)


class StatedCash(NamedTuple):
    """Cash that the user read off the venue's statement, because no list of the venue has it."""

    day: date
    kind: str
    usd: Decimal


def stated_cash(text: Any) -> Any:
    """Read `2026-11-01 interest 12.34`."""
    if not isinstance(text, str):
        return text
    words = text.split()
    if len(words) != 3:
        raise ValueError(f'"{text}" is not a day, what it was, and dollars')
    day, kind, usd = words
    if not _CASH.fullmatch(usd) or not Decimal(usd):
        raise ValueError(f'"{usd}" in "{text}" is no amount such as 12.34, or -12.34 for cash that was taken')
    return StatedCash(calendar_day(day), kind, Decimal(usd))


def workspace_budget(text: Any) -> Any:
    """Return a workspace and its budget from `wrkspc_01Abc=250`."""
    if not isinstance(text, str):
        return text
    workspace, _, amount = (part.strip() for part in text.partition("="))
    if not workspace or not _DOLLARS.fullmatch(amount) or not Decimal(amount):
        raise ValueError(f'"{text}" is not a workspace and its budget in dollars, such as wrkspc_01Abc=250')
    return workspace, Decimal(amount)


def calendar_day(text: Any) -> Any:
    """Return a date from `2026-11-01`."""
    if not isinstance(text, str):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is no day such as 2026-11-01') from None


def origin(text: str) -> str:
    """Return a web site's origin, without the slash that people put behind it."""
    stated = text.rstrip("/")
    parts = urlsplit(stated)
    if parts.scheme not in ("http", "https") or stated != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("must be a list of origins such as https://example.com, without a path")
    return stated


def separated(by: str) -> Callable[[Any], Any]:
    """Return what takes a text apart at any of the characters `by`; entries that are empty do not count."""

    def split(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        return tuple(entry for part in re.split(f"[{by}]", text) if (entry := part.strip()))

    return split
