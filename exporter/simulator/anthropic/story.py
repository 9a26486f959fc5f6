"""How the made-up organization spends: a rhythm of days, bills that come late and change.

Past days follow from the seed and their date alone. Live usage trickles in smaller portions, so
that a day that was watched costs about as much as one that was not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import cos, pi
from random import Random
from typing import Any

from exporter.simulator.anthropic.book import Book
from exporter.simulator.anthropic.lines import MINUTE, CostLine, Usage
from exporter.simulator.anthropic.prices import Tally
from exporter.simulator.clock import DAY, midnight

PRODUCTION, RESEARCH = "wrkspc_01SimProduction", "wrkspc_01SimResearch"
LANDING_DELAY = timedelta(hours=3)
LIVE_SHARE = 0.05  # size of a live portion against one of a past day
NOON = 15  # the busiest hour, UTC


@dataclass(frozen=True, slots=True)
class Habit:
    """One way the organization uses a model; token counts are those of a middling portion."""

    weight: int
    model: str
    uncached: int
    write: int
    read: int
    output: int
    options: dict[str, Any]


def _habit(weight: int, model: str, tokens: tuple[int, int, int, int], key: str, **options: Any) -> Habit:
    return Habit(weight, model, *tokens, {"api_key_id": f"apikey_01Sim{key}", **options})


HABITS = (
    _habit(34, "claude-sonnet-5-5", (60_000, 40_000, 700_000, 26_000), "Production", workspace_id=PRODUCTION),
    _habit(16, "claude-opus-5-5", (45_000, 30_000, 500_000, 19_000), "Agents", workspace_id=PRODUCTION),
    _habit(12, "claude-haiku-5-5", (900_000, 0, 300_000, 90_000), "Default"),
    _habit(4, "claude-haiku-5-5", (1_600_000, 0, 0, 60_000), "Default", long_prompt=True),
    _habit(
        9,
        "claude-sonnet-5-5",
        (400_000, 0, 0, 40_000),
        "Research",
        workspace_id=RESEARCH,
        service_tier="batch",
    ),
    _habit(
        8,
        "claude-sonnet-4-6",
        (50_000, 0, 200_000, 15_000),
        "Research",
        workspace_id=RESEARCH,
        web_searches=4,
    ),
    _habit(
        5, "claude-opus-5-5", (20_000, 0, 90_000, 12_000), "Agents", workspace_id=PRODUCTION, speed="fast"
    ),
    _habit(4, "claude-sonnet-5-5", (90_000, 0, 0, 14_000), "Default", inference_geo="us"),
    _habit(
        4,
        "claude-sonnet-5-5",
        (260_000, 0, 0, 9_000),
        "Research",
        workspace_id=RESEARCH,
        context_window="200k-1M",
    ),
    _habit(
        3,
        "claude-opus-5-5",
        (30_000, 0, 120_000, 9_000),
        "Agents",
        workspace_id=PRODUCTION,
        service_tier="priority",
    ),
    _habit(2, "claude-nova-1", (25_000, 0, 60_000, 7_000), "Research", workspace_id=RESEARCH),
)
WEIGHTS = [habit.weight for habit in HABITS]
# One hour of the day against the mean: quiet nights, a busy afternoon.
RHYTHM = [1 + 0.75 * cos(2 * pi * (hour - NOON) / 24) for hour in range(24)]


class Spending:
    """The story of the organization's usage and bills."""

    def __init__(self, book: Book, seed: int, start: datetime, days: int, speed: float) -> None:
        self.book, self.seed, self.speed = book, seed, speed
        self.rng = Random(f"{seed}:spending:{start.isoformat()}")
        book.landing_delay = LANDING_DELAY
        name_everything(book)
        self.day = midnight(start) - days * DAY
        self.tally = Tally()
        while self.day < midnight(start):
            self._past(self.day, 1.0)
            self._close_day()
        self._past(self.day, (start - self.day) / DAY)
        self.next = self._later(start)

    def play(self, until: datetime) -> None:
        """Use, and close the days that end, up to `until`."""
        while self.next <= until:
            while self.next >= self.day + DAY:
                self._close_day()
            portion = LIVE_SHARE * RHYTHM[self.next.hour]
            self._use(_portion(self.rng, self.next, portion))
            self.next = self._later(self.next)
        while until >= self.day + DAY:
            self._close_day()
        self._tell_today()

    def _later(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self.rng.uniform(20, 40) / self.speed)

    def _past(self, day: datetime, part: float) -> None:
        """Use as on `day`, up to that part of it; the same for a day however often it is told."""
        rng = Random(f"{self.seed}:spending:{day.date()}")
        busy = rng.uniform(0.7, 1.3) * (0.6 if day.weekday() >= 5 else 1.0)
        for hour in rng.choices(range(24), RHYTHM, k=rng.randint(95, 135)):
            moment = day + timedelta(hours=hour, minutes=rng.randrange(60))
            usage = _portion(rng, moment, busy)
            if moment < day + DAY * part:
                self._use(usage)

    def _use(self, usage: Usage) -> None:
        self.book.use(usage)
        self.tally.add(usage)

    def _tell_today(self) -> None:
        total = sum((line.amount for line in self._lines()), Decimal(0))
        self.book.true_cents[self.day.date()] = total

    def _lines(self) -> Iterable[CostLine]:
        twins = self.book.dials.fast_twins
        return self.tally.lines(self.day.date(), self.book.prices, twins=twins)

    def _close_day(self) -> None:
        """Bill the day that ends; now and then wrongly at first, corrected most of a day later."""
        day = self.day.date()
        rng = Random(f"{self.seed}:billing:{day}")
        lines = [*self._lines(), *extras(day)]
        self.book.true_cents[day] = sum((line.amount for line in lines), Decimal(0))
        lands = self.day + DAY + LANDING_DELAY
        if lines and rng.random() < 0.2:
            first = lines[0]
            wrong = first.amount * Decimal(str(round(rng.choice((-1, 1)) * rng.uniform(0.03, 0.12), 4)))
            self.book.bill(day, [replace(first, amount=first.amount + wrong), *lines[1:]], lands_at=lands)
            lands += timedelta(hours=20)
        self.book.bill(day, lines, lands_at=lands)
        self.day += DAY
        self.tally = Tally()


def _portion(rng: Random, moment: datetime, size: float) -> Usage:
    habit = rng.choices(HABITS, WEIGHTS)[0]
    share = size * rng.uniform(0.5, 1.5)
    minute = moment.replace(second=0, microsecond=0)
    options = dict(habit.options)
    if "web_searches" in options:
        options["web_searches"] = round(options["web_searches"] * share)
    return Usage(
        minute,
        habit.model,
        uncached_input=int(habit.uncached * share),
        cache_write_5m=int(habit.write * share),
        cache_write_1h=int(habit.write * share * 0.2),
        cache_read=int(habit.read * share),
        output=int(habit.output * share),
        visible_at=minute + rng.randint(1, 4) * MINUTE,
        **options,
    )


def extras(day: date) -> list[CostLine]:
    """Return what a bill holds beyond tokens, a cost type of the future among it."""
    found = []
    if day.day % 3 == 0:
        found.append(CostLine(Decimal("18.75"), "Code Execution Usage", "code_execution", RESEARCH))
    if day.day % 4 == 0:
        found.append(CostLine(Decimal("42.4"), "Managed Agents Session Usage", "session_usage", PRODUCTION))
    if day.day % 10 == 0:
        found.append(CostLine(Decimal("12.5"), "Agent Memory Storage", "agent_memory", PRODUCTION))
    return found


def name_everything(book: Book) -> None:
    """Add the names of workspaces and keys, both shapes of a key among them."""
    book.workspace(PRODUCTION, "Production")
    book.workspace(RESEARCH, "Research")
    book.workspace("wrkspc_01SimOld", "Prototype", archived_at="2026-08-01T00:00:00Z")
    book.api_key("apikey_01SimProduction", "production", PRODUCTION)
    book.api_key("apikey_01SimAgents", "agents", PRODUCTION, newer_shape=True)
    book.api_key("apikey_01SimResearch", "research", RESEARCH)
    book.api_key("apikey_01SimDefault", "default")
    book.api_key("apikey_01SimRevoked", "old laptop", status="inactive")
