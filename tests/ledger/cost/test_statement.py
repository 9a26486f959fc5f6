"""The section `api_cost` of a snapshot: what sums to what, what is bounded, and what a tick costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.ledger import Credit, Plan
from exporter.ledger.cost.cost_by import DIMENSIONS
from exporter.ledger.cost.statement import TOP
from exporter.records import ApiKey, UsageHour, Workspace
from exporter.snapshot import WINDOWS, Cursor, from_json
from exporter.snapshot.tree import ApiCost
from tests.builders import NOW, UTC_ZONE, Books, bill, healthy, key_usage, told, usage

TODAY = NOW.date()
KOLKATA = ZoneInfo("Asia/Kolkata")


def day(ago: int) -> date:
    return TODAY - timedelta(days=ago)


def hours(ago: int, *costs: str) -> list[UsageHour]:
    """Return a whole day of usage whose first hours cost something."""
    start = datetime.combine(day(ago), time(), NOW.tzinfo)
    found = [usage(start + timedelta(hours=n), cost) for n, cost in enumerate(costs)]
    return found + [
        UsageHour(source="anthropic", at=start + timedelta(hours=n), lines=()) for n in range(len(costs), 24)
    ]


def month(zone: ZoneInfo = UTC_ZONE) -> Books:
    """Return forty days of ten dollars each, yesterday and today estimated."""
    books = Books(zone=zone)
    for ago in range(40, 1, -1):
        books.book(
            *hours(ago, "3.00", "1.00"), bill(day(ago), "6.00", "4.00"), key_usage(day(ago), "apikey_1")
        )
    books.book(*hours(1, "5.00", *["0.2"] * 19, "0.200001"), usage(NOW.replace(hour=0), "2.00"))
    return books


def tree(books: Books, now: datetime = NOW, plan: Plan | None = None) -> Any:
    return told(
        books.ledger,
        now=now,
        cursor=Cursor("e", 1),
        sources=healthy(now),
        openings={},
        plan=plan or Plan(),
    )


@pytest.mark.parametrize("zone", [UTC_ZONE, KOLKATA, ZoneInfo("America/New_York")])
def test_every_dimension_sums_to_the_api_cost_of_its_window(zone: ZoneInfo) -> None:
    """To the last digit, in zones whose midnight cuts a UTC day, too."""
    shown = tree(month(zone), NOW + timedelta(minutes=20))
    for window in WINDOWS:
        parts = shown["windows"][window]["components"]
        cost = -Decimal(parts["api_cost_billed"]["usd"]) - Decimal(parts["api_cost_estimated"]["usd"])
        for name in DIMENSIONS:
            by = shown["api_cost"]["windows"][window]["by"][name]
            assert sum(map(Decimal, by.values())) == cost, (window, name)
        low = Decimal(shown["api_cost"]["windows"][window]["estimated"]["low"])
        assert low == -Decimal(parts["api_cost_estimated"]["usd"])


@pytest.mark.parametrize("zone", [UTC_ZONE, KOLKATA])
def test_what_is_spent_of_the_budget_is_the_api_cost_of_the_month(zone: ZoneInfo) -> None:
    """One figure, found in two ways."""
    shown = tree(month(zone), plan=Plan(budget=Decimal(1000), workspaces={"default": Decimal(500)}))
    parts = shown["windows"]["mtd"]["components"]
    cost = -Decimal(parts["api_cost_billed"]["usd"]) - Decimal(parts["api_cost_estimated"]["usd"])
    budgets = shown["api_cost"]["budgets"]
    assert Decimal(budgets["total"]["spent"]) == Decimal(budgets["default"]["spent"]) == cost


@pytest.mark.parametrize(
    ("spent", "step"),
    [("4.99", 0), ("5", 50), ("7.99", 50), ("8", 80), ("9.99", 80), ("10", 100), ("31", 100)],
)
def test_a_step_is_reached_with_its_last_cent(spent: str, step: int) -> None:
    """Half, most, all."""
    shown = tree(Books(bill(day(2), spent), *hours(1)), plan=Plan(budget=Decimal(10)))
    assert shown["api_cost"]["budgets"]["total"]["step"] == step


def test_the_month_is_forecast_and_the_budgets_last_day_named() -> None:
    """Ten dollars a day: thirty days cost three hundred, and 250 are gone on the 25th."""
    shown = tree(month(), plan=Plan(budget=Decimal(250)))["api_cost"]
    forecast = {name: Decimal(amount) for name, amount in shown["forecast"].items() if name != "month"}
    assert shown["forecast"]["month"] == "2026-11"
    assert abs(forecast["mid"] - 300) < 2
    assert forecast["low"] <= forecast["mid"] <= forecast["high"]
    assert shown["budgets"]["total"]["gone"] in ("2026-11-25", "2026-11-26")
    assert "gone" not in tree(month(), plan=Plan(budget=Decimal(1000)))["api_cost"]["budgets"]["total"]
    assert shown["burn_rate"]["days"] == 7


def test_a_credit_runs_out_when_its_rest_is_spent() -> None:
    """100 dollars since the 20th: ten a day, so it lasts until the 29th."""
    plan = Plan(credit=Credit(Decimal(100), date(2026, 11, 20)))
    shown = tree(month(), plan=plan)["api_cost"]["credit"]
    assert shown["left"] == "78.999999"
    assert shown["gone"] in ("2026-11-29", "2026-11-30")
    assert shown["gone_earliest"] <= shown["gone"] <= shown["gone_latest"]


def test_a_credit_that_is_used_up_says_when_it_was() -> None:
    """Three days of ten dollars used up 25: on the third."""
    shown = tree(month(), plan=Plan(credit=Credit(Decimal(25), day(10))))["api_cost"]["credit"]
    assert Decimal(shown["left"]) < 0
    assert shown["gone_earliest"] == shown["gone"] == shown["gone_latest"] == day(8).isoformat()


def test_a_credit_that_today_alone_used_up_is_gone_today() -> None:
    """No day before it reached the amount."""
    books = Books(*hours(1, "1.00"), usage(NOW.replace(hour=0), "9.00"))
    shown = tree(books, plan=Plan(credit=Credit(Decimal(5), day(1))))["api_cost"]["credit"]
    assert Decimal(shown["left"]) == -5
    assert shown["gone_earliest"] == shown["gone"] == shown["gone_latest"] == TODAY.isoformat()


def test_without_history_there_is_no_forecast_and_no_last_day() -> None:
    """Unknown is not zero, and not never."""
    shown = tree(Books(*hours(1, "2")), plan=Plan(budget=Decimal(10), credit=Credit(Decimal(5), day(3))))
    assert "forecast" not in shown["api_cost"]
    assert "gone" not in shown["api_cost"]["budgets"]["total"]
    assert "gone" not in shown["api_cost"]["credit"]
    assert "api_cost" not in tree(Books())


def test_the_section_is_the_same_object_until_something_changes() -> None:
    """A tick of the market costs nothing here, and a delta carries nothing of it."""
    books = month()

    def section(now: datetime = NOW) -> ApiCost:
        stated, _ = books.ledger.costs.stated(now, Plan())
        assert stated is not None
        return stated

    first = section()
    assert section(NOW + timedelta(minutes=59)).forecast is not None
    assert section() is not first  # the hour went on and came back
    again = section()
    assert section() is again
    books.book(usage(NOW.replace(hour=1), "1.00"))
    changed = section()
    assert changed is not again
    assert changed.windows["today"].by.model == {"claude-sonnet-5-5": "3.00"}


def test_labels_beyond_the_dearest_are_summed_as_other() -> None:
    """Series stay bounded however many models there are, and nothing is left out of the sum."""
    books = Books(*(usage(NOW.replace(hour=n), f"{n + 1}.00", model=f"claude-{n}") for n in range(11)))
    by = tree(books)["api_cost"]["windows"]["today"]["by"]["model"]
    assert len(by) == TOP + 1
    assert by["other"] == "6.00"
    assert "claude-0" not in by


def test_usage_without_a_price_is_listed_with_its_reason_until_it_is_billed() -> None:
    """By model, and by what of it has no price."""
    books = Books(
        usage(NOW, None, model="claude-next", tokens=7), usage(NOW.replace(hour=1), None, tier="flex")
    )
    assert tree(books)["api_cost"]["unpriced"] == [
        {"model": "claude-next", "reason": "model", "tokens": 7},
        {"model": "claude-sonnet-5-5", "reason": "flex tier", "tokens": 1000},
    ]
    books.book(bill(TODAY, "3"))
    assert [each["model"] for each in tree(books)["api_cost"]["unpriced"]] == ["claude-next"]
    books.ledger.bills["anthropic"].settle(NOW + timedelta(days=2))
    whole = bill(TODAY, "3", "1")
    books.book(replace(whole, lines=(whole.lines[0], replace(whole.lines[1], model="claude-next"))))
    assert tree(books)["api_cost"]["unpriced"] == []


def test_names_come_with_a_reading_and_survive_a_restart() -> None:
    """Ids label the figures; what they are called is shown beside."""
    books = month()
    named = Workspace(source="anthropic", workspace_id="wrkspc_1", name="Research", archived=True)
    key = ApiKey(source="anthropic", key_id="apikey_1", name="agents", status="active", workspace="wrkspc_1")
    books.ledger.observe([named, key])
    before = tree(books)
    assert before["api_cost"]["names"] == {
        "workspaces": {"wrkspc_1": {"name": "Research", "archived": True}},
        "api_keys": {"apikey_1": {"name": "agents", "status": "active", "workspace": "wrkspc_1"}},
    }
    again = month()
    again.ledger.restore(from_json(before))
    assert tree(again)["api_cost"]["names"] == before["api_cost"]["names"]
    books.ledger.observe(
        [ApiKey(source="anthropic", key_id="apikey_1", name="bots", status="inactive", workspace="")]
    )
    assert tree(books)["api_cost"]["names"]["api_keys"]["apikey_1"]["name"] == "bots"


def test_a_settled_day_is_told_apart_without_its_lines() -> None:
    """They are forgotten with the day; what is asked of it later is kept by the hour."""
    books = month()
    before = tree(books)["api_cost"]["windows"]
    books.ledger.forget_settled(NOW)
    assert sum(len(stated.lines) for stated in books.bill.spending.days.values()) == 24 + 1
    books.book(usage(NOW.replace(hour=0), "2.00", tokens=1001))
    after = tree(books)["api_cost"]["windows"]
    assert after["24h"]["by"] == before["24h"]["by"]
    assert after["all"]["tokens"]["kind"]["output"] == before["all"]["tokens"]["kind"]["output"] + 1


def test_a_month_forgets_the_days_that_a_clock_set_back_has_not_reached() -> None:
    """Also when a day before them has got as many revisions as were theirs."""
    yesterday, today = NOW - timedelta(days=1), NOW
    books = Books(bill(yesterday.date(), "1.00"), bill(today.date(), "5.00"))
    for now, amount in ((today, "6.00"), (yesterday, "2.00")):
        if now == yesterday:
            books.book(bill(yesterday.date(), "2.00"))
        tree = told(books.ledger, now=now, cursor=Cursor("e", 1), sources=healthy(now), openings={})
        assert tree["api_cost"]["windows"]["all"]["by"]["model"] == {"claude-sonnet-5-5": amount}
