"""Hours of API cost that a window cuts: a midnight on no full hour of UTC, and windows that roll."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.snapshot import Cursor
from tests.builders import NOW, Books, bill, healthy, told, usage
from tests.examples import examples

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ZONES = (
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/St_Johns",
    "UTC",
)
FIRST = NOW.replace(hour=0) - timedelta(days=3)


def steady(now: datetime, zone: str, per_hour: int = 60, *, billed: int = 0) -> dict[str, Any]:
    """State what an organization has spent that spends all the time as much, a dollar a minute."""
    books = Books(zone=ZoneInfo(zone))
    at = FIRST
    while at <= now:
        known = min(HOUR, now - at) // MINUTE
        books.book(usage(at, str(Decimal(per_hour) * known / 60)))
        at += HOUR
    for number in range(billed):
        books.book(bill((FIRST + timedelta(days=number)).date(), str(24 * per_hour)))
    return told(books.ledger, now=now, cursor=Cursor("e", 1), sources=healthy(now), openings={})


def spent(tree: dict[str, Any], window: str) -> Decimal:
    parts = tree["windows"][window]["components"]
    return -sum(Decimal(parts[f"api_cost_{name}"]["usd"]) for name in ("billed", "estimated"))


@settings(deadline=None, max_examples=examples(60))
@given(st.sampled_from(ZONES), st.integers(0, 36 * 60), st.integers(0, 2))
def test_a_day_is_as_long_as_it_is_in_any_zone(zone: str, minutes: int, billed: int) -> None:
    """To the minute, from local midnight on; also where that day is billed, and through the last 24 hours."""
    now = NOW + minutes * MINUTE
    tree = steady(now, zone, billed=billed)
    here = now.astimezone(ZoneInfo(zone))
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    assert spent(tree, "today") == (now - midnight.astimezone(NOW.tzinfo)) // MINUTE
    assert spent(tree, "24h") == 24 * 60
    for window in ("today", "24h", "7d"):
        found = tree["api_cost"]["windows"][window]
        for amounts in found["by"].values():
            assert sum(map(Decimal, amounts.values())) == spent(tree, window)
        low = -Decimal(tree["windows"][window]["components"]["api_cost_estimated"]["usd"])
        assert Decimal(found["estimated"]["low"]) == low


@pytest.mark.parametrize(
    ("zone", "local", "usd"), [("Asia/Kathmandu", "00:44", 44), ("Asia/Kolkata", "00:29", 29)]
)
def test_a_shared_hour_is_said(zone: str, local: str, usd: int) -> None:
    """With why it is not exact to the last request; where no window cuts an hour nothing is said."""
    hour, minute = map(int, local.split(":"))
    here = NOW.astimezone(ZoneInfo(zone)).replace(hour=hour, minute=minute)
    tree = steady(here.astimezone(NOW.tzinfo), zone)
    assert spent(tree, "today") == usd
    part = tree["windows"]["today"]["components"]["api_cost_estimated"]
    assert {
        "source": "anthropic",
        "code": "hour_cut",
        "text": "the first hour is shared by the minute",
    } in part["because"]
    part = steady(NOW, "UTC")["windows"]["today"]["components"]["api_cost_estimated"]
    assert "hour_cut" not in {reason["code"] for reason in part["because"]}
