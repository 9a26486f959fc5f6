"""Text forms that the three upstreams put on the wire: times, amounts, paging tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


class BadTokenError(ValueError):
    """A paging token was not made here, or was made for another query."""


def rfc3339(moment: datetime) -> str:
    """Return `moment` as UTC with `Z`, up to six fractional digits, trailing zeros dropped."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{moment.microsecond:06d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def parse_time(text: str) -> datetime:
    """Return the RFC 3339 time in `text` as UTC.

    Raises ValueError when it is not one, or names no offset.
    """
    moment = datetime.fromisoformat(text.replace(" ", "+"))  # an unescaped plus arrives as a blank
    if moment.tzinfo is None:
        raise ValueError(f"time without offset: {text}")
    return moment.astimezone(UTC)


def unix(moment: datetime) -> int:
    """Return whole Unix seconds."""
    return int(moment.timestamp())


def places(amount: Decimal, digits: int) -> str:
    """Return `amount` in plain notation with exactly `digits` decimals."""
    return f"{amount:.{digits}f}"


def exact(amount: Decimal, least: int = 0) -> str:
    """Return `amount` in plain notation with every digit it has, at least `least` decimals."""
    exponent = amount.as_tuple().exponent
    digits = max(least, -exponent if isinstance(exponent, int) else 0)
    return f"{amount:.{digits}f}"


def identity(*parts: object) -> str:
    """Return a UUID-shaped text that depends on nothing but `parts`.

    Real ids do not all carry a valid UUID version either, so none is forced.
    """
    text = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def fingerprint(query: Iterable[tuple[str, str]]) -> str:
    """Return a short digest of query parameters, order ignored."""
    return hashlib.blake2b(repr(sorted(query)).encode(), digest_size=6).hexdigest()


def seal(position: list[Any], query: str) -> str:
    """Return an opaque token for `position` that is good for the query with fingerprint `query` only."""
    return base64.urlsafe_b64encode(json.dumps([query, *position]).encode()).decode()


def unseal(token: str, query: str) -> list[Any]:
    """Return the position inside `token`; raise BadTokenError when it is foreign or of another query."""
    try:
        owner, *position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError) as error:
        raise BadTokenError("token not understood") from error
    if owner != query:
        raise BadTokenError("token belongs to another query")
    return list(position)
