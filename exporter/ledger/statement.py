"""Freeze the ledger into the snapshot tree, proved before anyone may see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from exporter.errors import OutOfBalance
from exporter.ledger.book import SourceState, total
from exporter.ledger.checks import stated_checks
from exporter.ledger.cost.plan import NO_PLAN, Plan
from exporter.ledger.ledger import Ledger, WindowFigures
from exporter.ledger.sales.orders import Counts
from exporter.ledger.trading.results import Results
from exporter.ledger.trading.venue_book import VenueBook
from exporter.money import ZERO, plain
from exporter.records import Kind, SourceInfo
from exporter.snapshot import COMPONENTS, Cursor, Figure, Opening, Tree, per_order
from exporter.times import stamp

NO_LIMITS: Mapping[str, Decimal] = {}


def state(
    ledger: Ledger,
    *,
    now: datetime,
    cursor: Cursor,
    sources: Mapping[str, SourceState],
    openings: Mapping[str, Mapping[str, Opening]],
    live: Mapping[str, tuple[str, datetime]] | None = None,
    plan: Plan = NO_PLAN,
    limits: Mapping[str, Decimal] = NO_LIMITS,
    demo: bool = False,
) -> Tree:
    """Return the snapshot of everything booked, as of `now`.

    `live` says how the live feed of a source stands, and since when; `plan` is what API cost is
    measured against, `limits` what alerts, health and pages are, by name with its unit.

    Raises OutOfBalance when double entry does not sum to zero or a window's parts not to its net.
    """
    ledger.prove()
    figures = ledger.figures(now, sources, openings)
    for window, stated in figures.items():
        _prove(window, stated)
    several = _several(ledger)
    tree: dict[str, Any] = {
        "epoch": cursor.epoch,
        "sequence": cursor.sequence,
        "as_of": stamp(now),
        "currency": "USD",
        "timezone": ledger.zone.key,
        "mark_rule": ledger.rule,
        "lot_rule": ledger.lots,
        "windows": {window: _window(stated, several) for window, stated in figures.items()},
        "sources": {
            name: _source(book.info, sources[name], now, (live or {}).get(name))
            for name, book in ledger.books.items()
        },
        "checks": stated_checks(ledger.venues.values()),
    }
    if ledger.venues:
        tree |= _trading(ledger, now, sources)
    if ledger.shops:
        heard = all(sources[name].as_of is not None for name in ledger.shops)
        tree["sales"] = {
            window: _counts(stated if heard else {}, figures[window].components)
            for window, stated in ledger.counts(now).items()
        }
    if ledger.bills:
        tree["api_cost"], compared = ledger.costs.stated(now, plan)
        tree["checks"] |= compared
    if limits:
        tree["limits"] = {name: plain(limit) for name, limit in limits.items()}
    if demo:
        tree["demo"] = True
    return tree


def _several(ledger: Ledger) -> frozenset[str]:
    """Return the sources of kinds that have several: where there is one, the sum is its own part."""
    kinds: tuple[Kind, ...] = ("venue", "sales", "api_cost")
    named = [ledger.of_kind(kind) for kind in kinds]
    return frozenset(name for names in named if len(names) > 1 for name in names)


def _prove(window: str, stated: WindowFigures) -> None:
    if stated.net.usd is None:
        return
    for parts, of in (
        (stated.components.values(), "parts"),
        ((part for found in stated.by_source.values() for part in found.values()), "sources"),
    ):
        summed = sum((part.usd for part in parts if part.usd is not None), ZERO)
        if summed != stated.net.usd:
            raise OutOfBalance(f"The {of} of {window} sum to {summed}, its net is {stated.net.usd}.")


def _window(stated: WindowFigures, several: frozenset[str]) -> Tree:
    shown: dict[str, Any] = {
        "from": stamp(stated.start),
        "to": stamp(stated.end),
        "net": stated.net.tree(),
        "components": _components(stated.components),
    }
    if several:
        shown["by_source"] = {
            name: {"net": total(parts.values()).tree(), "components": _components(parts)}
            for name, parts in stated.by_source.items()
            if name in several
        }
    return shown


def _components(parts: Mapping[str, Figure]) -> Tree:
    return {name: parts[name].tree() for name in COMPONENTS if name in parts}


def _source(info: SourceInfo, state: SourceState, now: datetime, live: tuple[str, datetime] | None) -> Tree:
    shown: dict[str, Any] = {"title": info.title, "kind": info.kind, "grade": state.grade(now).word}
    if live is not None:
        shown["live"], shown["live_since"] = live[0], stamp(live[1])
    if state.as_of is not None:
        shown["as_of"] = stamp(state.as_of)
    if state.last_success is not None:
        shown["last_success"] = stamp(state.last_success)
    if state.history:
        shown["history"] = list(state.history)
    if state.error and state.since is not None:
        shown["error"] = {
            "reason": state.error,
            "sentence": state.sentence,
            "since": stamp(state.since),
        }
    return shown


def _trading(ledger: Ledger, now: datetime, sources: Mapping[str, SourceState]) -> Tree:
    """State what all venues together hold, and each account where there are several."""
    unrealised = ledger.unrealised(now, sources)
    stated: dict[str, Any] = {
        "unrealised": total(unrealised.values()).tree(),
        "positions": _positions(ledger, now, sources),
        "accounts": {name: _account(book) for name, book in ledger.venues.items() if book.cash},
        "trading": {window: _results(found) for window, found in ledger.results(now).items()},
        "exposure": _exposure(ledger),
    }
    if len(ledger.venues) > 1:
        stated["venues"] = {
            name: {
                "unrealised": figure.tree(),
                "exposure": plain(ledger.venues[name].portfolio.exposure),
            }
            for name, figure in unrealised.items()
        }
    return stated


def _positions(ledger: Ledger, now: datetime, sources: Mapping[str, SourceState]) -> Tree:
    """Return all open positions: by market at the first venue, by venue and market at the others."""
    shown: dict[str, Tree] = {}
    for name, book in ledger.venues.items():
        held = book.portfolio.shown(book.value(now, sources[name].freshness).old)
        if shown or name != next(iter(ledger.venues)):
            held = {position_key(ledger, name, scope): position for scope, position in held.items()}
        shown |= held
    return shown


def position_key(ledger: Ledger, source: str, scope: str) -> str:
    """Return what a position is called: its market, with its venue before it unless that is the first."""
    return scope if source == next(iter(ledger.venues)) else f"{source}:{scope}"


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
    portfolios = {name: book.portfolio for name, book in ledger.venues.items()}
    exposure = sum((portfolio.exposure for portfolio in portfolios.values()), ZERO)
    shown: dict[str, Any] = {"usd": plain(exposure)}
    largest = [(book, name) for name, each in portfolios.items() if (book := each.largest()) is not None]
    if largest:
        book, name = max(largest, key=lambda found: (found[0].cost, found[0].scope))
        shown["largest"] = {"market": position_key(ledger, name, book.scope), "usd": plain(book.cost)}
    return shown


def _account(book: VenueBook) -> Tree:
    cash = sum((balance.cash for balance in book.cash.values()), ZERO)
    unexplained = book.cash_difference()
    value = sum((balance.portfolio_value for balance in book.cash.values()), ZERO)
    return {
        "cash": plain(cash),
        "portfolio_value": plain(value),
        "equity": plain(cash + value),
        "paid_in": plain(book.paid_in),
        "as_of": stamp(min(balance.at for balance in book.cash.values())),
        **({"other_cash": plain(book.other_cash)} if book.other_cash else {}),
        **({"unexplained": plain(unexplained)} if unexplained else {}),
    }


def _counts(by_shop: Mapping[str, Counts], components: Mapping[str, Figure]) -> Tree:
    """State what is counted of a window; nothing while a shop has never answered, which is not zero."""
    orders = sum(counts.orders for counts in by_shop.values())
    refunds = sum(counts.refunds for counts in by_shop.values())
    shown: dict[str, Any] = {"orders": orders, "refunds": refunds} if by_shop else {}
    if divided := per_order(components, orders, refunds):
        shown["per_order"] = divided
    if len(by_shop) > 1:
        shown["by_source"] = {name: asdict(counts) for name, counts in by_shop.items()}
    return shown
