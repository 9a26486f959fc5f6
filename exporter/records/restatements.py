"""Restatements: when a source says otherwise what was, and what that comes to in money, before and after.

One mechanism for all kinds: a record that gets another revision, or that is first listed when its time had
been read already. What grows by nature is none: usage of the hour that runs, a refund that is given now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from exporter.money import ZERO, plain
from exporter.records.api_cost import BilledDay
from exporter.records.revisions import Change, Record
from exporter.records.sales import Sale
from exporter.records.trading import Fill, Settlement, Transfer

Amounts = Mapping[str, Decimal]
"""What a record states, by name: contracts, and dollars of everything else."""


@dataclass(frozen=True, slots=True)
class Restatement:
    """One change of what was said; `old` is None where nothing was. `number` grows with each that is read."""

    number: int
    old: Record | None
    new: Record
    read_at: datetime


def amounts(record: Record) -> Amounts:
    """Return what a record counts for, in its own signs; none of it where it does not count."""
    match record:
        case Fill():
            stated = {"contracts": record.count, "cost": record.count * record.price, "fee": record.fee}
            counts = not record.voided
        case Settlement():
            stated, counts = {"payout": record.payout, "fee": record.fee}, True
        case Transfer():
            stated, counts = {"amount": record.amount, "fee": record.fee}, record.status == "applied"
        case Sale():
            refunds = sum((refund.amount for refund in record.refunds), ZERO)
            stated, counts = (
                {"gross": record.gross, "fee": record.fee, "refunds": refunds},
                record.status == "paid",
            )
        case BilledDay():
            stated, counts = {"amount": record.amount}, True
        case _:
            return {}
    return stated if counts else dict.fromkeys(stated, ZERO)


def restates(change: Change, since: datetime | None) -> bool:
    """Tell whether a change says otherwise what was said of the past: an amount, its time, its terms.

    Before `since` everything had been read: what is dated earlier was not there then. None: nothing is known
    to have been read. What did not count yet, and does now, changes the past only there.
    """
    old, new = change.old, change.new
    late = since is not None and new.at < since
    if old is None:
        return late and isinstance(new, Fill | Settlement | Transfer | Sale)
    if isinstance(old, Sale) and isinstance(new, Sale):
        new = _as_of_then(old, new, since)
    if not amounts(new) or _substance(old) == _substance(new):
        return False
    return late or any(amounts(old).values())


def told(old: Record | None, new: Record) -> str:
    """Return in words what became of what: the amounts and terms that differ, with what they were."""
    said, says = {} if old is None else amounts(old), amounts(new)
    changed = [
        f"{name} {plain(said[name])} -> {plain(now)}" if name in said else f"{name} {plain(now)}"
        for name, now in says.items()
        if said.get(name) != now
    ]
    if old is not None:
        before, after = _terms(old), _terms(new)
        changed += [f"{name} {was} -> {after[name]}" for name, was in before.items() if was != after[name]]
    return ", ".join(changed)


def _terms(record: Record) -> dict[str, str]:
    """Return what decides how the amounts count."""
    names = ("ticker", "side", "result", "status", "voided", "at")
    return {name: str(getattr(record, name)) for name in names if hasattr(record, name)}


def _substance(record: Record) -> tuple[Amounts, dict[str, str]]:
    """Return of a record what figures are made of: no order that became known, no name of a customer."""
    return amounts(record), _terms(record)


def _as_of_then(old: Sale, new: Sale, since: datetime | None) -> Sale:
    """Return a sale without the refunds that were given since it was last read: these are news."""
    known = {refund.refund_id for refund in old.refunds}
    kept = tuple(
        refund
        for refund in new.refunds
        if refund.refund_id in known or (since is not None and refund.at < since)
    )
    return replace(new, refunds=kept)
