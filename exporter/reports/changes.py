"""What of a period has become other since a moment, line by line, and which records have made it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from exporter.money import ZERO, plain
from exporter.periods.day_line import DayLine
from exporter.periods.period import Period
from exporter.records import KINDS
from exporter.reports.answers import named, period_tree, place
from exporter.reports.knowledge import KnownThen
from exporter.reports.reader import PeriodReader
from exporter.snapshot import COMPONENTS
from exporter.store import Revision, Store
from exporter.times import stamp

MOST_REVISIONS = 20
"""Records named as the cause of one change, the newest first: a market can have thousands."""


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """A market, sale or day of API cost that a period has more or less of than it had, by component.

    `revisions` are the records that came since; none where time alone has done it: a bill that settled, or
    what was dated ahead.
    """

    source: str
    scope: str
    amounts: Mapping[str, Decimal]
    revisions: tuple[Revision, ...]

    @property
    def usd(self) -> Decimal:
        """The sum over its components."""
        return sum(self.amounts.values(), ZERO)


def changes(store: Store, then: PeriodReader, known: KnownThen, period: Period) -> list[ChangedLine]:
    """Return what has changed of the days of a period that were over then, the largest first."""
    found = []
    for (source, scope), before in known.before.items():
        moved = DayLine()
        for lines, sign in ((known.now[source, scope], 1), (before, -1)):
            for day, line in lines.items():
                if period.first <= day <= period.last and day < then.today:
                    moved.put(line, sign)
        sums = moved.sums()
        amounts = {name: sums[name] for name in COMPONENTS if name in sums}
        if amounts:
            found.append(ChangedLine(source, scope, amounts, _since(store, source, scope, then.now)))
    return sorted(found, key=lambda line: (-abs(line.usd), line.source, line.scope))


def changes_tree(store: Store, now: PeriodReader, moment: datetime, period: Period) -> dict[str, Any]:
    """Return a period as it was known at a moment and as it is now, and what has changed in between.

    The lines sum, component by component, to what the days that were over then have changed by; what was
    unrealised is as it was published.
    """
    then = PeriodReader.at(store, moment)
    known = then.known
    assert isinstance(known, KnownThen)
    lines = changes(store, then, known, period)
    return {
        **place(now),
        **named(period, now),
        "known_at": stamp(then.now),
        "then": period_tree(then.figures(period), then),
        "now": period_tree(now.figures(period), now),
        "sum": plain(sum((line.usd for line in lines), ZERO)),
        "count": len(lines),
        "changes": [_line(line) for line in lines],
    }


def _since(store: Store, source: str, scope: str, moment: datetime) -> tuple[Revision, ...]:
    newest = store.evidence.revisions(source, scope, tuple(KINDS), datetime.max.replace(tzinfo=moment.tzinfo))
    return tuple(each for each in reversed(newest) if each.recorded_at > moment)[:MOST_REVISIONS]


def _line(line: ChangedLine) -> dict[str, Any]:
    return {
        "source": line.source,
        "name": line.scope,
        "usd": plain(line.usd),
        "amounts": {name: plain(usd) for name, usd in line.amounts.items()},
        "records": [
            {
                "kind": each.record.kind,
                "key": each.record.key,
                "revision": each.number,
                "happened_at": stamp(each.record.at),
                "recorded_at": stamp(each.recorded_at),
            }
            for each in line.revisions
        ],
    }
