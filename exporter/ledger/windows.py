"""Where each window starts: calendar windows at midnight of the reporting zone, rolling ones now."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from exporter.snapshot import Window

ROLLING: dict[Window, timedelta] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}


def starts(now: datetime, zone: ZoneInfo) -> dict[Window, datetime | None]:
    """Return the UTC start of every window that ends now; None for `all`, which has no start."""
    here = now.astimezone(zone).date()
    return {
        "today": midnight(here, zone),
        **{window: now - length for window, length in ROLLING.items()},
        "mtd": midnight(here.replace(day=1), zone),
        "ytd": midnight(here.replace(month=1, day=1), zone),
        "all": None,
    }


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC moment a day of the zone begins."""
    # Where a zone skips midnight for summer time, the day starts at the first moment it has:
    # the skipped wall time maps to the same instant.
    return datetime.combine(day, time(), zone).astimezone(UTC)
