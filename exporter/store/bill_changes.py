"""Notes what each bill replaced, in the transaction that books the bill.

Made later it could be lost with a kill in between, and the estimate of the moment would be gone for good:
usage is read anew for days after, and then priced by the table of then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from exporter.records import BillChange, BilledDay, Change, UsageHour
from exporter.records.estimates import estimates
from exporter.store import schema


def bill_changes(
    connection: Connection,
    source: str,
    changes: Sequence[Change],
    hours: Sequence[UsageHour],
    at: datetime,
) -> list[BillChange]:
    """Return a note for each bill of one source among the changes; `hours` is the usage of the days billed
    first."""
    bills = [change for change in changes if isinstance(change.new, BilledDay)]
    numbers = _revisions(connection, source, [change.new.key for change in bills])
    usage: dict[str, list[UsageHour]] = {}
    for hour in hours:
        usage.setdefault(hour.scope, []).append(hour)
    found = []
    for change in bills:
        bill, old = change.new, change.old
        assert isinstance(bill, BilledDay)
        replaced = usage.get(bill.scope, []) if old is None else []
        found.append(
            BillChange(
                source=source,
                day=bill.day,
                number=numbers[bill.key],
                amount=bill.amount,
                before=old.amount if isinstance(old, BilledDay) else None,
                estimate=estimates(replaced),
                hours=len(replaced),
                at=at,
            )
        )
    return found


def by_source(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """Return the changes of each source; those of one reading are mostly of one."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.new.source, []).append(change)
    return found


def first_billed(changes: Sequence[Change]) -> list[str]:
    """Return the days that the changes bill for the first time."""
    return [
        change.new.scope for change in changes if isinstance(change.new, BilledDay) and change.old is None
    ]


def _revisions(connection: Connection, source: str, keys: Sequence[str]) -> dict[str, int]:
    table = schema.records
    query = (
        select(table.c.key, func.max(table.c.revision))
        .where(table.c.source == source, table.c.kind == BilledDay.kind, table.c.key.in_(keys))
        .group_by(table.c.key)
    )
    rows: Any = connection.execute(query)
    return {key: int(revision) for key, revision in rows}
