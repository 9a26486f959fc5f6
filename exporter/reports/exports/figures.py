"""The statement of a period, and of each of its days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.periods.period import Period
from exporter.reports.exports.contract import SOURCE, Cell, Column, Export, number, text
from exporter.reports.reader import PeriodReader
from exporter.snapshot import COMPONENTS, Figure


def _days(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    first = max(period.first, min(reader.first or reader.today, reader.today))
    last = min(period.last, reader.today)
    if first > last:
        return
    known = Period.between(first, last, reader.zone)
    for day in known.days():
        one = Period.between(day, day, reader.zone)
        found = reader.figures(one)
        parts = [found.components.get(name) for name in COMPONENTS]
        yield (
            day,
            one.start,
            one.end,
            *(None if part is None else part.usd for part in parts),
            found.net.usd,
            found.net.grade.word,
            _because(found.net),
        )


def _statement(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    for source, parts in reader.figures(period).by_source.items():
        for name in COMPONENTS:
            if (figure := parts.get(name)) is not None:
                yield source, name, figure.usd, figure.grade.word, figure.as_of, _because(figure)


def _because(figure: Figure) -> str | None:
    """Return what keeps a figure from being final, None when nothing does."""
    return "; ".join(dict.fromkeys(f"{reason.source}: {reason.text}" for reason in figure.because)) or None


BECAUSE = text("because", "What keeps it from being final; empty when nothing does.")

DAYS = Export(
    "days",
    "What each day came to, from the first on which anything happened; they sum to the period.",
    (
        Column("day", "day", "The day of the reporting zone."),
        Column("begins", "time", "Its first moment."),
        Column("ends", "time", "The moment that it ends before."),
        *(number(name, f"The line `{name}`, in dollars, with its sign for us.") for name in COMPONENTS),
        number("net", "The sum of the lines."),
        text("grade", "How far the net can be trusted."),
        BECAUSE,
    ),
    _days,
)

STATEMENT = Export(
    "statement",
    "The lines of the period by source, with grade and reasons; they sum to the net.",
    (
        SOURCE,
        text("line", "The component."),
        number("usd", "Dollars with their sign for us; empty when nobody knows."),
        text("grade", "How far it can be trusted."),
        Column("as_of", "time", "What time the oldest part of it speaks of."),
        BECAUSE,
    ),
    _statement,
)
