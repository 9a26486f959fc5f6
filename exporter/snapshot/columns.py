"""What every stored snapshot says in one short row for charts."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.money import ZERO
from exporter.snapshot.components import COMPONENTS, WINDOWS
from exporter.snapshot.figure import Grade
from exporter.snapshot.texts import Usd, decimal, usd
from exporter.snapshot.tree import Snapshot

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
"""What every stored snapshot says in one short row for charts. A row is stored with the names of its day, so
columns may come, go and move here."""

RENAMED: dict[str, str] = {}
"""What columns of stored rows are called today, by the names they were written under. Who renames a column
says so here, and what is stored is found by its new name; a column that is dropped is just not asked for."""


def history_row(snapshot: Snapshot) -> list[str | None]:
    """Return the snapshot's row of HISTORY_COLUMNS; None stands for a missing figure, accounts are added."""
    windows = [snapshot.windows[window] for window in WINDOWS]
    row: list[str | None] = [stated.net.usd for stated in windows]
    for stated in windows:
        parts = stated.components
        row.extend(parts[name].usd if name in parts else None for name in COMPONENTS)
    row.extend(stated.net.grade for stated in windows)
    unrealised, exposure = snapshot.unrealised, snapshot.exposure
    row += [None, None] if unrealised is None else [unrealised.usd, unrealised.grade]
    accounts = (snapshot.accounts or {}).values()
    row.append(_sum(each.equity for each in accounts))
    row.append(_sum(each.cash for each in accounts))
    row.append(_sum(each.paid_in for each in accounts))
    row.append(None if exposure is None else exposure.usd)
    grades = [Grade.of(snapshot.sources[name].grade) for name in snapshot.accounts or {}]
    row.append(min(grades).word if grades else None)
    return row


def _sum(amounts: Iterable[Usd]) -> Usd | None:
    known = [decimal(amount) for amount in amounts]
    return usd(sum(known, ZERO)) if known else None
