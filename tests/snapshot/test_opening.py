"""The value at a window's start: for how long one that was looked up still holds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from exporter.snapshot import Grade, Opening
from tests.builders import NOW

LATER = NOW + timedelta(minutes=1)


def test_an_opening_holds_until_the_next_snapshot() -> None:
    """From its own time on, for every window that begins before the next one."""
    opening = Opening(Decimal(5), NOW, Grade.FINAL, until=LATER)
    assert opening.holds(NOW)
    assert not opening.holds(LATER)


def test_the_newest_snapshot_holds_for_no_start_after_it() -> None:
    """Another may have come since; one that is looked up for a start before it is the earliest there is."""
    opening = Opening(Decimal(5), NOW, Grade.FINAL)
    assert not opening.holds(NOW)
    assert opening.holds(NOW - timedelta(days=1))
