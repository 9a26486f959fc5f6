"""Where each window starts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from exporter.ledger.windows import starts
from exporter.snapshot import WINDOWS

ZURICH = ZoneInfo("Europe/Zurich")


def test_every_window_has_its_start() -> None:
    """Calendar windows at midnight of the zone, rolling ones so long ago, all with no start."""
    found = starts(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), ZURICH)
    assert set(found) == set(WINDOWS)
    assert found["today"] == datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    assert found["24h"] == datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    assert found["7d"] == datetime(2026, 11, 15, 23, 30, tzinfo=UTC)
    assert found["30d"] == datetime(2026, 10, 23, 23, 30, tzinfo=UTC)
    assert found["mtd"] == datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
    assert found["ytd"] == datetime(2025, 12, 31, 23, 0, tzinfo=UTC)
    assert found["all"] is None
