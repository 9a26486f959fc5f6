"""Retry-After and its kin: how long a server wants us to wait before we ask again.

Source: RFC 9110 (Retry-After), Anthropic "Rate limits" and its SDK (read 2026-11).
Units:  seconds.
Bound:  LONGEST_WAIT_SECONDS. A header is obeyed, not trusted: one of ten years would silence a source.
Quirk:  a 429 of the Anthropic reports may carry only `anthropic-ratelimit-requests-reset`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from exporter.sources.shapes import parse_time

LONGEST_WAIT_SECONDS = 900.0
"""Limits are counted by the minute, and nobody is hurt by a question four times an hour."""


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the server's clock as its Date header states it, to the second."""
    return _http_date(headers.get("date"))


def requested(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait in seconds the server asks for; None when it asks for none we understand.

    A date is compared with the server's own Date header where there is one, because our clock may differ.
    """
    here = server_date(headers) or now
    for seconds in (
        _number(headers.get("retry-after")),
        _until(_http_date(headers.get("retry-after")), here),
        _thousandth(_number(headers.get("retry-after-ms"))),
        _until(_rfc3339(headers.get("anthropic-ratelimit-requests-reset")), here),
    ):
        if seconds is not None:
            return min(max(0.0, seconds), LONGEST_WAIT_SECONDS)
    return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _until(then: datetime | None, now: datetime) -> float | None:
    return None if then is None else (then - now).total_seconds()


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text is not None else None
        if moment is None:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def _rfc3339(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        return None
