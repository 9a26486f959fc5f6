"""Freeze the ledger into the snapshot tree, proved before anyone may see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from exporter.errors import OutOfBalance
from exporter.ledger.cost.plan import NO_PLAN, Plan
from exporter.ledger.ledger import Ledger, SourceState, WindowFigures
from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.trading.equity import Compared
from exporter.ledger.trading.portfolio import Valuation
from exporter.ledger.trading.reconciliation import FIGURES
from exporter.ledger.trading.results import Results
from exporter.money import ZERO, plain
from exporter.snapshot import COMPONENTS, Cursor, Figure, Grade, Opening, Tree
from exporter.times import stamp


def state(
    ledger: Ledger,
    *,
    now: datetime,
    cursor: Cursor,
    sources: Mapping[str, SourceState],
    openings: Mapping[str, Opening],
    live: Mapping[str, tuple[str, datetime]] | None = None,
    plan: Plan = NO_PLAN,
    demo: bool = False,
) -> Tree:
    """Return the snapshot of everything booked, as of `now`.

    `live` says how the live feed of a source stands, and since when; `plan` is what API cost is
    measured against.

    Raises OutOfBalance when double entry does not sum to zero or a window's parts not to its net.
    """
    ledger.journal.prove()
    figures = ledger.figures(now, sources, openings)
    for window, stated in figures.items():
        _prove(window, stated)
    valuation = ledger.value(now, sources)
    tree: dict[str, Any] = {
        "epoch": cursor.epoch,
        "sequence": cursor.sequence,
        "as_of": stamp(now),
        "currency": "USD",
        "timezone": ledger.zone.key,
        "mark_rule": ledger.portfolio.rule,
        "lot_rule": ledger.portfolio.lots,
        "windows": {window: _window(stated) for window, stated in figures.items()},
        "sources": {name: _source(source, now, (live or {}).get(name)) for name, source in sources.items()},
        "checks": _checks(ledger),
    }
    if "kalshi" in sources:
        tree["unrealised"] = _unrealised(valuation, sources["kalshi"], now).tree()
        tree["positions"] = ledger.portfolio.shown(valuation.old)
        tree["accounts"] = _accounts(ledger)
        tree["trading"] = {window: _results(stated) for window, stated in ledger.results(now).items()}
        tree["exposure"] = _exposure(ledger)
    if "sales" in sources and sources["sales"].as_of is not None:
        tree["sales"] = {window: asdict(counts) for window, counts in ledger.counts(now).items()}
    if "anthropic" in sources:
        tree["api_cost"], compared = ledger.costs.stated(now, plan)
        tree["checks"] |= compared
    if demo:
        tree["demo"] = True
    return tree


def _prove(window: str, stated: WindowFigures) -> None:
    if stated.net.usd is None:
        return
    parts = sum((part.usd for part in stated.components.values() if part.usd is not None), ZERO)
    if parts != stated.net.usd:
        raise OutOfBalance(f"The parts of {window} sum to {parts}, its net is {stated.net.usd}.")


def _window(stated: WindowFigures) -> Tree:
    components = stated.components
    return {
        "from": stamp(stated.start),
        "to": stamp(stated.end),
        "net": stated.net.tree(),
        "components": {name: components[name].tree() for name in COMPONENTS if name in components},
    }


def _source(source: SourceState, now: datetime, live: tuple[str, datetime] | None) -> Tree:
    shown: dict[str, Any] = {"grade": source.grade(now).word}
    if live is not None:
        shown["live"], shown["live_since"] = live[0], stamp(live[1])
    if source.as_of is not None:
        shown["as_of"] = stamp(source.as_of)
    if source.last_success is not None:
        shown["last_success"] = stamp(source.last_success)
    if source.history:
        shown["history"] = list(source.history)
    if source.error and source.since is not None:
        shown["error"] = {
            "reason": source.error,
            "sentence": source.sentence,
            "since": stamp(source.since),
        }
    return shown


def _unrealised(valuation: Valuation, source: SourceState, now: datetime) -> Figure:
    if source.as_of is None or valuation.grade is Grade.MISSING:
        return Figure(None, Grade.MISSING, source.as_of, valuation.because)
    grade = min(valuation.grade, source.grade(now), *([Grade.PARTIAL] if source.history else []))
    because = (*valuation.because, *(f"kalshi: {what}" for what in source.history))
    return Figure(valuation.usd, grade, source.as_of, because)


def _results(stated: Results) -> Tree:
    ratios = {
        "win_ratio": stated.win_ratio,
        "profit_factor": stated.profit_factor,
        "fee_ratio": stated.fee_ratio,
    }
    return {
        "wins": stated.wins,
        "losses": stated.losses,
        "even": stated.even,
        "max_drawdown_usd": plain(stated.max_drawdown),
        **{name: plain(ratio) for name, ratio in ratios.items() if ratio is not None},
    }


def _exposure(ledger: Ledger) -> Tree:
    """State the most that the open positions can still lose, and the largest of them."""
    shown: dict[str, Any] = {"usd": plain(ledger.portfolio.exposure)}
    largest = ledger.portfolio.largest()
    if largest is not None:
        shown["largest"] = {"market": largest.scope, "usd": plain(largest.cost)}
    return shown


def _accounts(ledger: Ledger) -> Tree:
    if not ledger.cash:
        return {}
    cash = sum((balance.cash for balance in ledger.cash.values()), ZERO)
    unexplained = ledger.cash_difference()
    value = sum((balance.portfolio_value for balance in ledger.cash.values()), ZERO)
    return {
        "kalshi": {
            "cash": plain(cash),
            "portfolio_value": plain(value),
            "equity": plain(cash + value),
            "paid_in": plain(ledger.paid_in),
            "as_of": stamp(min(balance.at for balance in ledger.cash.values())),
            **({"other_cash": plain(ledger.other_cash)} if ledger.other_cash else {}),
            **({"unexplained": plain(unexplained)} if unexplained else {}),
        }
    }


def _checks(ledger: Ledger) -> Tree:
    checks: dict[str, Tree] = {"balanced": {"ok": True, "usd": plain(ZERO)}}
    confirmed = ledger.confirmation.confirmed
    cash = ledger.cash_difference()
    if cash is None:
        return checks
    checks["cash"] = _check(cash, _unexplained(cash), confirmed("cash"))
    if ledger.equity.compared is not None:
        checks["equity"] = _equity(ledger.equity.compared, confirmed("equity"))
    reconciliation = ledger.portfolio.reconciliation
    for figure in FIGURES:
        worst = reconciliation.worst(figure)
        unit = "contracts" if figure == "position" else "usd"
        where = f"the largest difference is in {worst.scope}"
        checks[figure] = _check(worst.size, where, confirmed(figure), unit)
    differ, ours, other = reconciliation.lot_rules()
    if differ:
        rule = ledger.portfolio.lots
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
