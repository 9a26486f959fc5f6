"""A tick: something changed -> ledger -> snapshot -> delta, in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import perf_counter, thread_time

from exporter.ledger import Ledger
from exporter.records import Change, Observation
from exporter.runtime import gc_pauses
from exporter.snapshot import diff, encode

from . import books
from .table import Row, most, percentile, timed
from .workshop import Workshop, frozen

HOW = """A ledger is filled with the records of a year (fills and settlements of successive markets, sales,
hourly usage, daily bills), many and few, with the same number of open positions. Timed is one change
taken in, the snapshot stated and proved, the merge patch made and encoded. A *fill* is one new record,
a *price* one new quote, a *reading* the whole answer of the venue for all open markets, in which one
price has moved. What is alive is left out of garbage collections, as in an exporter that has
started. *Computing* leaves out the waits for a core that something else held."""

BUDGET_MS = 5.0
BUDGET_RATIO = 1.5


def measure(workshop: Workshop) -> list[Row]:
    """Return a tick's time behind many records, and its ratio to the same behind few."""
    scale = workshop.scale
    few = workshop.ledger(scale.few_records, scale.positions)
    many = workshop.ledger(scale.records, scale.positions)
    gc_pauses.keep()  # as the exporter does after its start
    behind = f"{scale.records:,} records, {scale.positions:,} positions"
    rows: list[Row] = []
    for name, prepare in (("fill", _fill), ("price", _price), ("reading", _reading)):
        little, much, worked = _ticks(few, many, prepare, scale.ticks)
        cpu = f"of it computing p99 {percentile(worked, 99) * 1e3:.2f} ms"
        rows.append(timed(f"tick: a {name}, {behind}", much, BUDGET_MS, cpu))
        ratio = percentile(much, 50) / percentile(little, 50)
        rows.append(
            most(
                f"tick: a {name}, time against {scale.few_records:,} records",
                ratio,
                BUDGET_RATIO,
                "x",
                f"p99 {percentile(much, 99) / percentile(little, 99):.2f} x",
            )
        )
    return rows


def _ticks(
    few: Ledger, many: Ledger, prepare: Callable[[Ledger, int], Callable[[], None]], count: int
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Time both ledgers in turn, so that whatever else the machine does meets both alike.

    The third are the times of the larger one without the waits for a core that others held.
    """
    times: tuple[list[float], list[float]] = ([], [])
    worked: tuple[list[float], list[float]] = ([], [])
    befores = [frozen(few, "bench", 0), frozen(many, "bench", 0)]
    for number in range(1, count + 1):
        now = books.NOW + timedelta(seconds=number)
        for place, ledger in enumerate((few, many)):
            move = prepare(ledger, number)
            began, working = perf_counter(), thread_time()
            move()
            after = frozen(ledger, "bench", number, now)
            encode(diff(befores[place], after))
            worked[place].append(thread_time() - working)
            times[place].append(perf_counter() - began)
            befores[place] = after
    return *times, worked[1]


def _fill(ledger: Ledger, number: int) -> Callable[[], None]:
    now = books.NOW + timedelta(seconds=number)
    fill = books.fill(10**8 + id(ledger) + number, _market(ledger, number), now, random.Random(number))

    def move() -> None:
        ledger.apply([Change(None, fill)])

    return move


def _price(ledger: Ledger, number: int) -> Callable[[], None]:
    now = books.NOW + timedelta(seconds=number)
    return _observing(ledger, [books.mark(_market(ledger, number), now, 30 + number % 37)])


def _reading(ledger: Ledger, number: int) -> Callable[[], None]:
    return _observing(ledger, books.observed(ledger, books.NOW + timedelta(seconds=number), number))


def _observing(ledger: Ledger, observations: Sequence[Observation]) -> Callable[[], None]:
    def move() -> None:
        ledger.observe(observations)

    return move


def _market(ledger: Ledger, number: int) -> str:
    portfolio = ledger.venues["kalshi"].portfolio
    scopes = list(portfolio.positions)
    return portfolio.books[scopes[number % len(scopes)]].ticker
