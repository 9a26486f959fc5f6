"""A period's lines by market, product, model and so on: every part of the figures by what it belongs to.

Sum:    the rows of a dimension sum to the lines of the statement that it divides, to the last digit. What was
        unrealised is known by market where a snapshot of the period's edge is still kept whole; what is not
        is one row of its own, without a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from exporter.ledger.cost.cost_by import CostBy, cost_by, whole_hours
from exporter.ledger.cost.day import CostDay
from exporter.ledger.trading.groups import event_of, series_of
from exporter.money import ZERO
from exporter.periods.dimension import DIVIDES, Dimension
from exporter.periods.period import Period
from exporter.records import ticker_of
from exporter.reports.reader import UNREALISED, PeriodReader
from exporter.snapshot import KIND_COMPONENTS

COST = "api_cost"
"""What a part of API cost is called: bill and estimate of a model are one sum."""

MARKETS: Mapping[Dimension, Callable[[str], str]] = {
    "market": str,
    "event": event_of,
    "series": series_of,
}
"""What a market is counted as."""

UNNAMED = ""
"""The row of what cannot be told apart."""


@dataclass(slots=True)
class PartOfPeriod:
    """One row: what it is of, and what it came to, as signed contributions by component."""

    name: str
    amounts: dict[str, Decimal] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def net(self) -> Decimal:
        """The sum of its amounts."""
        return sum(self.amounts.values(), ZERO)

    def add(self, component: str, usd: Decimal) -> None:
        """Add to one of its amounts."""
        if usd:
            self.amounts[component] = self.amounts.get(component, ZERO) + usd


class Parts:
    """Rows by name."""

    def __init__(self) -> None:
        self._rows: dict[str, PartOfPeriod] = {}

    def __getitem__(self, name: str) -> PartOfPeriod:
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = PartOfPeriod(name)
        return row

    def ordered(self) -> list[PartOfPeriod]:
        """Return what has come to anything or counts anything, the largest first, whichever its sign."""
        rows = [row for row in self._rows.values() if any(row.amounts.values()) or row.counts]
        return sorted(rows, key=lambda row: (-abs(row.net), row.name))


def parts_of(reader: PeriodReader, period: Period, by: Dimension) -> list[PartOfPeriod]:
    """Return the rows of a period by a dimension."""
    parts, kind = Parts(), DIVIDES[by]
    if by == "source":
        for name, figures in reader.figures(period).by_source.items():
            for component, figure in figures.items():
                if figure.usd is not None:
                    parts[name].add(component, figure.usd)
    elif kind == "venue":
        _of_markets(reader, period, by, parts)
    elif kind == "sales":
        _of_sales(reader, period, by, parts)
    else:
        dimension = "api_key" if by == "key" else by
        for cost in _costs(reader, period):
            for name, usd in cost.by[dimension].items():
                parts[name].add(COST, -usd)
    return parts.ordered()


def _of_markets(reader: PeriodReader, period: Period, by: Dimension, parts: Parts) -> None:
    named = MARKETS[by]
    venues = reader.of_kind("venue")
    for (source, scope), line in reader.lines(period, venues):
        row = parts[_prefixed(venues, source, named(ticker_of(scope)))]
        for component, usd in line.sums().items():
            if component in KIND_COMPONENTS["venue"]:
                row.add(component, usd)
        for name, number in line.counts.items():
            row.counts[name] = row.counts.get(name, 0) + number
    figures = reader.figures(period).by_source
    for source in venues:
        change = figures[source][UNREALISED].usd
        known = ZERO
        for scope, usd in _unrealised(reader, source, period):
            known += usd
            parts[_prefixed(venues, source, named(ticker_of(scope)))].add(UNREALISED, usd)
        if change is not None:
            parts[UNNAMED].add(UNREALISED, change - known)


def _unrealised(reader: PeriodReader, source: str, period: Period) -> Iterator[tuple[str, Decimal]]:
    """Yield by market what its unrealised P&L has changed by, where both edges of the period are known."""
    begun, ended = reader.positions(source, period.start), reader.positions(source, period.end)
    if begun is None or ended is None:
        return
    for scope in {**begun, **ended}:
        yield scope, ended.get(scope, ZERO) - begun.get(scope, ZERO)


def _of_sales(reader: PeriodReader, period: Period, by: Dimension, parts: Parts) -> None:
    shops = reader.of_kind("sales")
    for (source, _), line in reader.lines(period, shops):
        row = parts[_prefixed(shops, source, line.names.get(by) or "none")]
        for component, usd in line.sums().items():
            row.add(component, usd)
        for name, number in line.counts.items():
            row.counts[name] = row.counts.get(name, 0) + number


def _prefixed(sources: list[str], source: str, name: str) -> str:
    """Return a name with its source before it, unless that is the first of its kind, as positions have it."""
    return name if source == sources[0] else f"{source}:{name}"


def _costs(reader: PeriodReader, period: Period) -> Iterator[CostBy]:
    """Yield what each UTC day of each bill has in the period, by all dimensions."""
    end = min(period.end, reader.now)
    first, last = period.start.date(), (end - timedelta(microseconds=1)).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for source in reader.of_kind("api_cost"):
        for day in reader.cost_days(source, days):
            yield from _in_period(day, period, reader.now)


def _in_period(day: CostDay, period: Period, now: datetime) -> Iterator[CostBy]:
    """Yield a day's parts of a period: its whole hours in it, and its share of one that an edge cuts."""
    first, last = whole_hours(day, period.start, period.end, now)
    if first < last:
        yield cost_by(day, first, last)
    if cut := day.cut(period.start, now):
        hour = cost_by(day, cut.hour, cut.hour + 1)
        yield hour.scaled(sum(day.cut_costs(cut), ZERO))
    if cut := day.cut(period.end, now):
        hour = cost_by(day, cut.hour, cut.hour + 1)
        yield hour.scaled(hour.total - sum(day.cut_costs(cut), ZERO))
