"""Where each window starts, in zones and on days that are not like others."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from exporter.ledger.windows import midnight, starts
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


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Europe/Zurich", date(2026, 3, 29), datetime(2026, 3, 28, 23, 0, tzinfo=UTC)),
        ("Europe/Zurich", date(2026, 3, 30), datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),
        ("America/Santiago", date(2026, 9, 6), datetime(2026, 9, 6, 4, 0, tzinfo=UTC)),
        ("Asia/Kolkata", date(2026, 11, 22), datetime(2026, 11, 21, 18, 30, tzinfo=UTC)),
    ],
    ids=["23 hours long", "the day after", "no midnight", "half an hour off"],
)
def test_a_day_begins_at_the_first_moment_it_has(zone: str, day: date, start: datetime) -> None:
    """Also where summer time skips midnight."""
    assert midnight(day, ZoneInfo(zone)) == start
