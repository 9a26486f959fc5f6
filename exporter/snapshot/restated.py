"""What the sources have said otherwise, as snapshots and answers state it."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.money import plain
from exporter.records import Record, Restatement, amounts
from exporter.snapshot.texts import moment
from exporter.snapshot.tree import Restatements, StatedRestatement

Restated = tuple[int, Sequence[Restatement]]
"""How many restatements there are, and the last few, the newest last."""

NOTHING_RESTATED: Restated = (0, ())


def restatements(count: int, latest: Sequence[Restatement]) -> Restatements | None:
    """State how many there are, and the last few; nothing before any."""
    if not count:
        return None
    return Restatements(count=count, latest=tuple(restatement(each) for each in latest))


def restatement(found: Restatement) -> StatedRestatement:
    """State what was said, and what is said instead."""
    old, new = found.old, found.new
    return StatedRestatement(
        source=new.source,
        kind=new.kind,
        key=new.key,
        happened_at=moment(new.at),
        before=None if old is None else _amounts(old),
        after=_amounts(new),
        at=moment(found.read_at),
    )


def _amounts(record: Record) -> dict[str, str]:
    return {name: plain(amount) for name, amount in amounts(record).items()}
