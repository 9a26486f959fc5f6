"""A company's month under all faults at once, while our own clock is set both ways: never silently wrong.

After each reading every amount that is graded `final` is what the company's books say at that moment; what
differs says that it is not final, and why. Two things may be wrong and final, as long as the definitions
allow it and no longer:

- The venue's lists are not read in one moment. What its totals differ by is shown at once by a check, and
  costs the grade from the third reading in a row on.
- What an upstream lists late or changes without a word, and no total contradicts, is found when its days
  are read again.

At the end, with faults off, clocks right and the past read again, nothing differs in any digit.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.collect import checkpoint
from exporter.collect.rereads import due
from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.windows import starts
from exporter.simulator import oracle
from exporter.simulator.anthropic.story import Spending
from exporter.simulator.clock import SettableClock
from exporter.simulator.faults import KINDS, LATE_KINDS, NEEDS_FIELD, PAGE_KINDS, Fault
from exporter.simulator.stories import seeded
from exporter.simulator.world import World
from exporter.sources import http
from exporter.times import unstamp
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, sum_of_parts, usd
from tests.e2e.test_bad_fields import READ, WAYS, Field, operation

ZONE = ZoneInfo("UTC")
SEED = 1
BEGIN, END = datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 12, 12, tzinfo=UTC)
"""Midnights, when nothing is open and no day is cut: rolling windows of that moment are exact too."""

STEPS = [timedelta(seconds=10), timedelta(minutes=10), timedelta(hours=6), timedelta(hours=10)]
"""Between two readings."""

QUIET = timedelta(days=3)
"""Before the end nothing is used of the API any more, so that all of it is billed, and bills are final."""

CALM, CALM_STEP = timedelta(days=2), timedelta(hours=4)
"""Before the end the faults are off and the clock is right. Within it all days are read again."""

SOURCES = ("kalshi", "anthropic", "sales")
LINES = {
    "trading_realised": ("kalshi", "trading", "realised", 1),
    "trading_fees": ("kalshi", "trading", "fees", -1),
    "sales_gross": ("sales", "sales", "gross", 1),
    "sales_refunds": ("sales", "sales", "refunds", -1),
    "sales_fees": ("sales", "sales", "fees", -1),
}
"""Of which source a line is, what the oracle calls it, and with which sign: of any window."""

BILLED, CHANGE = "api_cost_billed", "trading_unrealised_change"
"""Lines that the oracle knows of windows that begin with a day: nothing is open then."""

OPTIONS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 0.001},
    "timeout": {"seconds": 0.1},
    "429_retry_after": {"seconds": 30},
    "429_reset": {"seconds": 30},
    "short": {"value": 40},
    "odd_rows": {"value": 20},
}
SKEWS = (-4_000, -300, -30, 5, 30, 300, 4_000)
LATENESS = (60, 600, 3_600, 3 * 3_600, 30 * 3_600)
SETTINGS = [
    timedelta(seconds=seconds) * sign
    for seconds in (0.3, 2, 45, 90, 3_600, 5 * 3_600, 86_400, 9 * 86_400, 40 * 86_400)
    for sign in (1, -1)
]
"""By what our clock is set: unnoticed, by seconds, over midnight, over the month's end."""

FORGIVEN = timedelta(seconds=61)
"""So far our clock may be off before all figures say so; a source states its own in whole seconds."""

MUTATIONS = [
    (source, endpoint, each.path, way)
    for endpoint, (source, fields) in READ.items()
    for each in (Field.parse(text) for text in fields.split())
    for way in WAYS
    if not each.allows(way)
]
"""Everything that a reader can notice of an answer."""

VENUE_LISTS = ("cash", "position", "exposure", "realised", "fees")
"""Checks that show what the venue's lists differ by."""


@dataclass
class Machine:
    """Our two clocks beside the true time: the wall clock is set, the monotonic one goes on."""

    true: SettableClock
    off: timedelta = timedelta(0)

    def wall(self) -> datetime:
        return self.true() + self.off

    def monotonic(self) -> float:
        return (self.true() - BEGIN).total_seconds()


@dataclass(frozen=True)
class Hidden:
    """A change of the past that no list shows as one and no total contradicts, until it is read again."""

    source: str
    at: datetime


@dataclass
class Month:
    """The company, the machine and the exporter on it, and what was seen of them."""

    world: World
    machine: Machine
    build: Build
    chance: random.Random
    running: Pipeline = field(init=False)
    hidden: list[Hidden] = field(default_factory=list)
    untied: Counter[str] = field(default_factory=Counter)
    shown: dict[str, str | None] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def start(self, simulator: Any, **settings: str) -> None:
        """Start the exporter, on the database of before where there is one."""
        self.simulator = simulator
        clocks = {"clock": self.machine.wall, "monotonic": self.machine.monotonic}
        self.running = self.build(simulator, **clocks, **settings)

    def start_again(self) -> None:
        """Stop, perhaps set the clock while nobody looks, and start on the same database."""
        self.running.close()
        if self.chance.random() < 0.5:
            self.machine.off += self.chance.choice(SETTINGS)
        self.start(self.simulator, DB_PATH=str(self.running.database))
        self.untied.clear()
        self.seen["started again"] += 1

    def read(self) -> set[str]:
        """Read every source once; return those that were read well."""
        fresh: set[str] = set()
        standings = self.running.cycle.standings
        for source in SOURCES:
            now = self.machine.wall()
            again = due(source, standings.as_of(source), now)
            self.running.collect(source)
            shown = self.running.latest["sources"][source]
            well = "error" not in shown and unstamp(shown["last_success"]) == now
            self.seen[f"{source} {'read' if well else 'failed'}"] += 1
            if well:
                fresh.add(source)
            if well and again is not None:
                since = now + standings.skew(source) - again.back
                self.hidden = [each for each in self.hidden if each.source != source or each.at < since]
        return fresh

    def never_wrong(self, fresh: set[str], *, readings: int) -> None:
        """Every final figure is the truth of its moment, but for what the definitions allow.

        `readings` more than before have shown the venue's own totals.
        """
        tree = self.running.latest
        assert tree["checks"]["balanced"]["ok"]
        now, untied = unstamp(tree["as_of"]), set()
        for window, begin in starts(now, ZONE).items():
            stated = tree["windows"][window]
            if "usd" in stated["net"]:
                assert Decimal(stated["net"]["usd"]) == sum_of_parts(stated)
            for name, shown in stated["components"].items():
                self.seen[f"{name} {shown['grade']}"] += 1
                assert shown["grade"] == "final" or shown["because"], (window, name, shown)
                if abs(self.machine.off) > FORGIVEN and fresh:
                    assert shown["grade"] not in ("final", "estimated"), (window, name, self.machine.off)
            for source, name, truth in self.truths(begin, now):
                shown = stated["components"][name]
                if source not in fresh:
                    self.stands(window, name, shown)
                    continue
                if window == "all":
                    self.shown[name] = None if self.machine.off else shown.get("usd")
                exact = ("final", "estimated") if name == BILLED else ("final",)
                if shown["grade"] not in exact or Decimal(shown["usd"]) == truth:
                    continue
                told = f"{window}.{name} is {shown}, and was {truth}: {tree['checks']}"
                if source == "kalshi":
                    assert self.venue_differs(), told
                    untied.add(name)
                else:
                    since = begin or oracle.START
                    lately = [each for each in self.hidden if each.source == source and each.at >= since]
                    assert lately, told
                    self.seen["hidden"] += 1
        if "kalshi" in fresh:
            self.untied = Counter({name: self.untied[name] + readings for name in untied})
        assert all(count < CONFIRMING_READINGS for count in self.untied.values()), (
            self.untied,
            tree["checks"],
        )
        self.seen["untied"] += len(untied)

    def stands(self, window: str, name: str, shown: Mapping[str, Any]) -> None:
        """A source that was not read shows what it showed, unless the clock was set since."""
        known = self.shown.get(name)
        if window == "all" and name in LINES and known is not None and not self.machine.off:
            assert shown.get("usd") == known or shown["grade"] != "final", (name, shown, known)

    def truths(self, begin: datetime | None, now: datetime) -> Iterator[tuple[str, str, Decimal]]:
        """Yield what the books say of a window that begins then, by source and line."""
        told = oracle.report(self.world, begin or oracle.START, now + timedelta(microseconds=1))
        for name, (source, part, called, sign) in LINES.items():
            yield source, name, sign * Decimal(told[part][called])
        if begin is None or begin.timetz() == time(tzinfo=begin.tzinfo):
            yield "anthropic", BILLED, -Decimal(told["api_cost"]["billed_total"])
            yield "kalshi", CHANGE, Decimal(told["trading"]["unrealised"])

    def venue_differs(self) -> bool:
        """Tell whether a check shows that the venue's totals are not those of its rows."""
        checks = (self.running.latest["checks"].get(name, {}) for name in VENUE_LISTS)
        return any(Decimal(check.get("usd", check.get("contracts", 0))) for check in checks)

    def change_the_past(self) -> None:
        """Let sales be listed late, refunds and bills change without a word."""
        now, chance = self.machine.true(), self.chance
        with self.world.lock:
            self.world.advance()
            if chance.random() < 0.15:
                back = timedelta(hours=chance.uniform(0.1, 44 if chance.random() < 0.7 else 480))
                sale = self.world.sales.sale("12.34", fee="0.66", at=now - back, id=f"late-{now:%d%H%M%S}")
                self.hidden.append(Hidden("sales", sale.created_at))
            if chance.random() < 0.1:
                sale = chance.choice(list(self.world.sales.sales.values()))
                if sale.status == "paid" and not sale.refunds and now - sale.updated_at < timedelta(days=30):
                    self.world.sales.refund(sale.id, sale.gross / 2, at=sale.updated_at)
                    self.hidden.append(Hidden("sales", sale.updated_at))
            if chance.random() < 0.1:
                day = chance.choice([day for day in self.world.anthropic.bills if day < now.date()])
                first, *rest = self.world.anthropic.bills[day][-1].lines or ()
                dearer = replace(first, amount=first.amount + 100)
                self.world.anthropic.revise(day, [dearer, *rest], at=now)
                self.hidden.append(Hidden("anthropic", datetime.combine(day, time(), UTC)))

    def set_the_clock(self, fresh: set[str]) -> None:
        """Set our clock, or set it right; what is published then of what was read is not wrong either."""
        if self.machine.off and self.chance.random() < 0.4:
            self.machine.off = timedelta(0)
        elif self.chance.random() < 0.1:
            self.machine.off += self.chance.choice(SETTINGS)
        else:
            return
        self.seen["clock set"] += 1
        self.running.publish()
        self.never_wrong(fresh, readings=0)

    def turn_the_dial(self) -> None:
        """Let up to two things at once go wrong with each source, other ones each time."""
        for source in SOURCES:
            number = self.chance.choice((0, 0, 1, 1, 2))
            faults = [any_fault(self.chance, source) for _ in range(number)]
            self.simulator.faults.replace(source, faults)


def any_fault(chance: random.Random, source: str) -> Fault:
    """Return a fault of the dial that a source can have."""
    kinds = [*KINDS, *PAGE_KINDS, *(LATE_KINDS if source == "kalshi" else ()), *["odd_rows", "mutate"] * 3]
    kind, count = chance.choice(kinds), chance.choice((1, 3, None))
    if kind == "skew":
        return Fault(kind, seconds=chance.choice(SKEWS), count=count)
    if kind == "late":
        return Fault(kind, seconds=chance.choice(LATENESS))
    if kind in NEEDS_FIELD:
        _, endpoint, path, way = chance.choice([each for each in MUTATIONS if each[0] == source])
        place, (listed, dot, rest) = path, path.partition(".")
        if dot and chance.random() < 0.5:
            place = f"{listed}.{chance.choice((0, -1))}.{rest}"  # of one row only
        return Fault("mutate", endpoint=endpoint, field=place, count=count, **operation(way, path))
    return Fault(kind, **{"count": count, **OPTIONS.get(kind, {})})


def test_a_month_under_all_faults_ends_at_the_books(
    simulate: Simulate, pipeline: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is wrong in between says that it is not final, also while the clock is anywhere.

    The exporter goes on from a checkpoint of its books wherever it can.
    """
    caplog.set_level(logging.INFO, "northstar")
    monkeypatch.setattr(checkpoint, "WORTH", 1)
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    monkeypatch.setattr(http, "BREAKER_REST_SECONDS", 1e-3)  # of real time, of which there is none
    true, chance = SettableClock(BEGIN), random.Random(SEED)
    world = seeded(SEED, true, speed=0.01, days=1)
    month = Month(world, Machine(true), pipeline, chance)
    month.start(simulate(world))
    fresh = month.read()
    month.never_wrong(fresh, readings=1)
    while true() < END - CALM:
        if chance.random() < 0.04:
            month.start_again()
        else:
            month.set_the_clock(fresh)
        true.advance(min(chance.choice(STEPS), END - CALM - true()))
        month.change_the_past()
        month.turn_the_dial()
        fresh = month.read()
        month.never_wrong(fresh, readings="kalshi" in fresh)
        if chance.random() < 0.2:
            month.running.run(month.running.cycle.upkeep.run())
    month.machine.off = timedelta(0)
    month.simulator.faults.clear()
    monkeypatch.setattr(http, "READ_SECONDS", 30.0)  # nobody is silent now, and a busy machine takes its time
    while true() < END:
        true.advance(CALM_STEP)
        if true() >= END - QUIET:
            world.stories = [story for story in world.stories if not isinstance(story, Spending)]
        fresh = month.read()
        month.never_wrong(fresh, readings="kalshi" in fresh)
    seen = month.seen
    seen["resumed"] = caplog.text.count("the books go on from their checkpoint")
    print(dict(sorted(seen.items())))
    assert min(seen["clock set"], seen["started again"], seen["hidden"]) > 5, seen
    assert 1 < seen["resumed"] <= seen["started again"], seen
    for source in SOURCES:
        assert seen[f"{source} failed"] > 20 < seen[f"{source} read"], seen
    for line in (*LINES, BILLED, CHANGE):
        assert min(seen[f"{line} {grade}"] for grade in ("final", "partial", "stale")) > 50, seen
    whole(month)


def whole(month: Month) -> None:
    """Every figure of every window is that of the books, and nothing is aside or in doubt."""
    tree, now = month.running.latest, month.machine.true()
    assert all(check["ok"] for check in tree["checks"].values()), tree["checks"]
    for source, shown in tree["sources"].items():
        assert "error" not in shown, (source, shown)
        assert month.running.cycle.store.asides.open(source) == (), source
    assert month.hidden == []
    for window, begin in starts(now, ZONE).items():
        stated = tree["windows"][window]["components"]
        for _, name, truth in month.truths(begin, now):
            assert usd(tree, window, name) == truth, (window, name)
            cut = window == "all" and name == BILLED  # it begins with the first event, hours into a day
            assert stated[name]["grade"] == "final" or cut, (window, stated[name])
        assert Decimal(stated["api_cost_estimated"]["usd"]) == 0
        assert usd(tree, window, CHANGE) == 0
        told = oracle.sales(month.world, begin or oracle.START, now + timedelta(microseconds=1))
        counted = {"orders": told["orders"], "refunds": told["refunds_given"]}
        assert {name: tree["sales"][window][name] for name in counted} == counted, window
    assert Decimal(tree["accounts"]["kalshi"]["cash"]) == Decimal(oracle.report(month.world)["cash"])
