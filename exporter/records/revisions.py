"""Which records there are, and when one is worth a new revision."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.records.api_cost import ApiKey, BillChange, BilledDay, KeyUsage, UsageHour, Workspace
from exporter.records.sales import Sale
from exporter.records.trading import Balance, Fill, Mark, Settlement, Transfer, VenuePosition

Record = Fill | Settlement | Transfer | BilledDay | UsageHour | KeyUsage | BillChange | Sale

KINDS: dict[str, type[Record]] = {
    kind.kind: kind for kind in (Fill, Settlement, Transfer, BilledDay, UsageHour, KeyUsage, BillChange, Sale)
}

Observation = Mark | Balance | VenuePosition | Workspace | ApiKey


@dataclass(frozen=True, slots=True)
class Change:
    """One record that is new (`old` is None) or revised; what the ledger feeds on."""

    old: Record | None
    new: Record


def replaces(new: Record, old: Record | None) -> bool:
    """Tell whether a record is worth a revision: it differs, and knows better than what we have.

    A list that lags never brings back what a sale was before its last change; of two truths of one moment
    the later one counts. A settlement that we rebuilt never replaces the venue's own row. A bill without
    lines never replaces one that has some: a day that vanishes from the report has not become free, and a
    credit comes as a line. Neither does usage: what was used cannot have been nothing.
    """
    if isinstance(new, Sale) and isinstance(old, Sale) and new.updated_at < old.updated_at:
        return False
    reported = BilledDay | UsageHour | KeyUsage
    if isinstance(new, reported) and isinstance(old, reported) and old.lines and not new.lines:
        return False
    if isinstance(new, Settlement) and isinstance(old, Settlement) and new.origin == "market" != old.origin:
        return False
    return new != old
