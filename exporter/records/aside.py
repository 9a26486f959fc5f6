"""Rows of upstream lists that could not be read: kept as they came, and named, until they can be.

One odd row is one odd row: every other row of its list is booked, and whatever rests on the odd one is
`partial` until it is read, is listed no more, or a later version of this program understands it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from exporter.records.api_cost import BilledDay, BilledLine, KeyUsage, KeyUsageLine, UsageHour, UsageLine
from exporter.records.revisions import Record

Line = TypeVar("Line", bound=BilledLine | UsageLine | KeyUsageLine)

VENUE_POSITIONS = "positions"
"""The list of a venue's own view of our positions: what it lacks we do not hold, what is aside we may."""

MORE = "more"
"""The key of the entry that stands for all rows beyond those that are kept one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A row that was set aside. `key` is its own id where that can be read, else a hash of the row.

    `field` is dotted, as in `fills.fee_cost`; `what` is wrong with it in plain words, and quotes nothing.
    `row` is the JSON as it came, secrets cut out. It happened in [`since`, `at`]: both are its own time where
    that can be read, else the bounds of what was asked for; None where there is no bound.
    `record` is the record that it is, or is a line of, as `kind/key`: `kind/` of one that is not known, empty
    where it is none.
    `components` are the lines of the statement that rest on it: None means all of its kind of source, an
    empty one that no figure does. `count` is how many rows it stands for.
    """

    source: str
    listed: str
    key: str
    field: str
    what: str
    row: bytes = dataclasses.field(repr=False)
    at: datetime | None
    since: datetime | None = None
    scope: str = ""
    record: str = ""
    components: tuple[str, ...] | None = None
    count: int = 1


class Listed(NamedTuple):
    """A list that a reading has gone through to its end: every row from `since` on, None: all there are.

    What happened before `over` is in no figure any more, and is not asked for again.
    """

    listed: str
    since: datetime | None
    over: datetime | None = None

    def holds(self, aside: Aside) -> bool:
        """Tell whether a row would have been listed again, were it still as it was, and still mattered."""
        if aside.listed != self.listed:
            return False
        if self.over is not None:
            whole = self.since is None or self.since <= self.over  # of all that matters
            if whole or (aside.at is not None and aside.at < self.over):
                return True
        return self.since is None or (aside.since is not None and aside.since >= self.since)


def together(aside: Aside, more: Aside | None) -> Aside:
    """Return the entry of all rows of a list that are not kept one by one, with one row more."""
    known = [each for each in (aside, more) if each is not None]
    ends = [each.at for each in known if each.at is not None]
    starts = [each.since for each in known if each.since is not None]
    return Aside(
        source=aside.source,
        listed=aside.listed,
        key=MORE,
        field=aside.listed,
        what="has more rows that cannot be read",
        row=b"",
        at=max(ends) if len(ends) == len(known) else None,
        since=min(starts) if len(starts) == len(known) else None,
        components=aside.components,
        count=sum(each.count for each in known),
    )


def narrowed(new: Aside, old: Aside) -> Aside:
    """Return a row that is listed again with the closest bounds of its time that are known by now."""
    ends = [at for at in (new.at, old.at) if at is not None]
    starts = [since for since in (new.since, old.since) if since is not None]
    return replace(new, at=min(ends, default=None), since=max(starts, default=None))


def name_of(record: Record) -> str:
    """Return what an aside calls a record."""
    return f"{record.kind}/{record.key}"


def completed(new: Record, old: Record | None) -> Record:
    """Return a record of which rows are set aside, with the lines that only its older revision has.

    A row that is odd today was a good line yesterday: leaving it out would say that it has become nothing.
    """
    if isinstance(new, BilledDay) and isinstance(old, BilledDay):
        return replace(new, lines=_with(new.lines, old.lines))
    if isinstance(new, UsageHour) and isinstance(old, UsageHour):
        return replace(new, lines=_with(new.lines, old.lines))
    if isinstance(new, KeyUsage) and isinstance(old, KeyUsage):
        return replace(new, lines=_with(new.lines, old.lines))
    return new


def _with(new: tuple[Line, ...], old: tuple[Line, ...]) -> tuple[Line, ...]:
    known = {line.identity for line in new}
    return (*new, *(line for line in old if line.identity not in known))
