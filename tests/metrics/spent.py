"""Three weeks of API cost in which every figure of it is stated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from exporter.ledger import Credit, Plan
from exporter.records import ApiKey, BillChange, EstimateRow, Observation, Record, Workspace
from tests.builders import NOW, bill, key_usage, usage

DAY = timedelta(days=1)
MONDAY = (NOW - 6 * DAY).date()
"""The newest day whose bill is final and whose estimate was whole."""

PLAN = Plan(
    budget=Decimal(100),
    workspaces={"wrkspc_01": Decimal(40)},
    credit=Credit(Decimal(200), MONDAY),
    drift=Decimal("0.05"),
)
NAMES: list[Observation] = [
    Workspace(source="anthropic", workspace_id="wrkspc_01", name="Research", archived=False),
    ApiKey(source="anthropic", key_id="apikey_01", name="agents", status="active", workspace="wrkspc_01"),
]


def records() -> Iterator[Record]:
    """Yield bills up to yesterday, usage of today, and what two of the bills replaced."""
    for ago in range(1, 21):
        yield bill((NOW - ago * DAY).date(), "5.325", f"{ago % 4}.5")
    yield key_usage(MONDAY, "apikey_01")
    yield _bill_change(
        1, None, EstimateRow(name="claude-sonnet-5-5", cost=Decimal(6), high=Decimal(7), unpriced=0)
    )
    yield _bill_change(2, Decimal("8.1"))
    yield usage(NOW.replace(hour=8), None, model="claude-next", tokens=77)
    hour = usage(NOW.replace(hour=9), "1.234567")
    line = replace(
        hour.lines[0],
        workspace="wrkspc_01",
        uncached_input=600,
        cache_write_5m=100,
        cache_write_1h=50,
        cache_read=2_250,
        cost_high=Decimal("1.5"),
        costs=(("output", Decimal("1.134567")), ("cache_read", Decimal("0.1"))),
        uncached=Decimal("2.5"),
    )
    yield replace(hour, lines=(line,))


def _bill_change(number: int, before: Decimal | None, *rows: EstimateRow) -> BillChange:
    return BillChange(
        source="anthropic",
        day=MONDAY,
        number=number,
        amount=Decimal("7.825"),
        before=before,
        estimate=rows,
        hours=24,
        at=NOW - number * timedelta(hours=3),
    )
