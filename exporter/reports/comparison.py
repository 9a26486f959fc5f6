"""A period beside what it is compared with: figures of both sides, money first, and how sure each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exporter.money import plain
from exporter.periods.comparison import ComparisonRule, Elapsed, Mean, compare, compared
from exporter.periods.period import Period
from exporter.reports.answers import figures_tree
from exporter.reports.reader import PeriodFigures, PeriodReader
from exporter.snapshot import Figure, Grade
from exporter.snapshot.texts import ratio, usd
from exporter.store import Store
from exporter.times import stamp

COSTS = frozenset(("trading_fees", "sales_refunds", "sales_fees", "api_cost_billed", "api_cost_estimated"))
"""Lines that only ever take away."""


@dataclass(frozen=True, slots=True)
class ComparisonAsked:
    """Which comparison of a period is asked for; `equal_knowledge` takes the other side as it was known when
    it had come as far."""

    rule: ComparisonRule | None = None
    year_ago: bool = False
    weeks: int = 52
    count: int = 3
    equal_knowledge: bool = False


def comparison_tree(
    store: Store, reader: PeriodReader, period: Period, asked: ComparisonAsked
) -> dict[str, Any]:
    """Return a period's figures beside others', with the difference of each line. Raises PeriodError."""
    found = compare(
        period, reader.now, asked.rule, year_ago=asked.year_ago, weeks=asked.weeks, count=asked.count
    )
    this = reader.figures(period, found.this.end)
    others = [
        (PeriodReader.at(store, other.end) if asked.equal_knowledge else reader).figures(
            other.period, other.end
        )
        for other in found.others
    ]
    return {
        "rule": found.rule,
        "words": found.words,
        "equal_knowledge": asked.equal_knowledge,
        "this": _side(found.this, this),
        "others": [_side(other, figures) for other, figures in zip(found.others, others, strict=True)],
        "net": _change(this.net, [other.net for other in others], 1),
        "components": {
            name: _change(
                figure,
                [other.components[name] for other in others if name in other.components],
                -1 if name in COSTS else 1,
            )
            for name, figure in this.components.items()
        },
    }


def _side(elapsed: Elapsed, figures: PeriodFigures) -> dict[str, Any]:
    return {
        "period": elapsed.period.name,
        "from": stamp(elapsed.start),
        "until": stamp(elapsed.end),
        "words": elapsed.words,
        "days": elapsed.days,
        "of_days": elapsed.period.day_count,
        **figures_tree(figures),
    }


def _change(this: Figure, others: Sequence[Figure], sign: int) -> Mapping[str, Any]:
    """Return one line: what it was compared with, and what it is more or less by; with the worst grade.

    `sign` is -1 for a cost, whose share is of the cost.
    """
    grade = min((figure.grade for figure in (this, *others)), default=Grade.MISSING)
    known = [figure.usd for figure in others if figure.usd is not None]
    if this.usd is None or not known or len(known) < len(others):
        return {"grade": grade.word}
    mean: Decimal = Mean.of(known).usd if len(known) > 1 else known[0]
    change = compared(sign * this.usd, sign * mean)
    tree = {"grade": grade.word, "then": plain(mean), "usd": usd(sign * change.usd)}
    return tree if change.ratio is None else {**tree, "ratio": ratio(change.ratio)}
