"""The truth checks of a snapshot: the books against themselves, and against what each venue states."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from msgspec import structs

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.trading.equity import Compared
from exporter.ledger.trading.reconciliation import FIGURES
from exporter.ledger.trading.venue_book import CONTRACTS, DOUBTED, VenueBook
from exporter.money import ZERO, plain
from exporter.snapshot.texts import contracts, decimal, moment, usd
from exporter.snapshot.tree import Check, CheckPart


def stated_checks(venues: Collection[VenueBook]) -> dict[str, Check]:
    """Return the checks by name. With several venues a check has the part of each, and fails with any.

    What it is off by is then that of the venue which is off most: differences of two accounts must not
    take each other back.
    """
    checks = {"balanced": Check(ok=True, usd=usd(ZERO))}
    stated = {book.info.name: _venue(book) for book in venues}
    titles = {book.info.name: book.info.title for book in venues}
    for name in dict.fromkeys(name for found in stated.values() for name in found):
        parts = {source: found[name] for source, found in stated.items() if name in found}
        source, worst = max(parts.items(), key=lambda part: (not part[1].ok, _size(part[1]), part[0]))
        if len(stated) == 1:
            checks[name] = _check_of(worst)
        else:
            detail = None if worst.detail is None else f"{titles[source]}: {worst.detail}"
            checks[name] = _check_of(structs.replace(worst, detail=detail), parts)
    return checks


def _check_of(part: CheckPart, parts: dict[str, CheckPart] | None = None) -> Check:
    return Check(**structs.asdict(part), parts=parts)


def _size(check: CheckPart) -> Decimal:
    return max(abs(decimal(size)) for size in (check.contracts, check.usd) if size is not None)


def _venue(book: VenueBook) -> dict[str, CheckPart]:
    confirmed = book.confirmation.confirmed
    cash = book.cash_difference()
    if cash is None:
        return {}
    checks = {"cash": _compared("cash", cash, _unexplained(cash), confirmed("cash"))}
    since = book.off_by.since
    if cash and since is not None:
        checks["cash"] = structs.replace(checks["cash"], since=moment(since))
    if book.equity.compared is not None:
        checks["equity"] = _equity(book.equity.compared, confirmed("equity"))
    reconciliation = book.portfolio.reconciliation
    for figure in FIGURES:
        worst = reconciliation.worst(figure)
        where = f"the largest difference is in {worst.scope}"
        against = reconciliation.confirmed(figure)
        check = _compared(figure, worst.size, where, bool(against))
        if against:
            size = contracts if figure == CONTRACTS else usd
            markets = {scope: size(off) for scope, off in sorted(against.items())}
            check = structs.replace(check, markets=markets)
        checks[figure] = check
    differ, ours, other = reconciliation.lot_rules()
    if differ:
        rule = book.portfolio.lots
        lots = f"of {differ} markets where it matters, {ours} tie by {rule}, {other} by the other rule"
        checks["exposure"] = structs.replace(checks["exposure"], lots=lots)
    return checks


def _equity(compared: Compared, confirmed: bool) -> CheckPart:
    ok = compared.ok or not confirmed
    return CheckPart(
        ok=ok,
        usd=usd(compared.difference),
        tolerance_usd=usd(compared.allowed),
        detail=None if compared.ok else _told(compared.detail, confirmed),
        doubts=None if ok or compared.held_ok else _doubts("equity"),
    )


def _unexplained(cash: Decimal) -> str:
    """Say what the venue's cash differs by, and what the venue itself does not list."""
    side = "more" if cash > 0 else "less"
    return (
        f"the venue's cash is {plain(abs(cash))} {side} than fills, settlements and transfers explain: "
        "interest and incentives are in no list of the venue; what its statement shows of them can be set"
    )


def _compared(check: str, difference: Decimal, detail: str, confirmed: bool) -> CheckPart:
    """State a difference, of contracts in the position, else of dollars."""
    ok, counted = difference == 0 or not confirmed, check == CONTRACTS
    return CheckPart(
        ok=ok,
        usd=None if counted else usd(difference),
        contracts=contracts(difference) if counted else None,
        detail=_told(detail, confirmed) if difference else None,
        doubts=None if ok else _doubts(check),
    )


def _doubts(check: str) -> tuple[str, ...]:
    return tuple(sorted(DOUBTED[check]))


def _told(detail: str, confirmed: bool) -> str:
    return detail if confirmed else f"{detail}; it counts after {CONFIRMING_READINGS} readings in a row"
