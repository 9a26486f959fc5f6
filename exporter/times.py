"""Times as the tables keep them, whole microseconds since 1970, and as JSON states them; UTC.

And where a day begins, which is for a zone to say.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Return microseconds since 1970, exactly (no float on the way)."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Return the aware UTC time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def stamp(at: datetime) -> str:
    """Return a UTC time as RFC 3339 text with microseconds, so that text sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unstamp(text: str) -> datetime:
    """Return the time that `stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC moment a day of the zone begins."""
    # Where a zone skips midnight for summer time, the day starts at the first moment it has:
    # the skipped wall time maps to the same instant. Where midnight comes twice, it is the first one.
    return datetime.combine(day, time(), zone).astimezone(UTC)
