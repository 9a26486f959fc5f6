"""A quarter of API cost, from its first hour to its last bill, with everything that goes wrong in one.

Its 92 days cross three month ends and hold bills that come late, wrong, or twice; a bill that vanishes and
comes back; a day without cost; a price that changed and was published, and one that was not; a model no
table knows; a restart; and each fault of the dial.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from exporter.records import BillChange, UsageHour
from exporter.simulator.anthropic.book import Bill, Book, CostLine, end_of, start_of
from exporter.simulator.anthropic.story import Spending
from exporter.simulator.clock import SettableClock
from exporter.simulator.faults import KINDS, PAGE_KINDS, Fault
from exporter.simulator.world import World
from exporter.sources import http
from exporter.times import unstamp
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline

FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)
BEFORE = 30
"""Days of bills before the first reading, so that there is something to tell a month from."""

DAY, STEP = timedelta(days=1), timedelta(hours=8)
STARTS = timedelta(minutes=20)
"""The first reading of a day comes when its bill has not landed and its usage hardly begun."""

CHEAPER = date(2026, 10, 7)
"""From then on reading Sonnet 5.5's cache costs half: the simulator bills it so, and the tables know."""

OPUS_DEARER, OPUS_STATED = date(2026, 11, 16), date(2026, 11, 24)
"""From when Opus 5.5 costs a quarter more than any table says, and when somebody states its price."""

FREE = date(2026, 11, 8)
VANISHED = date(2026, 10, 20)
LATE = {date(2026, 10, 13), date(2026, 12, 24)}
REVISED = {date(2026, 11, 3): ("321", 12), date(2026, 12, 2): ("-98.765432", 18)}
"""Cents that a bill is later changed by, and after how many days."""

OPTIONS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 0.01},
    "timeout": {"seconds": 0.6},
    "429_retry_after": {"seconds": 30},
    "429_reset": {"seconds": 30},
    "skew": {"seconds": 45},
    "rename": {"field": "data.results.amount", "value": "sum"},
    "drop": {"field": "data.results.uncached_input_tokens"},
    "retype": {"field": "data.results.amount"},
    "null": {"field": "data.starting_at"},
    "mutate": {"field": "data.results.amount", "operation": "set", "value": 12.5},
    "short": {"value": 2},
}
RESTED = 0.06
"""Seconds until a breaker of these tests lets a request through again."""

SENT = 12
"""Requests that a fault acts on: all that one reading makes, its second and third tries included."""


def quarter(clock: SettableClock) -> World:
    """Return the world; all its usage and bills are there from the start, and seen when their time comes."""
    world = World(clock)
    book = world.anthropic
    Spending(book, 7, datetime(2027, 1, 1, tzinfo=UTC), (LAST - FIRST).days + 1 + BEFORE, 1.0)
    for day in list(book.bills):
        book.bills[day] = [Bill(bill.lands_at, tuple(priced(day, bill.lines))) for bill in book.bills[day]]
    change(book)
    for day, bills in book.bills.items():
        book.true_cents[day] = bills[-1].cents
    return world


def priced(day: date, lines: tuple[CostLine, ...]) -> Iterator[CostLine]:
    """Yield the lines at the prices of the day."""
    for line in lines:
        factor = Decimal(1)
        if line.model == "claude-opus-5-5" and day >= OPUS_DEARER:
            factor = Decimal("1.25")
        yield replace(line, amount=line.amount * factor)


def change(book: Book) -> None:
    """Let bills be late, vanish, be revised, and one day cost nothing."""
    for hour in [hour for hour in book.hours if hour.date() == FREE]:
        del book.hours[hour]
    book.bills[FREE] = []
    book.bill(FREE, ())
    for day in LATE:
        book.bills[day] = [Bill(end_of(day) + timedelta(hours=30), book.bills[day][-1].lines)]
    lines = book.bills[VANISHED][-1].lines
    book.bill(VANISHED, (), lands_at=end_of(VANISHED) + timedelta(days=3, hours=12))
    book.bill(VANISHED, lines, lands_at=end_of(VANISHED) + timedelta(days=5))
    for day, (cents, days) in REVISED.items():
        first, *rest = book.bills[day][-1].lines
        changed = replace(first, amount=first.amount + Decimal(cents))
        book.bill(day, (changed, *rest), lands_at=end_of(day) + timedelta(days=days))


def faults() -> Iterator[list[Fault]]:
    """Yield every fault of the dial that acts on requests, again and again."""
    while True:
        for kind in (*KINDS, *PAGE_KINDS):
            fault = Fault(kind, count=SENT, **OPTIONS.get(kind, {}))
            # These two act on pages after the first, so there must be some.
            yield [fault, Fault("short", value=2)] if kind in ("half", "repeat_cursor") else [fault]


def bill_of(book: Book, day: date) -> Decimal:
    """Return what a day cost in the end, in dollars; after the quarter nothing is used."""
    return book.true_cents.get(day, Decimal(0)) / 100


def used(book: Book, day: date, now: datetime) -> bool:
    """Tell whether usage of the day that has a cost can be seen."""
    return any(
        usage.visible_at is not None and usage.visible_at <= now and usage.service_tier != "priority"
        for hour, found in book.hours.items()
        if hour.date() == day
        for usage in found
    )


def no_false_zero(book: Book, pipeline: Pipeline, read_at: datetime) -> None:
    """Assert that what is shown as zero was free, or says that it is not known."""
    tree, days = pipeline.latest, pipeline.cycle.books.ledger.bills["anthropic"].spending.days
    today = read_at.date()
    past = [FIRST + number * DAY for number in range(-BEFORE, (today - FIRST).days)]
    dear = [day for day in past if bill_of(book, day) > 0]
    assert [day for day in dear if day not in days or days[day].cost() <= 0] == []
    for window, stated in tree["windows"].items():
        parts = stated["components"]
        shown = sum(-Decimal(parts[name]["usd"]) for name in ("api_cost_billed", "api_cost_estimated"))
        if any(start_of(day) >= unstamp(stated["from"]) for day in dear):
            assert shown > 0, (window, read_at)
        elif shown == 0 and used(book, today, read_at):
            assert parts["api_cost_estimated"]["grade"] != "final", (window, read_at)
            assert parts["api_cost_estimated"]["because"], (window, read_at)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent upstream is given up soon."""
    monkeypatch.setattr(http, "READ_SECONDS", 0.4)


def test_a_quarter_with_everything_that_goes_wrong_ends_at_the_bill(
    simulate: Simulate, pipeline: Build
) -> None:
    """Each day is what was billed, its estimates are there, none was a false zero, and forecasts held."""
    clock = SettableClock(start_of(FIRST) + STARTS)
    world = quarter(clock)
    book, simulator = world.anthropic, simulate(world)
    options = {"NORTHSTAR_SOURCES": "anthropic", "NORTHSTAR_API_BUDGET_USD": "2000"}
    running = pipeline(simulator, **options)
    trouble, forecasts, drifted = faults(), [], {}
    read_at, failed = clock(), 0
    running.collect()
    while clock() < end_of(LAST) + 4 * DAY:
        now = clock()
        if now.date() == OPUS_STATED and now.hour == 0:
            prices = "; ".join(
                f"claude-opus-5-5 {kind} {OPUS_DEARER} {price}"
                for kind, price in (
                    ("uncached_input", "5"),
                    ("output", "25"),
                    ("cache_write_5m", "6.25"),
                    ("cache_write_1h", "10"),
                    ("cache_read", "0.25"),
                )
            )
            running = again(running, pipeline, simulator, **options, NORTHSTAR_ANTHROPIC_PRICES=prices)
        book.landing = "missing" if now.month % 2 else "empty"
        if now.hour == 16 and now.date() <= LAST:
            simulator.faults.replace("anthropic", next(trouble))
        running.collect()
        if running.latest["sources"]["anthropic"]["last_success"] == running.latest["as_of"]:
            read_at = now
        else:
            failed += 1
            time.sleep(RESTED)
        simulator.faults.clear()
        no_false_zero(book, running, read_at)
        if now.hour == 0 and now.date() <= LAST:
            forecasts.append((now.date(), running.latest["api_cost"]["forecast"]))
        drifted[now] = running.latest["checks"]["api_cost_drift"]["ok"]
        clock.advance(STEP)

    assert failed > 40, "the faults were not felt"
    days = [FIRST + number * DAY for number in range((LAST - FIRST).days + 1)]
    known = running.cycle.books.ledger.bills["anthropic"].spending.days
    assert {day: known[day].billed for day in days} == {day: bill_of(book, day) for day in days}
    months = {day.isoformat()[:7] for day in days}
    for month in months:
        by_month = [day for day in days if day.isoformat().startswith(month)]
        assert sum(known[day].cost() for day in by_month) == sum(bill_of(book, day) for day in by_month)

    for day in days:
        history = running.cycle.store.records.of_scope("anthropic", day.isoformat())
        assert len([hour for hour in history if isinstance(hour, UsageHour)]) == 24, day
        (first,) = (note for note in history if isinstance(note, BillChange) and note.number == 1)
        assert first.hours == 24, day
        assert bool(first.estimate) == (day != FREE), day

    inside = [Decimal(told["low"]) <= truth(book, day) <= Decimal(told["high"]) for day, told in forecasts]
    assert len(inside) == len(days)
    assert sum(inside) >= 0.9 * len(inside)
    widths = [(Decimal(told["high"]) - Decimal(told["low"])) / Decimal(told["mid"]) for _, told in forecasts]
    assert statistics.median(widths) < Decimal("0.4"), "a range that holds everything says nothing"

    counted = running.latest["api_cost"]["restatements"]["count"]
    assert counted == sum(len(changes(book, day)) for day in book.bills if day >= FIRST - DAY)
    wrong = [at for at, ok in drifted.items() if not ok]
    assert wrong
    assert price_of_reading(book, CHEAPER - DAY) == 2 * price_of_reading(book, CHEAPER)
    assert all(OPUS_DEARER + DAY < at.date() <= OPUS_STATED + 3 * DAY for at in wrong)


def truth(book: Book, day: date) -> Decimal:
    """Return what the month of a day cost in the end."""
    return sum(
        (bill_of(book, other) for other in book.bills if (other.year, other.month) == (day.year, day.month)),
        Decimal(0),
    )


def changes(book: Book, day: date) -> list[Bill]:
    """Return the bills of a day that changed what was seen; the one that vanished is none."""
    bills = [bill for bill in book.bills[day] if bill.lines]
    return [new for old, new in pairwise(bills) if old.lines != new.lines]


def again(running: Pipeline, build: Build, simulator: Any, **options: str) -> Pipeline:
    """Stop, and start anew on the same database with other settings."""
    database = running.database
    running.close()
    started = build(simulator, DB_PATH=str(database), **options)
    started.collect()
    return started


def price_of_reading(book: Book, day: date) -> Decimal:
    """Return what a token that Sonnet 5.5 read from its cache cost on a day, in cents, to a millionth."""
    billed = sum(
        line.amount
        for line in book.bills[day][-1].lines
        if line.model == "claude-sonnet-5-5"
        and line.token_type == "cache_read_input_tokens"
        and line.service_tier == "standard"
        and line.inference_geo == "global"
    )
    read = sum(
        usage.cache_read
        for hour, found in book.hours.items()
        if hour.date() == day
        for usage in found
        if usage.model == "claude-sonnet-5-5"
        and usage.service_tier == "standard"
        and usage.inference_geo == "global"
    )
    return (billed / read).quantize(Decimal("0.000001"))
