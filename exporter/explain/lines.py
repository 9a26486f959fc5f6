"""What an explanation is made of: lines that sum to a figure, each with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from exporter.errors import ExporterError
from exporter.money import ZERO, plain
from exporter.records import BilledDay, Fill, KeyUsage, Record, Sale, Settlement, UsageHour
from exporter.snapshot import Reason, plain_json
from exporter.store import RawSource, Revision, Store
from exporter.times import stamp

MOST_RECORDS = 200_000
"""Records read for one explanation: some seconds. A window with more is asked for in parts."""

ANSWERS = 3
"""Raw answers named for a line: a record stands in one page of a list, and the list in a few."""

PATHS = {
    BilledDay.kind: "cost",
    UsageHour.kind: "usage",
    KeyUsage.kind: "usage",
    Sale.kind: "sales",
    Fill.kind: "fills",
    Settlement.kind: "settlements",
}
"""What the request of a record's raw answer holds, to find it among those of a reading."""


class CannotExplain(ExporterError):
    """There is nothing to explain it from; the text says why, and what can be asked."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The revision of a record that a line rests on, and what it was read from."""

    kind: str
    key: str
    revision: int
    recorded_at: datetime
    answers: tuple[RawSource, ...]

    def tree(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "revision": self.revision,
            "recorded_at": stamp(self.recorded_at),
            "answers": [
                {
                    "request": answer.request,
                    "fetched_at": stamp(answer.fetched_at),
                    "sha256": answer.sha256,
                }
                for answer in self.answers
            ],
        }


@dataclass(frozen=True, slots=True)
class LineItem:
    """An amount with its sign for us; `revisions` are what it rests on, proved when it is shown."""

    at: datetime | None
    what: str
    usd: Decimal
    revisions: tuple[Revision, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """A figure with a page of its lines; `total` is of all lines, `usd` None where there is no figure."""

    window: str
    figure: str
    epoch: str
    sequence: int
    as_of: str
    start: str
    grade: str
    because: tuple[Reason, ...]
    usd: Decimal | None
    total: Decimal
    count: int
    offset: int
    lines: tuple[tuple[LineItem, tuple[Proof, ...]], ...]

    @property
    def exact(self) -> bool:
        """Tell whether the lines sum to the figure, to the last digit."""
        return self.usd is None or self.usd == self.total

    def tree(self) -> dict[str, Any]:
        """Return the explanation as JSON; a figure that is missing has no `usd`."""
        stated: dict[str, Any] = {
            "epoch": self.epoch,
            "sequence": self.sequence,
            "as_of": self.as_of,
            "window": self.window,
            "figure": self.figure,
            "from": self.start,
            "grade": self.grade,
            "because": [plain_json(reason) for reason in self.because],
            "sum": plain(self.total),
            "exact": self.exact,
            "count": self.count,
            "offset": self.offset,
            "lines": [_line(line, proofs) for line, proofs in self.lines],
        }
        return stated if self.usd is None else {**stated, "usd": plain(self.usd)}


def _line(line: LineItem, proofs: tuple[Proof, ...]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "what": line.what,
        "usd": plain(line.usd),
        "records": [proof.tree() for proof in proofs],
    }
    return shown if line.at is None else {"at": stamp(line.at), **shown}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of a day side by side; None for a side that has no figure."""

    name: str
    estimate: Decimal | None
    billed: Decimal | None

    @property
    def drift(self) -> Decimal | None:
        """Billed minus estimated; None while the day is not billed, or for what was not estimated."""
        if self.billed is None or self.estimate is None:
            return None
        return self.billed - self.estimate

    def tree(self) -> dict[str, Any]:
        amounts = {"estimate": self.estimate, "billed": self.billed, "drift": self.drift}
        stated = {name: plain(amount) for name, amount in amounts.items() if amount is not None}
        return {"name": self.name, **stated}


@dataclass(frozen=True, slots=True)
class Moment:
    """What a day was estimated at, or billed, from a moment on; `hours` is how many were known."""

    at: datetime
    what: str
    usd: Decimal
    hours: int = 0

    def tree(self) -> dict[str, Any]:
        return {"at": stamp(self.at), "what": self.what, "usd": plain(self.usd), "hours": self.hours}


@dataclass(frozen=True, slots=True)
class DayExplained:
    """A UTC day of API cost: estimate and bill side by side, and how either came to be."""

    day: date
    total: Comparison
    tables: dict[str, tuple[Comparison, ...]]
    unpriced: tuple[tuple[str, str, int], ...]
    history: tuple[Moment, ...]
    proofs: tuple[Proof, ...]

    @property
    def unestimated(self) -> Decimal:
        """What of the bill usage cannot show, or has no list price; the rest of the difference is drift."""
        return sum((row.billed or ZERO for row in self.tables["model"] if row.estimate is None), ZERO)

    def tree(self) -> dict[str, Any]:
        """Return the explanation as JSON."""
        return {
            "day": self.day.isoformat(),
            "total": self.total.tree(),
            "unestimated": plain(self.unestimated),
            **{f"by_{name}": [row.tree() for row in rows] for name, rows in self.tables.items()},
            "unpriced": [
                {"model": model, "reason": why, "tokens": tokens} for model, why, tokens in self.unpriced
            ],
            "history": [moment.tree() for moment in self.history],
            "records": [proof.tree() for proof in self.proofs],
        }


def proof(store: Store, revision: Revision) -> Proof:
    """Return what a revision was read from."""
    record = revision.record
    answers = store.evidence.answers(revision.reading, PATHS.get(record.kind, ""), _mention(record))
    return Proof(record.kind, record.key, revision.number, revision.recorded_at, tuple(answers[:ANSWERS]))


def _mention(record: Record) -> str:
    """Return what the answer that a record was read from says of it, word for word."""
    match record:
        case Settlement():
            return record.ticker
        case BilledDay() | UsageHour() | KeyUsage():
            return f"{record.at:%Y-%m-%dT%H:%M:%SZ}"
    return record.key


def total(lines: list[LineItem]) -> Decimal:
    """Return the sum of the lines."""
    return sum((line.usd for line in lines), ZERO)
