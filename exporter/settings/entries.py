"""What an entry of a setting looks like, for those that hold more than a word or a number.

Every function raises ValueError with a sentence that quotes what was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_DOLLARS = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_HOST = re.compile(r"[0-9a-z_-]{1,63}(?:\.[0-9a-z_-]{1,63})*\.?|[0-9a-f:.]*:[0-9a-f:.]*(?:%[0-9a-z]+)?")
"""A host name as urlsplit returns it, in small letters, or an IPv6 address without its brackets."""

_BARE = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+|\[[0-9a-f:]+\])(:\d+)?(/|$)", re.ASCII | re.IGNORECASE)
"""A host and perhaps a port, without what should stand before it."""

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


def bare_host(text: str) -> str:
    """Return a host's name, which stands alone."""
    if not _HOST.fullmatch(text.lower()):
        raise ValueError(f'"{text}" is no name such as pnl.example.com, without a port and a path')
    return text


def address(*schemes: str) -> Callable[[str], str]:
    """Return what reads a server's address of one of the schemes, and says what is wrong with another one."""
    example = f"{schemes[-1]}://example.com"

    def read(text: str) -> str:
        shown = without_password(text)
        if any(sign.isspace() or not sign.isprintable() for sign in text):
            raise ValueError(f"holds a blank, or a sign that cannot be seen; an address looks like {example}")
        if not text.isascii():
            raise ValueError(f'"{shown}" holds letters that no address has: write its host as xn--...')
        scheme, there, _ = text.partition("://")
        if not there and not _BARE.match(text):
            # It may be a key that was pasted into the wrong line, and is not repeated.
            raise ValueError(f"is no address; one looks like {example}")
        if not there:
            raise ValueError(f'"{shown}" does not begin with {_either(schemes)}: {schemes[-1]}://{shown}?')
        if scheme.lower() not in schemes:
            raise ValueError(f'"{shown}" begins with {scheme}://, not with {_either(schemes)}')
        what = "a host that is none"
        try:
            parts = urlsplit(text)
            host, what = parts.hostname, "a port that is no number up to 65535"
            port = parts.port
        except ValueError:
            raise ValueError(f'"{shown}" has {what}; an address looks like {example}') from None
        if not host or not _HOST.fullmatch(host) or port == 0:
            raise ValueError(f'"{shown}" has no host that could be asked; an address looks like {example}')
        return text

    return read


def _either(schemes: Sequence[str]) -> str:
    return " or ".join(f"{scheme}://" for scheme in schemes)


def without_password(address: str) -> str:
    """Return an address without whoever it says we are."""
    before, at, host = address.rpartition("@")
    return f"{before.partition('://')[0]}://{host}" if at and "://" in before else host


def home(path: Path) -> Path:
    """Return a path with `~` written out, as a shell would have done."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f'"{path}" is in the home of somebody whom this machine does not know') from None


def separated(by: str) -> Callable[[Any], Any]:
    """Return what takes a text apart at any of the characters `by`; entries that are empty do not count."""

    def split(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        return tuple(entry for part in re.split(f"[{by}]", text) if (entry := part.strip()))

    return split
