"""Which part of the past a reading is about."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from exporter.sources.contract import Window
from tests.builders import NOW


@pytest.mark.parametrize(
    ("last", "end", "every", "begins"),
    [
        (None, NOW, timedelta(days=1), True),
        (NOW, NOW + timedelta(hours=11, minutes=59), timedelta(days=1), False),
        (NOW, NOW + timedelta(hours=12), timedelta(days=1), True),
        (NOW - timedelta(seconds=1), NOW, timedelta(hours=1), True),
        (NOW, NOW + timedelta(minutes=4, seconds=59), timedelta(minutes=5), False),
        (NOW, NOW - timedelta(days=1), timedelta(days=1), True),
    ],
)
def test_a_part_of_a_day_begins_with_its_first_reading(
    last: datetime | None, end: datetime, every: timedelta, begins: bool
) -> None:
    """Days are UTC days; a clock that was set back begins one, too."""
    assert Window(None, end, last).begins(every) is begins
