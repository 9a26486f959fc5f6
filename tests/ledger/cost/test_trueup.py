"""How good an estimate was, and when the check of it fails."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.ledger import Plan
from exporter.ledger.cost.day import CostDay
from exporter.ledger.cost.statement import OTHER, TOP
from exporter.ledger.cost.trueup import Drift, true_up
from exporter.records import BillChange, BilledDay, BilledLine, EstimateRow
from exporter.snapshot import Cursor
from tests.builders import NOW, Books, healthy, told, usage

DAY = NOW.date() - timedelta(days=3)


def row(name: str, cost: str | None, high: str | None = None, unpriced: int = 0) -> EstimateRow:
    low = None if cost is None else Decimal(cost)
    return EstimateRow(name=name, cost=low, high=low if high is None else Decimal(high), unpriced=unpriced)


def line(amount: str, model: str = "", cost_type: str = "tokens") -> BilledLine:
    return BilledLine(
        workspace="default",
        description=f"{model}{cost_type}{amount}",
        amount=Decimal(amount),
        cost_type=cost_type,
        model=model,
        token_type="output_tokens" if model else "",
    )


def bill_change(*rows: EstimateRow, day: date = DAY, hours: int = 24, amount: str = "0") -> BillChange:
    return BillChange(
        source="anthropic",
        day=day,
        number=1,
        amount=Decimal(amount),
        before=None,
        estimate=rows,
        hours=hours,
        at=NOW - timedelta(days=2),
    )


def compared(*lines: BilledLine, rows: tuple[EstimateRow, ...], hours: int = 24) -> Any:
    day = CostDay(DAY)
    day.take(BilledDay(source="anthropic", day=DAY, lines=lines))
    day.take(bill_change(*rows, hours=hours))
    return true_up(day)


def test_the_bill_is_estimate_and_drift_and_what_was_never_estimated() -> None:
    """An identity to the last digit; the parts are told apart by name."""
    found = compared(
        line("10.10", "claude-a"),
        line("0.333333333", "claude-a"),
        line("4", "claude-next"),
        line("0.07", cost_type="web_search"),
        line("0.5", cost_type="code_execution"),
        rows=(row("claude-a", "10"), row("claude-next", None, unpriced=9), row("web_search", "0.07")),
    )
    assert found.models["claude-a"].drift == Decimal("0.433333333")
    assert found.models["web_search"].drift == 0
    assert found.unestimated == Decimal("4.5")
    assert found.billed == found.total.estimate + found.total.drift + found.unestimated


def test_a_model_that_was_estimated_and_not_billed_is_drift() -> None:
    """The estimate was too high by all of it."""
    found = compared(rows=(row("claude-a", "2"),))
    assert found.total.drift == -2
    assert found.total.ratio is None


@pytest.mark.parametrize(
    ("billed", "beyond"), [("9", "-1"), ("10", "0"), ("30", "0"), ("50", "0"), ("51.5", "1.5")]
)
def test_a_bill_within_the_range_of_the_estimate_is_not_off(billed: str, beyond: str) -> None:
    """Where the price was ambiguous the estimate said so, and the bill settles it."""
    assert Drift(Decimal(10), Decimal(50), Decimal(billed)).beyond == Decimal(beyond)


def test_an_estimate_that_did_not_know_the_whole_day_is_not_compared() -> None:
    """Half a day's estimate against a day's bill would be drift that is none."""
    assert compared(line("2", "claude-a"), rows=(row("claude-a", "1"),), hours=23) is None


def test_a_day_that_is_not_billed_has_no_drift() -> None:
    """Not zero: none."""
    day = CostDay(DAY)
    day.take(usage(NOW, "3"))
    assert true_up(day) is None


def shown(*records: Any, limit: str | None = "0.05") -> Any:
    plan = Plan(drift=None if limit is None else Decimal(limit))
    return told(
        Books(*records).ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={}, plan=plan
    )


def test_the_check_fails_when_the_estimate_was_off_by_more_than_the_limit() -> None:
    """It names the day and the model, and holds within the limit or the range."""
    bill = BilledDay(source="anthropic", day=DAY, lines=(line("10", "claude-a"), line("90", "claude-b")))
    tree = shown(bill, bill_change(row("claude-a", "16"), row("claude-b", "90")))
    assert tree["checks"]["api_cost_drift"] == {
        "ok": False,
        "usd": "-6.00",
        "detail": (
            f"{DAY}: the estimate was off by 6.0 % of the bill, most for claude-a: billed 10.00, "
            "estimated 16.00 to 16.00"
        ),
    }
    assert tree["api_cost"]["drift"]["models"]["claude-a"]["ratio"] == "-0.60"
    inside = shown(bill, bill_change(row("claude-a", "16"), row("claude-b", "90")), limit="0.06")
    assert inside["checks"]["api_cost_drift"]["ok"]
    ranged = shown(bill, bill_change(row("claude-a", "9", "16"), row("claude-b", "90")))
    assert ranged["checks"]["api_cost_drift"] == {"ok": True, "usd": "0.00"}


def test_too_much_for_one_model_does_not_make_up_for_too_little_for_another() -> None:
    """Two stale prices may cancel out by chance; both are wrong."""
    bill = BilledDay(source="anthropic", day=DAY, lines=(line("10", "claude-a"), line("10", "claude-b")))
    tree = shown(bill, bill_change(row("claude-a", "15"), row("claude-b", "5")))
    assert tree["api_cost"]["drift"]["usd"] == "0.00"
    assert not tree["checks"]["api_cost_drift"]["ok"]


def test_models_beyond_the_dearest_are_one_sum() -> None:
    """A snapshot stays bounded however many models a day has, and the sum of all stays whole."""
    names = [f"claude-{number:02}" for number in range(TOP + 3)]
    bill = BilledDay(
        source="anthropic", day=DAY, lines=tuple(line(str(50 - n), name) for n, name in enumerate(names))
    )
    tree = shown(bill, bill_change(*(row(name, "1") for name in names)))
    models = tree["api_cost"]["drift"]["models"]
    assert set(models) == {*names[:TOP], OTHER}
    assert Decimal(models[OTHER]["estimate"]) == 3
    assert Decimal(models[OTHER]["billed"]) == sum(50 - n for n in range(TOP, TOP + 3))


def test_without_a_limit_or_a_final_bill_nothing_is_checked() -> None:
    """A check that cannot fail is not shown."""
    bill = BilledDay(source="anthropic", day=DAY, lines=(line("10", "claude-a"),))
    assert "api_cost_drift" not in shown(bill, bill_change(row("claude-a", "16")), limit=None)["checks"]
    young = NOW.date() - timedelta(days=1)
    tree = shown(
        BilledDay(source="anthropic", day=young, lines=(line("10", "claude-a"),)),
        bill_change(row("claude-a", "1"), day=young),
    )
    assert "api_cost_drift" not in tree["checks"]
    assert "drift" not in tree["api_cost"]
