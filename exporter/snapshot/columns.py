"""What every stored snapshot says in one short row for charts."""

from __future__ import annotations

from exporter.snapshot.components import COMPONENTS, WINDOWS
from exporter.snapshot.patch import Tree

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
