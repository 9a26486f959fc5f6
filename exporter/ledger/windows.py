"""Where each window starts: calendar windows at midnight of the reporting zone, rolling ones now."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.snapshot import Window
from exporter.times import midnight

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
