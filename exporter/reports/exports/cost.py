"""API cost by UTC day, workspace, model and kind of use: what is billed, and what is estimated until then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from exporter.ledger.cost.cost_by import cost_parts
from exporter.periods.period import Period
from exporter.reports.exports.contract import LOCAL_DAY, SOURCE, Cell, Column, Export, number, text
from exporter.reports.exports.rows import MICROSECOND, Days
from exporter.reports.reader import PeriodReader
from exporter.store.rows import chunks

DAYS_AT_ONCE = 31
"""Days of which the rows of all sources are put in their order: a month of cost is some thousand rows."""


def _api_cost(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    if period.start > reader.now:
        return
    local = Days(reader, ())
    first = period.start.date()
    last = (min(period.end, reader.now + MICROSECOND) - MICROSECOND).date()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    for chunk in chunks(days, DAYS_AT_ONCE):
        found = [day for source in reader.of_kind("api_cost") for day in reader.cost_days(source, chunk)]
        for day in sorted(found, key=lambda each: (each.day, each.source)):
            grade = reader.cost_grade(day).word
            for (workspace, model, kind), part in sorted(
                cost_parts(day, period.start, period.end, reader.now).items()
            ):
                yield (
                    day.day,
                    local.of(max(day.start, period.start)),
                    day.source,
                    workspace,
                    model or None,
                    kind or None,
                    part.quantity,
                    part.unpriced,
                    part.billed,
                    part.estimated,
                    part.billed + part.estimated,
                    grade,
                )


API_COST = Export(
    "api-cost",
    "API cost; of a UTC day that the period cuts, what of it is in the period.",
    (
        Column("day", "day", "The UTC day, as bills have it."),
        LOCAL_DAY,
        SOURCE,
        text("workspace", "The workspace's id; empty for the default one."),
        text("model", "The model; empty for what has none."),
        text("kind", "The kind of token, `web_search`, or what else the bill calls it."),
        number("quantity", "Tokens or searches in the hours that begin in the period."),
        number("unpriced", "How many of them have no price, and so no estimate."),
        number("billed", "What of the bill falls on it, in dollars, positive."),
        number("estimated", "What no bill covers yet, in dollars, by list price."),
        number("cost", "Both together."),
        text("grade", "How far the cost of the UTC day can be trusted."),
    ),
    _api_cost,
)
