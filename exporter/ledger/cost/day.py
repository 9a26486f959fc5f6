"""A day of API cost: the bill once it is there, until then what the usage is worth.

Rule:   the bill covers a whole UTC day; windows may cut a day. A billed day is spread over its
        hours by the estimated cost of each (evenly where usage says nothing), so that a cut
        window gets its share; the day's sum is the bill to the last digit.
        A bill may land in pieces. Until it has settled the estimate stands for what it has no line of yet:
        the same workspace, model, tier and kind, as far as a line says them.
        An hour that a window cuts (at a midnight that is on no full hour of UTC, or at any minute where the
        window rolls) is shared by the minute, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import add
from typing import NamedTuple

from exporter.ledger.journal import API_PAYABLE, Entry
from exporter.money import ZERO, to_micro
from exporter.records import BillChange, BilledDay, BilledLine, KeyUsage, UsageHour, UsageLine
from exporter.records.estimates import WEB_SEARCH, searched
from exporter.times import to_us

HOUR_US = 3_600_000_000
HOURS = 24

TOKEN_KINDS = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output")
"""The kinds that usage tells apart, disjoint; the order in which they are kept."""

BILLED_KINDS = {
    "uncached_input_tokens": "uncached_input",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "cache_read_input_tokens": "cache_read",
    "output_tokens": "output",
}
"""The bill's words for the kinds of token; a kind it adds keeps its own."""

TOKENS = "tokens"
"""What all kinds of token together are, on a bill and in estimates of before they were told apart."""

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

PRICED_TIERS = ("standard", "batch")
"""Tiers with a public price; usage of another one is named with its tier, for it is the reason."""

NO_MODEL = "a model without a name"

Covered = tuple[str, str, str, str]
"""A workspace, a model, a tier and a kind that a bill has a line of; empty for any of them."""

Unpriced = tuple[str, str]
"""A model, and why its usage has no price: `model` for one that no table knows, else what of it."""

SETTLES_AFTER = timedelta(hours=24)
"""A finished day may be billed in part at first; a day after its end the bill is taken as final.
Later revisions still replace it."""

USAGE_LATE = timedelta(hours=2)
"""Usage that is not known so long after its end is missing, not late: it comes within an hour, and an
empty hour is believed and recorded an hour after its end."""


Piece = tuple[int, str, Decimal]
"""An hour of a day, the component that it counts in, and what it cost: a fifth of what an entry weighs."""


class Unbilled(NamedTuple):
    """A piece of an estimate that its day's bill has no line of yet."""

    hour: int
    line: UsageLine
    kind: str
    cost: Decimal


class Cut(NamedTuple):
    """An hour that a window cuts: its number, how many of its minutes are in the window, and of how many."""

    hour: int
    inside: int
    of: int

    def share(self, amount: Decimal) -> Decimal:
        """Return what of the hour is in the window."""
        return to_micro(amount * self.inside / self.of)


@dataclass(slots=True)
class CostDay:
    """What is known of one UTC day of a source.

    Hours count from midnight; one without an estimate is not known.

    `range` is how much more an hour may have cost than estimated, `saved` what its cache saved,
    `unpriced` is tokens by model and reason, `tokens` all of them by model, as `TOKEN_KINDS`. `lines` are
    kept until the day is settled: a year of them would be most of what the ledger weighs.
    `open` is whether the bill may still lack lines, which ends when it has settled.
    `revision` counts what was taken, so that whatever is made of the day is known to be old.
    """

    day: date
    source: str = ""
    billed: Decimal | None = None
    bill_lines: tuple[BilledLine, ...] = ()
    estimated: dict[int, Decimal] = field(default_factory=dict)
    range: dict[int, Decimal] = field(default_factory=dict)
    saved: dict[int, Decimal] = field(default_factory=dict)
    unpriced: dict[int, dict[Unpriced, int]] = field(default_factory=dict)
    tokens: dict[int, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    lines: dict[int, tuple[UsageLine, ...]] = field(default_factory=dict)
    keys: KeyUsage | None = None
    bill_changes: dict[int, BillChange] = field(default_factory=dict)
    revision: int = 0
    open: bool = True
    _unbilled: tuple[int, list[Unbilled]] | None = None
    _shares: tuple[int, dict[int, Decimal]] | None = field(default=None, init=False, repr=False)
    start: datetime = field(init=False)
    end: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.start = datetime.combine(self.day, time(), UTC)
        self.end = self.start + timedelta(days=1)

    @property
    def known(self) -> bool:
        """Tell whether anything is known of what the day cost."""
        return self.billed is not None or bool(self.estimated)

    def take(self, record: BilledDay | UsageHour | KeyUsage | BillChange) -> None:
        """Take what a source or the store says about the day, replacing what it said before."""
        self.revision += 1
        match record:
            case BilledDay():
                self.billed, self.bill_lines = record.amount, record.lines
            case UsageHour():
                self._usage(record)
            case KeyUsage():
                self.keys = record
            case BillChange():  # pragma: no branch - mypy knows that there is no other
                self.bill_changes[record.number] = record

    def _usage(self, record: UsageHour) -> None:
        hour = record.at.hour
        unpriced: dict[Unpriced, int] = {}
        tokens: dict[str, tuple[int, ...]] = {}
        cost, extra, saved = ZERO, ZERO, ZERO
        for line in record.lines:
            counts = tuple(getattr(line, kind) for kind in TOKEN_KINDS)
            before = tokens.get(line.model, (0,) * len(TOKEN_KINDS))
            tokens[line.model] = tuple(map(add, before, counts))
            for kind, count in line.unknown:
                new = (line.model or NO_MODEL, f"new kind {kind}")
                unpriced[new] = unpriced.get(new, 0) + count
            if line.cost is None or line.highest is None:
                what = (line.model or NO_MODEL, _why(line))
                unpriced[what] = unpriced.get(what, 0) + line.tokens
                cost += searched(line)
                continue
            cost += line.cost
            extra += line.highest - line.cost
            saved += ZERO if line.uncached is None else line.uncached - line.cost
        self.estimated[hour], self.range[hour], self.saved[hour] = cost, extra, saved
        self.tokens[hour], self.lines[hour] = tokens, record.lines
        self.unpriced.pop(hour, None)
        if unpriced:  # hardly ever, and a year has thousands of hours
            self.unpriced[hour] = unpriced

    def compact(self) -> None:
        """Forget the lines of the usage; what a settled day is asked for is kept by the hour."""
        self.lines.clear()

    def settle(self, now: datetime) -> bool:
        """Take the bill as whole once it has settled; tell whether that changes what the day cost."""
        if not self.open or not self.settled(now):
            return False
        changed = self._unbilled is not None and bool(self._unbilled[1])
        self.open, self._unbilled = False, None
        self.revision += changed
        return changed

    @property
    def in_pieces(self) -> bool:
        """Whether the bill is there and does not cover all that was used."""
        return self.open and self.billed is not None and bool(self.unbilled())

    def unbilled(self) -> list[Unbilled]:
        """Return the estimated cost that the bill does not cover: none without one, or when it is whole."""
        if self.billed is None or not self.open:
            return []
        if self._unbilled is None or self._unbilled[0] != self.revision:
            covered = {one for line in self.bill_lines if (one := _covered(line)) is not None}
            found = [
                Unbilled(hour, line, kind, cost)
                for hour, lines in self.lines.items()
                for line in lines
                for kind, cost in costs_of(line)
                if cost and covered.isdisjoint(_fitting(line, kind))
            ]
            self._unbilled = (self.revision, found)
        return self._unbilled[1]

    def settled(self, now: datetime) -> bool:
        """Tell whether the day is billed and old enough for the bill to be taken as final."""
        return self.billed is not None and now >= self.end + SETTLES_AFTER

    def missing_hours(self, now: datetime) -> int:
        """Return how many hours of a finished day without a bill should be known by now and are not."""
        if self.billed is not None or now < self.end + USAGE_LATE:
            return 0
        return HOURS - len(self.estimated)

    def unpriced_since(self, start: datetime) -> dict[Unpriced, int]:
        """Return the tokens without a price in the hours that begin at or after `start`."""
        first, found = self.hour_of(start), dict[Unpriced, int]()
        for hour, models in self.unpriced.items():
            if hour >= first:
                for what, tokens in models.items():
                    found[what] = found.get(what, 0) + tokens
        return found

    def hour_of(self, moment: datetime) -> int:
        """Return the first hour that begins at or after a moment, and so is in a window that starts then."""
        return min(HOURS, max(0, -((self.start - moment) // HOUR)))

    def cut(self, start: datetime | None, now: datetime) -> Cut | None:
        """Return the hour that a window which starts then cuts, None where it cuts none of this day.

        Of an hour that is not over, what is known has happened in the minutes that have passed.
        """
        if start is None or not self.start < start < self.end:
            return None
        hour = (start - self.start) // HOUR
        begun = self.start + hour * HOUR
        of, before = min(HOUR, now - begun) // MINUTE, (start - begun) // MINUTE
        return Cut(hour, of - before, of) if 0 < before < of else None

    def cut_costs(self, cut: Cut) -> tuple[Decimal, Decimal]:
        """Return what of a cut hour's cost is in the window: what is billed, and what is estimated."""
        billed, estimated = ZERO, self._estimates().get(cut.hour, ZERO)
        if self.billed is not None:
            if self._shares is None or self._shares[0] != self.revision:
                self._shares = (self.revision, self._spread(self.billed))
            billed = self._shares[1].get(cut.hour, ZERO)
        return cut.share(billed), cut.share(estimated)

    def begun(self, now: datetime) -> int:
        """Return how many of its hours have begun."""
        return min(HOURS, max(0, (now - self.start) // HOUR + 1))

    def cost(self, first: int = 0, last: int = HOURS) -> Decimal:
        """Return what the hours from `first` to before `last` cost."""
        return self.cost_billed(first, last) + self.cost_estimated(first, last)

    def cost_billed(self, first: int = 0, last: int = HOURS) -> Decimal:
        """Return what of the bill falls on the hours from `first` to before `last`."""
        if self.billed is None:
            return ZERO
        whole = first == 0 and last == HOURS
        return self.billed if whole else _sum(self._spread(self.billed), first, last)

    def cost_estimated(self, first: int = 0, last: int = HOURS) -> Decimal:
        """Return what these hours are estimated at, as far as no bill covers it."""
        return _sum(self._estimates(), first, last)

    def pieces(self) -> tuple[Piece, ...]:
        """Return the day by the hour: its bill, and its estimate as far as no bill covers it."""
        billed = {} if self.billed is None else self._spread(self.billed)
        return tuple(
            (hour, component, cost)
            for component, costs in (
                ("api_cost_billed", billed),
                ("api_cost_estimated", self._estimates()),
            )
            for hour, cost in costs.items()
            if cost
        )

    def entries(self) -> list[Entry]:
        """Return the day as entries, one for each piece."""
        return [self.entry(piece) for piece in self.pieces()]

    def entry(self, piece: Piece) -> Entry:
        """Return a piece as it is booked."""
        hour, component, cost = piece
        return Entry(to_us(self.start) + hour * HOUR_US, {component: cost, API_PAYABLE: -cost})

    def _estimates(self) -> dict[int, Decimal]:
        if self.billed is None:
            return self.estimated
        found: dict[int, Decimal] = {}
        for each in self.unbilled():
            found[each.hour] = found.get(each.hour, ZERO) + each.cost
        return found

    def _spread(self, billed: Decimal) -> dict[int, Decimal]:
        weights = {hour: cost for hour, cost in self.estimated.items() if cost > 0}
        if not weights:
            weights = dict.fromkeys(range(HOURS), Decimal(1))
        total = sum(weights.values(), ZERO)
        shares = {hour: to_micro(billed * weight / total) for hour, weight in weights.items()}
        shares[max(shares)] += billed - sum(shares.values(), ZERO)
        return shares


def costs_of(line: UsageLine) -> tuple[tuple[str, Decimal], ...]:
    """Return what a line is estimated at by kind; of one without a price only its searches have one."""
    if line.cost is None:
        searches = searched(line)
        return ((WEB_SEARCH, searches),) if searches else ()
    return line.costs or ((TOKENS, line.cost),)


def _covered(line: BilledLine) -> Covered | None:
    """Return what a line of a bill is for; None for what is never estimated."""
    if line.token_type or line.cost_type in (TOKENS, WEB_SEARCH, ""):
        kind = BILLED_KINDS.get(line.token_type, line.token_type)
        searches = line.cost_type == WEB_SEARCH and not line.token_type
        return (line.workspace, line.model, line.tier, WEB_SEARCH if searches else kind)
    return None


def _fitting(line: UsageLine, kind: str) -> set[Covered]:
    """Return all that a bill may say of a kind of use, in more or fewer words."""
    kinds = (*TOKEN_KINDS, TOKENS, "") if kind == TOKENS else (kind, "")
    return {
        (line.workspace, model, tier, named)
        for model in (line.model, "")
        for tier in (line.tier, "")
        for named in kinds
    }


def _sum(costs: Mapping[int, Decimal], first: int, last: int) -> Decimal:
    return sum((cost for hour, cost in costs.items() if first <= hour < last), ZERO)


def _why(line: UsageLine) -> str:
    """Say why a line has no price."""
    if line.tier not in PRICED_TIERS:
        return f"{line.tier or 'no'} tier"
    return "model" if line.speed == "standard" else f"{line.speed} mode"
