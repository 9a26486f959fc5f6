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


OF_SOURCE = "@"
"""Between the name of a figure and the source that it is of, as in `today.net@hedge`."""

ONLY_VENUE = "kalshi"
"""The venue that `unrealised` is of in rows that do not say whose it is: there was no other when they were
written."""


def of_source(field: str, source: str) -> str:
    """Return the column of a figure of one source."""
    return f"{field}{OF_SOURCE}{source}"


def history_row(snapshot: Snapshot) -> dict[str, str | None]:
    """Return the snapshot's row, by column; None stands for a missing figure, accounts are added.

    Behind HISTORY_COLUMNS stand those of single sources: of each venue what is unrealised, which the next
    start of a window is measured from, and of sources of a kind that has several all that is told apart.
    """
    windows = [snapshot.windows[window] for window in WINDOWS]
    values: list[str | None] = [stated.net.usd for stated in windows]
    for stated in windows:
        parts = stated.components
        values.extend(parts[name].usd if name in parts else None for name in COMPONENTS)
    values.extend(stated.net.grade for stated in windows)
    unrealised, exposure = snapshot.unrealised, snapshot.exposure
    values += [None, None] if unrealised is None else [unrealised.usd, unrealised.grade]
    accounts = (snapshot.accounts or {}).values()
    values.append(_sum(each.equity for each in accounts))
    values.append(_sum(each.cash for each in accounts))
    values.append(_sum(each.paid_in for each in accounts))
    values.append(None if exposure is None else exposure.usd)
    grades = [Grade.of(snapshot.sources[name].grade) for name in snapshot.accounts or {}]
    values.append(min(grades).word if grades else None)
    row = dict(zip(HISTORY_COLUMNS, values, strict=True))
    return row | _by_venue(snapshot) | _by_source(snapshot)


def _by_venue(snapshot: Snapshot) -> dict[str, str | None]:
    if snapshot.unrealised is None:
        return {}
    venues = [name for name, source in snapshot.sources.items() if source.kind == "venue"]
    stated = {name: venue.unrealised for name, venue in (snapshot.venues or {}).items()}
    row: dict[str, str | None] = {}
    for name in venues:
        figure = stated.get(name, snapshot.unrealised)
        row[of_source("unrealised", name)] = figure.usd
        row[of_source("unrealised.grade", name)] = figure.grade
    return row


def _by_source(snapshot: Snapshot) -> dict[str, str | None]:
    row: dict[str, str | None] = {}
    for window in WINDOWS:
        for name, share in (snapshot.windows[window].by_source or {}).items():
            row[of_source(f"{window}.net", name)] = share.net.usd
            row |= {of_source(f"{window}.{part}", name): each.usd for part, each in share.components.items()}
    if snapshot.venues:
        for name, account in (snapshot.accounts or {}).items():
            row[of_source("equity", name)] = account.equity
            row[of_source("cash", name)] = account.cash
            row[of_source("paid_in", name)] = account.paid_in
    return row


def _sum(amounts: Iterable[Usd]) -> Usd | None:
    known = [decimal(amount) for amount in amounts]
    return usd(sum(known, ZERO)) if known else None
