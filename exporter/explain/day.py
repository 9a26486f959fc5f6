"""A UTC day of API cost: estimate and bill side by side, by model, workspace and kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from exporter.explain.lines import CannotExplain, Comparison, DayExplained, Moment, Proof, proof
from exporter.ledger.cost.cost_by import cost_by
from exporter.ledger.cost.day import CostDay
from exporter.ledger.cost.trueup import billed_by_name
from exporter.money import ZERO
from exporter.records import BillChange, BilledDay, KeyUsage, UsageHour
from exporter.records.estimates import estimates
from exporter.store import Revision, Store

KINDS = (BilledDay.kind, UsageHour.kind, KeyUsage.kind, BillChange.kind)
TABLES = ("workspace", "kind")

MOMENTS = 24
"""Steps of a day's history that are told; usage that trickles in would fill pages."""

LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def explain_day(store: Store, day: date, source: str | None = None) -> DayExplained:
    """Return a day of a source as it stands, with the estimate that the first bill replaced, or the newest.

    Without a source it is the only one that has something of the day. Raises CannotExplain when nothing is
    known of the day, or when several sources have something of it and none is named.
    """
    known = [name for name in store.evidence.sources(day.isoformat(), KINDS) if source in (None, name)]
    if not known:
        raise CannotExplain(f"Nothing is known of {day}: neither a bill nor usage was read.")
    if len(known) > 1:
        raise CannotExplain(f"{day} has a cost at {' and '.join(known)}: say of which source.")
    revisions = store.evidence.revisions(known[0], day.isoformat(), KINDS, LATEST)
    landed = [each for each in revisions if each.record.kind == BilledDay.kind]
    first = landed[0].recorded_at if landed else LATEST
    estimated, billed = CostDay(day), CostDay(day)
    newest: dict[str, UsageHour] = {}
    for revision in revisions:
        record = revision.record
        if isinstance(record, UsageHour | KeyUsage) and revision.recorded_at <= first:
            estimated.take(record)
            if isinstance(record, UsageHour):
                newest[record.key] = record
        elif isinstance(record, BilledDay):
            billed.take(record)
    low, bill = cost_by(estimated), cost_by(billed) if landed else None
    tables = {name: _rows(low.by[name], None if bill is None else bill.by[name]) for name in TABLES}
    named = billed_by_name(billed.bill_lines) if landed else None
    by_name = {row.name: row.cost for row in estimates(newest.values()) if row.cost is not None}
    unpriced: dict[tuple[str, str], int] = {}
    for models in estimated.unpriced.values():
        for what, tokens in models.items():
            unpriced[what] = unpriced.get(what, 0) + tokens
    return DayExplained(
        day=day,
        total=Comparison(
            "total", low.total if estimated.known else None, None if bill is None else bill.total
        ),
        tables={"model": _rows(by_name, named), **tables},
        unpriced=tuple((model, why, tokens) for (model, why), tokens in sorted(unpriced.items()) if tokens),
        history=tuple(_history(day, revisions)),
        proofs=_proofs(store, revisions),
    )


def _rows(left: Mapping[str, Decimal], right: Mapping[str, Decimal] | None) -> tuple[Comparison, ...]:
    """Return the rows of a table, the dearest first; the rows of either side sum to its total."""
    billed = right or {}
    names = {name: max(left.get(name, ZERO), billed.get(name, ZERO)) for name in (*left, *billed)}
    return tuple(
        Comparison(name, left.get(name), None if right is None else billed.get(name, ZERO))
        for name in sorted(names, key=lambda name: (-names[name], name))
    )


def _history(day: date, revisions: list[Revision]) -> list[Moment]:
    """Return what the day was estimated at after each reading that changed it, and each bill."""
    known, moments = CostDay(day), dict[tuple[datetime, str], Moment]()
    for revision in revisions:
        record, at = revision.record, revision.recorded_at
        if isinstance(record, UsageHour):
            known.take(record)
            moments[at, "estimated"] = Moment(at, "estimated", known.cost(), len(known.estimated))
        elif isinstance(record, BilledDay):
            moments[at, "billed"] = Moment(at, "billed", record.amount)
    told = list(moments.values())
    steps = [moment for moment in told if moment.what == "estimated"]
    if len(steps) > MOMENTS:
        every = len(steps) / MOMENTS
        kept = {id(steps[int(number * every)]) for number in range(MOMENTS)} | {id(steps[-1])}
        told = [moment for moment in told if moment.what == "billed" or id(moment) in kept]
    return told


def _proofs(store: Store, revisions: list[Revision]) -> tuple[Proof, ...]:
    """Return what each revision of the bill, and the newest usage, was read from."""
    bills = [revision for revision in revisions if isinstance(revision.record, BilledDay)]
    usage = [revision for revision in revisions if isinstance(revision.record, UsageHour)][-1:]
    return tuple(proof(store, revision) for revision in (*bills, *usage))
