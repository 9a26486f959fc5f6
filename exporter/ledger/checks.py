"""The truth checks of a snapshot: the books against themselves, and against what each venue states."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.trading.equity import Compared
from exporter.ledger.trading.reconciliation import FIGURES
from exporter.ledger.trading.venue_book import VenueBook
from exporter.money import ZERO, plain
from exporter.snapshot import Tree

SIZES = ("contracts", "usd")
"""The units in which a check says by how much it is off."""


def stated_checks(venues: Collection[VenueBook]) -> dict[str, Tree]:
    """Return the checks by name. With several venues a check has the part of each, and fails with any.

    What it is off by is then that of the venue which is off most: differences of two accounts must not
    take each other back.
    """
    checks: dict[str, Tree] = {"balanced": {"ok": True, "usd": plain(ZERO)}}
    stated = {book.info.name: _venue(book) for book in venues}
    titles = {book.info.name: book.info.title for book in venues}
    for name in dict.fromkeys(name for found in stated.values() for name in found):
        parts = {source: found[name] for source, found in stated.items() if name in found}
        if len(stated) == 1:
            (checks[name],) = parts.values()
            continue
        source, worst = max(parts.items(), key=lambda part: (not part[1]["ok"], _size(part[1]), part[0]))
        checks[name] = {**worst, "parts": parts}
        if "detail" in worst:
            checks[name] = {**checks[name], "detail": f"{titles[source]}: {worst['detail']}"}
    return checks


def _size(check: Tree) -> Decimal:
    return max(abs(Decimal(check[unit])) for unit in SIZES if unit in check)


def _venue(book: VenueBook) -> dict[str, Tree]:
    confirmed = book.confirmation.confirmed
    cash = book.cash_difference()
    if cash is None:
        return {}
    checks = {"cash": _check(cash, _unexplained(cash), confirmed("cash"))}
    if book.equity.compared is not None:
        checks["equity"] = _equity(book.equity.compared, confirmed("equity"))
    reconciliation = book.portfolio.reconciliation
    for figure in FIGURES:
        worst = reconciliation.worst(figure)
        unit = "contracts" if figure == "position" else "usd"
        where = f"the largest difference is in {worst.scope}"
        checks[figure] = _check(worst.size, where, confirmed(figure), unit)
    differ, ours, other = reconciliation.lot_rules()
    if differ:
        rule = book.portfolio.lots
        checks["exposure"] = {
            **checks["exposure"],
            "lots": f"of {differ} markets where it matters, {ours} tie by {rule}, {other} by the other rule",
        }
    return checks


def _equity(compared: Compared, confirmed: bool) -> Tree:
    shown: dict[str, Any] = {
        "ok": compared.ok or not confirmed,
        "usd": plain(compared.difference),
        "tolerance_usd": plain(compared.allowed),
    }
    return shown if compared.ok else shown | {"detail": _told(compared.detail, confirmed)}


def _unexplained(cash: Decimal) -> str:
    """Say what the venue's cash differs by, and what the venue itself does not list."""
    side = "more" if cash > 0 else "less"
    return (
        f"the venue's cash is {plain(abs(cash))} {side} than fills, settlements and transfers explain: "
        "interest and incentives are in no list of the venue; what its statement shows of them can be set"
    )


def _check(difference: Decimal, detail: str, confirmed: bool, unit: str = "usd") -> Tree:
    shown: dict[str, Any] = {"ok": difference == 0 or not confirmed, unit: plain(difference)}
    if difference:
        shown["detail"] = _told(detail, confirmed)
    return shown


def _told(detail: str, confirmed: bool) -> str:
    return detail if confirmed else f"{detail}; it counts after {CONFIRMING_READINGS} readings in a row"
