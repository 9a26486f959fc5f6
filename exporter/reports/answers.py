"""Periods and statements as JSON: what the routes answer and the commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exporter.money import ZERO, plain
from exporter.periods.dimension import DIVIDES, Dimension
from exporter.periods.period import Period, split
from exporter.reports.course import CoursePoint, Step, course
from exporter.reports.dimensions import COST, PartOfPeriod, parts_of
from exporter.reports.reader import PeriodFigures, PeriodReader
from exporter.snapshot import COMPONENTS, KIND_COMPONENTS, Figure, plain_json
from exporter.times import stamp


def place(reader: PeriodReader) -> dict[str, Any]:
    """Return which state an answer speaks of."""
    snapshot = reader.snapshot
    return {
        "epoch": snapshot.epoch,
        "sequence": snapshot.sequence,
        "as_of": snapshot.as_of,
        "timezone": snapshot.timezone,
        "currency": snapshot.currency,
        "lot_rule": snapshot.lot_rule,
        "mark_rule": snapshot.mark_rule,
    }


def named(period: Period, reader: PeriodReader) -> dict[str, Any]:
    """Return which days a period has; both of them are in it."""
    return {
        "period": period.name,
        "words": period.words,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "from": stamp(period.start),
        "to": stamp(period.end),
        "over": period.is_over(reader.now),
    }


def period_tree(found: PeriodFigures, reader: PeriodReader) -> dict[str, Any]:
    """Return the figures of a period."""
    tree = {**named(found.period, reader), **figures_tree(found)}
    kinds = [source.kind for source in reader.sources.values()]
    several = {
        name: _figures(parts)
        for name, parts in found.by_source.items()
        if kinds.count(reader.sources[name].kind) > 1
    }
    return {**tree, "by_source": several} if several else tree


def figures_tree(found: PeriodFigures) -> dict[str, Any]:
    """Return the net, the lines that sum to it, and how much happened."""
    return {
        "net": plain_json(found.net.stated()),
        "components": _figures(found.components),
        "counts": dict(sorted(found.counts.items())),
    }


def periods_tree(reader: PeriodReader, periods: Sequence[Period], sums: bool = False) -> dict[str, Any]:
    """Return the figures of several periods, in their order; with `sums` also of what they are of."""
    tree = {
        **place(reader),
        "periods": [period_tree(reader.figures(period), reader) for period in periods],
    }
    if not sums:
        return tree
    whole = Period.between(periods[0].first, periods[-1].last, reader.zone)
    return {
        **tree,
        "weeks": [period_tree(reader.figures(week), reader) for week in split(whole, "week")],
        "total": period_tree(reader.figures(whole), reader),
    }


def course_tree(reader: PeriodReader, period: Period, step: Step, components: bool) -> dict[str, Any]:
    """Return how a period came about, the end of each hour or day a point."""
    points = course(reader, period, step)
    return {
        **place(reader),
        **named(period, reader),
        "step": step,
        "points": [_point(each, components) for each in points],
    }


def statement_tree(
    reader: PeriodReader, period: Period, by: Dimension | None, offset: int, limit: int
) -> dict[str, Any]:
    """Return a period with a page of its rows by a dimension; what they sum to is of all rows."""
    figures = reader.figures(period)
    tree = {**place(reader), "statement": period_tree(figures, reader)}
    if by is None:
        return tree
    rows = parts_of(reader, period, by)
    total = sum((row.net for row in rows), ZERO)
    divided = _divided(figures, by)
    return {
        **tree,
        "by": by,
        "count": len(rows),
        "offset": offset,
        "sum": plain(total),
        "exact": divided is not None and divided == total,
        "rows": [_row(row) for row in rows[offset : offset + limit]],
    }


def _divided(figures: PeriodFigures, by: Dimension) -> Any:
    """Return what the rows of a dimension must sum to, None where a part of it is missing."""
    kind = DIVIDES[by]
    names = COMPONENTS if kind is None else KIND_COMPONENTS[kind]
    known = [figures.components[name].usd for name in names if name in figures.components]
    return None if None in known else sum((usd for usd in known if usd is not None), ZERO)


def _point(point: CoursePoint, components: bool) -> dict[str, Any]:
    tree: dict[str, Any] = {"at": stamp(point.at)}
    if point.net is not None:
        tree["usd"] = plain(point.net)
    if point.partial:
        tree["partial"] = True
    if components:
        known = {name: plain(usd) for name, usd in point.components.items() if usd is not None}
        tree["components"] = known
    return tree


def _row(row: PartOfPeriod) -> dict[str, Any]:
    ordered = [name for name in (*COMPONENTS, COST) if name in row.amounts]
    tree: dict[str, Any] = {
        "name": row.name,
        "net": plain(row.net),
        "amounts": {name: plain(row.amounts[name]) for name in ordered},
    }
    return {**tree, "counts": dict(sorted(row.counts.items()))} if row.counts else tree


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: plain_json(figure.stated()) for name, figure in figures.items()}
