"""One immutable snapshot of all figures, and the delta between two.

Shape:  the JSON tree that the store keeps, `/api/pnl/current` answers and deltas patch
        (docs/stream.md, "The snapshot"). Money is a string; keys may be added, never repurposed.
Rule:   no null anywhere. A merge patch (RFC 7396) deletes on null, so a figure graded
        `missing` has no `usd` key and a source without trouble no `error` key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

from exporter.money import plain

Tree = Mapping[str, Any]
"""A JSON object of strings, numbers, booleans, lists and objects; never changed once built."""

WINDOWS = ("today", "24h", "7d", "30d", "mtd", "ytd", "all")

COMPONENTS = (
    "trading_realised",
    "trading_unrealised_change",
    "trading_fees",
    "sales_gross",
    "sales_refunds",
    "sales_fees",
    "api_cost_billed",
    "api_cost_estimated",
)
"""Signed contributions in income-statement order; their sum is the net, exactly."""

COMPONENT_SOURCE = {
    "trading_realised": "kalshi",
    "trading_unrealised_change": "kalshi",
    "trading_fees": "kalshi",
    "sales_gross": "sales",
    "sales_refunds": "sales",
    "sales_fees": "sales",
    "api_cost_billed": "anthropic",
    "api_cost_estimated": "anthropic",
}


COUNTS = ("orders", "refunds")
"""What is counted of a window: paid sales made in it, refunds given in it."""


class Grade(IntEnum):
    """How far a figure can be trusted, worst first; a sum takes the worst grade of its parts."""

    MISSING = 0
    STALE = 1
    PARTIAL = 2
    ESTIMATED = 3
    FINAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount in dollars with its certainty; `usd` is None exactly when the grade is MISSING.

    `because` names the sources that keep the figure from being final, with the reason.
    """

    usd: Decimal | None
    grade: Grade
    as_of: datetime | None
    because: tuple[str, ...] = ()

    def tree(self) -> dict[str, Any]:
        """Return the figure as JSON; absent parts have no key."""
        shown: dict[str, Any] = {"grade": self.grade.word}
        if self.usd is not None:
            shown["usd"] = plain(self.usd)
        if self.as_of is not None:
            shown["as_of"] = stamp(self.as_of)
        if self.because:
            shown["because"] = list(self.because)
        return shown


@dataclass(frozen=True, slots=True)
class Opening:
    """The unrealised P&L that a stored snapshot stated, to measure a window's change from.

    `until` is when the next snapshot was published, None when that is not known.
    """

    usd: Decimal
    as_of: datetime
    grade: Grade
    until: datetime | None = None

    def holds(self, start: datetime) -> bool:
        """Tell whether this is the opening of a window that starts then, without another look.

        It is from its own time to the next snapshot's; before its time only as the earliest there is,
        which it was when it was looked up for a start before it.
        """
        return start < self.as_of or (self.until is not None and start < self.until)


def stamp(at: datetime) -> str:
    """Return a UTC time as RFC 3339 text with microseconds, so that text sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unstamp(text: str) -> datetime:
    """Return the time that `stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def diff(old: Tree, new: Tree) -> dict[str, Any]:
    """Return the merge patch that turns `old` into `new`; empty when they are equal.

    Parts the two share by identity are skipped unread, so the cost is that of what changed.
    """
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        if key not in old:
            patch[key] = value
            continue
        before = old[key]
        if before is value:
            continue
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            if inner := diff(before, value):
                patch[key] = inner
        elif not _same(before, value):
            patch[key] = value
    return patch


def _same(one: Any, other: Any) -> bool:
    # JSON tells true from 1, Python does not.
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def apply(old: Tree, patch: Tree) -> dict[str, Any]:
    """Return `old` with the merge patch applied; neither argument is changed (RFC 7396)."""
    new = dict(old)
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, Mapping):
            before = new.get(key)
            new[key] = apply(before if isinstance(before, Mapping) else {}, value)
        else:
            new[key] = value
    return new


def encode(tree: Tree) -> bytes:
    """Return the tree as compact JSON; the same tree gives the same bytes."""
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def decode(body: bytes) -> dict[str, Any]:
    """Return the tree that `encode` wrote."""
    tree: dict[str, Any] = json.loads(body)
    return tree


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the stream: which numbering, and how far. Written `epoch-sequence`."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor the text states, None when it states none."""
        epoch, dash, sequence = text.rpartition("-")
        if not dash or not epoch or not (sequence.isascii() and sequence.isdigit()) or len(sequence) > 18:
            return None
        return cls(epoch, int(sequence))


HISTORY_FIELDS = tuple(f"{window}.net" for window in WINDOWS) + tuple(
    f"{window}.{component}" for window in WINDOWS for component in COMPONENTS
)
HISTORY_COLUMNS = (
    *HISTORY_FIELDS,
    *(f"{window}.grade" for window in WINDOWS),
    "unrealised",
    "unrealised.grade",
    "equity",
    "cash",
    "paid_in",
    "exposure",
    "equity.grade",
)
"""What every stored snapshot says in one short row for charts. Append only: rows are read by position."""


def history_row(tree: Tree) -> list[str | None]:
    """Return the snapshot's row of HISTORY_COLUMNS; None stands for a missing figure."""
    windows = tree["windows"]
    row: list[str | None] = [windows[window]["net"].get("usd") for window in WINDOWS]
    for window in WINDOWS:
        components = windows[window]["components"]
        row.extend(components[name].get("usd") if name in components else None for name in COMPONENTS)
    row.extend(windows[window]["net"]["grade"] for window in WINDOWS)
    unrealised = tree.get("unrealised", {})
    account = tree.get("accounts", {}).get("kalshi", {})
    row += [unrealised.get("usd"), unrealised.get("grade")]
    row += [account.get("equity"), account.get("cash"), account.get("paid_in")]
    row.append(tree.get("exposure", {}).get("usd"))
    row.append(tree.get("sources", {}).get("kalshi", {}).get("grade") if account else None)
    return row
