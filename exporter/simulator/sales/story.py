"""A small shop's day: orders with a rhythm, a few small ones every minute, second thoughts later.

The orders of a day, with all that becomes of them, follow from the seed and the date alone. The
small ones come only while somebody watches, so that something moves on the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from math import cos, pi
from random import Random

from exporter.simulator.clock import DAY, midnight
from exporter.simulator.sales.book import Book
from exporter.simulator.wire import identity

Step = Callable[[datetime], object]
PRODUCTS = (
    ("daily brief", "4.90"),
    ("weekly report", "9.00"),
    ("data export", "19.00"),
    ("research note", "29.00"),
)
POPULARITY = (10, 7, 2, 1)
ALERTS = ("0.09", "0.12", "0.15", "0.25")
RHYTHM = [1 + 0.8 * cos(2 * pi * (hour - 18) / 24) for hour in range(24)]
CENT = Decimal("0.01")


class Selling:
    """The story of the shop."""

    def __init__(self, book: Book, seed: int, start: datetime, days: int, speed: float) -> None:
        self.book, self.seed, self.speed = book, seed, speed
        self.rng = Random(f"{seed}:selling:{start.isoformat()}")
        self.steps: list[tuple[datetime, int, Step]] = []
        self.number = 0
        self.day = midnight(start) - days * DAY
        self.play(start)
        self._at(self._later(start), self._alert)

    def play(self, until: datetime) -> None:
        """Do every step due by `until`, in the order of time."""
        while self.day <= until:
            self._plan_day(self.day)
            self.day += DAY
        while self.steps and self.steps[0][0] <= until:
            at, _, step = heappop(self.steps)
            step(at)

    def _at(self, moment: datetime, step: Step) -> None:
        self.number += 1
        heappush(
            self.steps, (moment.replace(microsecond=moment.microsecond // 1000 * 1000), self.number, step)
        )

    def _later(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self.rng.uniform(10, 20) / self.speed)

    def _alert(self, at: datetime) -> None:
        """Sell a price alert for a few cents; prepaid, so without a payment fee."""
        price = self.rng.choice(ALERTS)
        customer = f"customer-{self.rng.randint(1, 60)}"
        self.book.sale(price, at=at, id=_name("alert", at), customer=customer, product="price alert")
        self._at(self._later(at), self._alert)

    def _plan_day(self, day: datetime) -> None:
        rng = Random(f"{self.seed}:selling:{day.date()}")
        for hour in rng.choices(range(24), RHYTHM, k=rng.randint(20, 60)):
            self._plan_sale(rng, day + timedelta(hours=hour, seconds=rng.uniform(0, 3600)))

    def _plan_sale(self, rng: Random, made: datetime) -> None:
        """Plan one order and what becomes of it: nothing mostly, else one of four second thoughts."""
        product, price = rng.choices(PRODUCTS, POPULARITY)[0]
        gross, name = Decimal(price), _name(product, made)
        tax = (gross * Decimal("0.08")).quantize(CENT) if rng.random() < 0.4 else Decimal(0)
        fee = (gross * Decimal("0.029") + Decimal("0.30")).quantize(CENT)
        status = "pending" if rng.random() < 0.06 else "paid"
        customer = f"customer-{rng.randint(1, 60)}"
        self._at(
            made,
            lambda at: self.book.sale(
                gross, fee=fee, tax=tax, status=status, at=at, id=name, customer=customer, product=product
            ),
        )
        later = made + timedelta(hours=rng.uniform(2, 60))
        thought = rng.random()
        if status == "pending":
            becomes = "void" if thought < 0.3 else "paid"
            self._at(later, lambda at: self.book.change(name, status=becomes, at=at))
        elif thought < 0.05:
            part = gross if rng.random() < 0.6 else (gross / 2).quantize(CENT)
            self._at(later, lambda at: self.book.refund(name, part, at=at))
        elif thought < 0.07:
            better = gross - Decimal("1.00") if rng.random() < 0.5 else gross + Decimal("2.50")
            self._at(later, lambda at: self.book.change(name, gross=better, at=at))


def _name(product: str, made: datetime) -> str:
    return "sale_" + identity(product, made.isoformat())[:18]
