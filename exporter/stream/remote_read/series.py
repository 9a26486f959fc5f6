"""The series that a query means: a sample for each day at its local noon, and for each month at its last one.

Noon:   Grafana lays days out by one offset for a whole range. A noon is in the right day on either side of a
        change of the clocks; a midnight is not.
Absent: a day or a month that is `missing` has no amount, and so no sample; only its grade is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from exporter.periods.period import Period, split
from exporter.reports.past import KeptPast
from exporter.reports.reader import PeriodFigures, PeriodReader
from exporter.stream.metrics import StreamMetric
from exporter.stream.remote_read import catalogue
from exporter.stream.remote_read.bad_read import BadRead
from exporter.stream.remote_read.messages import Labels, Query, Sample
from exporter.stream.remote_read.selector import Selector

MOST_DAYS = 7_400
"""Twenty years in one query."""

MOST_SAMPLES = 200_000
"""Samples of an answer: some four megabytes, or thirty years of all that there is by day."""

MILLISECOND = timedelta(milliseconds=1)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

NAME = "__name__"


def answered(
    reader: PeriodReader, past: KeptPast, queries: Sequence[Query]
) -> list[list[tuple[Labels, list[Sample]]]]:
    """Return the series of each query, by their labels. Raises BadRead for more than may be asked."""
    results, count = [], 0
    for query in queries:
        found = _selected(reader, past, query)
        count += sum(map(len, found.values()))
        if count > MOST_SAMPLES:
            raise BadRead(
                f"{count:,} samples are too many, {MOST_SAMPLES:,} is the limit: ask for fewer days."
            )
        results.append(sorted(found.items()))
    return results


def noon(day: date, zone: ZoneInfo) -> int:
    """Return a day's local noon in milliseconds since 1970."""
    return (datetime(day.year, day.month, day.day, 12, tzinfo=zone) - BEGINNING) // MILLISECOND


def _selected(reader: PeriodReader, past: KeptPast, query: Query) -> dict[Labels, list[Sample]]:
    selector = Selector(query.matchers)
    found: dict[Labels, list[Sample]] = {}
    for metrics, periods in ((catalogue.DAYS, _days), (catalogue.MONTHS, _months)):
        meant = {metric.name for metric in metrics if selector.may_take(_known(metric))}
        if not meant:
            continue
        asked = periods(reader, query)
        for period, figures in zip(asked, past.figures(reader, asked), strict=True):
            at = noon(period.last, reader.zone)
            for name, labels, value in _values(figures, period):
                if name in meant and selector.takes({NAME: name, **labels}):
                    key = tuple(sorted({NAME: name, **labels}.items()))
                    found.setdefault(key, []).append((at, float(value)))
    return found


def _known(metric: StreamMetric) -> dict[str, str]:
    return {NAME: metric.name, catalogue.KNOWN: catalogue.NOW}


def _days(reader: PeriodReader, query: Query) -> list[Period]:
    """Return the days whose noon is asked for, from the first on which anything happened to today."""
    stretch = _stretch(reader, query)
    return [] if stretch is None else split(stretch, "day")


def _months(reader: PeriodReader, query: Query) -> list[Period]:
    """Return the months that are over by the days before today, and whose last noon is asked for."""
    stretch = _stretch(reader, query)
    if stretch is None:
        return []
    days = (Period.holding("month", piece.first, reader.zone) for piece in split(stretch, "month"))
    return [
        month
        for month in days
        if month.last < reader.today and query.start <= noon(month.last, reader.zone) <= query.end
    ]


def _stretch(reader: PeriodReader, query: Query) -> Period | None:
    """Return the days whose noon is asked for, as one period."""
    zone, today = reader.zone, reader.today
    first = today if reader.first is None else min(reader.first, today)
    start, end = max(query.start, noon(first, zone)), min(query.end, noon(today, zone))
    if start > end:
        return None
    since, until = (_day(at, zone) for at in (start, end))
    if noon(since, zone) < start:
        since += timedelta(days=1)
    if noon(until, zone) > end:
        until -= timedelta(days=1)
    if since > until:
        return None
    if (count := (until - since).days + 1) > MOST_DAYS:
        raise BadRead(f"{count:,} days are too many, {MOST_DAYS:,} is the limit.")
    return Period.between(since, until, zone)


def _day(at: int, zone: ZoneInfo) -> date:
    return (BEGINNING + at * MILLISECOND).astimezone(zone).date()


def _values(figures: PeriodFigures, period: Period) -> Iterator[tuple[str, Mapping[str, str], Decimal | int]]:
    """Yield name, labels and value of each sample of a period."""
    known = {catalogue.KNOWN: catalogue.NOW}
    net, component, grade = catalogue.NET, catalogue.COMPONENT, catalogue.GRADE
    if period.kind == "month":
        known["month"] = period.name
        net, component, grade = catalogue.MONTH_NET, catalogue.MONTH_COMPONENT, catalogue.MONTH_GRADE
    yield grade.name, {**known, "grade": figures.net.grade.word}, 1
    if figures.net.usd is not None:
        yield net.name, known, figures.net.usd
    for name, figure in figures.components.items():
        if figure.usd is not None:
            yield component.name, {**known, "component": name}, figure.usd
    if period.kind == "month":
        return
    for source, parts in figures.by_source.items():
        for name, figure in parts.items():
            if figure.usd is not None:
                yield catalogue.SOURCE.name, {**known, "source": source, "component": name}, figure.usd
