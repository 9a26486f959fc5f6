"""API cost of a span of hours by model, workspace, kind, tier and key.

Rule:   a day's parts sum to the day, and a window's to its API cost, to the last digit. Where a window cuts a
        billed day, each part gets the share that the day's hours in the window have of the bill.
Keys:   no bill says which key spent it. Each line goes to the keys by the tokens they used of the same
        workspace, model, tier, context window and kind on that day; what nobody used is `unallocated`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

from exporter.ledger.cost.day import BILLED_KINDS, HOUR, HOURS, TOKEN_KINDS, CostDay, costs_of
from exporter.money import ZERO, to_micro
from exporter.records import UsageLine
from exporter.records.estimates import WEB_SEARCH

DIMENSIONS = ("model", "workspace", "kind", "tier", "api_key")
NONE = "none"
"""The label of cost that has no model, no tier, or was not made with a key."""

UNALLOCATED = "unallocated"

Group = tuple[str, ...]
By = dict[str, Decimal]


Used = tuple[str, str, str]
"""A workspace, a model and a kind of use: what a row of API cost is of."""

Label = TypeVar("Label", str, Used)
"""What a share is of."""


class CostLine(NamedTuple):
    """A piece of cost and what is known of it; empty for what does not apply."""

    workspace: str
    model: str
    tier: str
    context_window: str
    kind: str
    amount: Decimal

    @property
    def used(self) -> Used:
        """What it is of, in an export."""
        return self.workspace, self.model, self.kind


@dataclass(slots=True)
class CostPart:
    """What was used in a part of a day: what of it is billed and estimated, how much it was, and how much of
    that has no price."""

    billed: Decimal = ZERO
    estimated: Decimal = ZERO
    quantity: int = 0
    unpriced: int = 0


@dataclass(slots=True)
class CostBy:
    """A sum of cost by each dimension."""

    total: Decimal = ZERO
    by: dict[str, By] = field(default_factory=lambda: {name: {} for name in DIMENSIONS})

    def add(self, other: CostBy) -> None:
        self.total += other.total
        for name, amounts in other.by.items():
            mine = self.by[name]
            for label, amount in amounts.items():
                mine[label] = mine.get(label, ZERO) + amount

    def scaled(self, total: Decimal) -> CostBy:
        """Return the parts of a share of the whole; rounding leaves what it leaves in the largest."""
        if total == self.total:
            return self
        return CostBy(total, {name: _shared(total, amounts, NONE) for name, amounts in self.by.items()})


def cost_by(day: CostDay, first: int = 0, last: int = HOURS) -> CostBy:
    """Return the cost of a day's hours from `first` to before `last`."""
    if day.billed is None:
        return _sum(day, _estimated(day, first, last))
    found = CostBy()
    found.add(_sum(day, _billed(day)).scaled(day.cost_billed(first, last)))
    found.add(_sum(day, _unbilled(day, first, last)))
    return found


MonthOf = tuple[date, tuple[int, ...]]
"""What the sum of a month is made of: its last day by now, which a clock that is set back takes out again,
and the revisions of its days."""


class CostByMemory:
    """The costs of whole days, made once for each revision of a day, and of whole months likewise.

    Without the months the windows that reach far back would be summed from a year of days each minute.
    """

    def __init__(self) -> None:
        self._whole: dict[tuple[str, date], tuple[int, CostBy]] = {}
        self._months: dict[date, tuple[MonthOf, CostBy]] = {}

    def of(self, day: CostDay, first: int = 0, last: int = HOURS) -> CostBy:
        """Return the cost of a day's hours by each dimension; not to be changed."""
        if (first, last) != (0, HOURS):
            return cost_by(day, first, last)
        known = self._whole.get((day.source, day.day))
        if known is None or known[0] != day.revision:
            known = self._whole[day.source, day.day] = (day.revision, cost_by(day))
        return known[1]

    def since(
        self, months: Mapping[date, Sequence[CostDay]], start: datetime | None, now: datetime
    ) -> CostBy:
        """Return the cost of all hours that begin at or after `start`, of days grouped by month, and the
        share of the hour that it cuts."""
        found = CostBy()
        for month, days in months.items():
            if start is not None and days[-1].end <= start:
                continue
            if start is None or days[0].start >= start:
                found.add(self._month(month, days))
                continue
            for day in days:
                if day.end > start:
                    found.add(self.of(day, day.hour_of(start)))
                    if cut := day.cut(start, now):
                        found.add(cost_by(day, cut.hour, cut.hour + 1).scaled(sum(day.cut_costs(cut), ZERO)))
        return found

    def _month(self, month: date, days: Sequence[CostDay]) -> CostBy:
        made_of = days[-1].day, tuple(day.revision for day in days)
        known = self._months.get(month)
        if known is None or known[0] != made_of:
            total = CostBy()
            for day in days:
                total.add(self.of(day))
            known = self._months[month] = (made_of, total)
        return known[1]


def _billed(day: CostDay) -> Iterator[CostLine]:
    for line in day.bill_lines:
        kind = BILLED_KINDS.get(line.token_type, line.token_type or line.cost_type or NONE)
        yield CostLine(line.workspace, line.model, line.tier, line.context_window, kind, line.amount)


def _estimated(day: CostDay, first: int, last: int) -> Iterator[CostLine]:
    for hour, lines in day.lines.items():
        if not first <= hour < last:
            continue
        for line in lines:
            for kind, amount in costs_of(line):
                yield _piece(line, kind, amount)


def _unbilled(day: CostDay, first: int, last: int) -> Iterator[CostLine]:
    for each in day.unbilled():
        if first <= each.hour < last:
            yield _piece(each.line, each.kind, each.cost)


def _piece(line: UsageLine, kind: str, amount: Decimal) -> CostLine:
    return CostLine(line.workspace, line.model, line.tier, line.context_window, kind, amount)


def _sum(day: CostDay, lines: Iterable[CostLine]) -> CostBy:
    shares, found = KeyShares(day), CostBy()
    for line in lines:
        found.total += line.amount
        named = {
            "model": line.model or NONE,
            "workspace": line.workspace,
            "kind": line.kind,
            "tier": line.tier or NONE,
        }
        for name, label in named.items():
            found.by[name][label] = found.by[name].get(label, ZERO) + line.amount
        keys = found.by["api_key"]
        for key, amount in shares.allocate(line).items():
            keys[key] = keys.get(key, ZERO) + amount
    return found


class KeyShares:
    """Who used how much of what on one day."""

    def __init__(self, day: CostDay) -> None:
        self._used: dict[Group, By] = defaultdict(dict)
        for line in day.keys.lines if day.keys is not None else ():
            key, place = line.api_key or NONE, (line.workspace, line.model, line.tier)
            for kind in TOKEN_KINDS:
                count = getattr(line, kind)
                self._count((*place, line.context_window, kind), key, count)
                self._count((*place, kind), key, count)
                self._count((*place, "tokens"), key, count)
            self._count((*place, WEB_SEARCH), key, line.web_searches)
            self._count((line.workspace, WEB_SEARCH), key, line.web_searches)

    def allocate(self, line: CostLine) -> By:
        """Return a line's amount by key: by the closest match of what it is for."""
        place = (line.workspace, line.model, line.tier)
        groups = ((*place, line.context_window, line.kind), (*place, line.kind), (line.workspace, line.kind))
        used = next((self._used[group] for group in groups if group in self._used), None)
        return _shared(line.amount, used, NONE) if used else {UNALLOCATED: line.amount}

    def _count(self, group: Group, key: str, count: int) -> None:
        if count:
            self._used[group][key] = self._used[group].get(key, ZERO) + count


def _shared(amount: Decimal, weights: Mapping[Label, Decimal], none: Label) -> dict[Label, Decimal]:
    """Return the amount split by weight, to a millionth, the largest weight taking what rounding leaves."""
    whole = sum(weights.values(), ZERO)
    if not whole:
        return {none: amount} if amount else {}
    if len(weights) == 1:
        return dict.fromkeys(weights, amount)
    split = {label: to_micro(amount * weight / whole) for label, weight in weights.items()}
    split[max(weights, key=lambda label: (weights[label], label))] += amount - sum(split.values(), ZERO)
    return split


def cost_parts(day: CostDay, start: datetime, end: datetime, now: datetime) -> dict[Used, CostPart]:
    """Return what a day has in [start, end) by what was used: its whole hours, and its share of one that an
    edge cuts. Bill and estimate each sum to what the day has of them there, to the last digit."""
    found: dict[Used, CostPart] = defaultdict(CostPart)
    first, last = whole_hours(day, start, end, now)
    if first < last:
        _put(found, day, first, last, day.cost_billed(first, last), day.cost_estimated(first, last))
        _count_used(found, day, first, last)
    if cut := day.cut(start, now):
        _put(found, day, cut.hour, cut.hour + 1, *day.cut_costs(cut))
    if cut := day.cut(end, now):
        billed, estimated = day.cut_costs(cut)
        whole = day.cost_billed(cut.hour, cut.hour + 1), day.cost_estimated(cut.hour, cut.hour + 1)
        _put(found, day, cut.hour, cut.hour + 1, whole[0] - billed, whole[1] - estimated)
    return found


def whole_hours(day: CostDay, start: datetime, end: datetime, now: datetime) -> tuple[int, int]:
    """Return the first of a day's hours that are wholly in [start, end), and the one behind the last: what is
    dated ahead of now waits for its time, and of the hour that runs all that is known has been."""
    first = 0 if start <= day.start else day.hour_of(start)
    if end > now:
        return first, day.begun(now)
    return first, HOURS if end >= day.end else (end - day.start) // HOUR


def _put(
    found: dict[Used, CostPart], day: CostDay, first: int, last: int, billed: Decimal, estimated: Decimal
) -> None:
    pieces = _estimated(day, first, last) if day.billed is None else _unbilled(day, first, last)
    for used, amount in _split(billed, _billed(day)).items():
        found[used].billed += amount
    for used, amount in _split(estimated, pieces).items():
        found[used].estimated += amount


def _split(total: Decimal, lines: Iterable[CostLine]) -> dict[Used, Decimal]:
    weights: dict[Used, Decimal] = {}
    for line in lines:
        weights[line.used] = weights.get(line.used, ZERO) + line.amount
    return weights if sum(weights.values(), ZERO) == total else _shared(total, weights, (NONE, NONE, NONE))


def _count_used(found: dict[Used, CostPart], day: CostDay, first: int, last: int) -> None:
    """Count tokens and searches of whole hours; of one that is cut nobody knows which half had them."""
    for hour, lines in day.lines.items():
        if not first <= hour < last:
            continue
        for line in lines:
            counts = [(kind, getattr(line, kind)) for kind in TOKEN_KINDS]
            for kind, number in (*counts, (WEB_SEARCH, line.web_searches), *line.unknown):
                if number:
                    part = found[line.workspace, line.model, kind]
                    part.quantity += number
                    priced = kind == WEB_SEARCH or (line.cost is not None and kind in TOKEN_KINDS)
                    part.unpriced += 0 if priced else number
