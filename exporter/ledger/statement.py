"""Freeze the ledger into a snapshot, proved before anyone may see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exporter.errors import OutOfBalance
from exporter.ledger.book import SourceBook, SourceState, total
from exporter.ledger.checks import stated_checks
from exporter.ledger.cost.plan import NO_PLAN, Plan
from exporter.ledger.doubt import Doubt
from exporter.ledger.ledger import Ledger, WindowFigures
from exporter.ledger.sales.orders import Counts
from exporter.ledger.trading.results import Results
from exporter.ledger.trading.venue_book import VenueBook
from exporter.money import ZERO, plain
from exporter.records import Aside, Kind
from exporter.snapshot import (
    COMPONENTS,
    Cursor,
    Figure,
    Opening,
    Reason,
    Snapshot,
    StatedFigure,
    Window,
    per_order,
)
from exporter.snapshot.restated import NOTHING_RESTATED, Restated, restatements
from exporter.snapshot.texts import moment, ratio, usd
from exporter.snapshot.tree import (
    Exposure,
    LargestPosition,
    LiveStatus,
    Position,
    SalesCounts,
    ShopCounts,
    SourceShare,
    SourceStatus,
    StatedDoubt,
    TradingResults,
    Trouble,
    VenueAccount,
    VenueTotals,
    WindowStatement,
)

Standing = tuple[LiveStatus, datetime]
"""How a live feed stands, and since when."""

DOUBTS_STATED = 50
"""Doubts of a source that are stated one by one: a venue can be wrong about ten thousand markets."""

NO_LIMITS: Mapping[str, Decimal] = {}


def state(
    ledger: Ledger,
    *,
    now: datetime,
    cursor: Cursor,
    sources: Mapping[str, SourceState],
    openings: Mapping[str, Mapping[str, Opening]],
    live: Mapping[str, Standing] | None = None,
    plan: Plan = NO_PLAN,
    limits: Mapping[str, Decimal] = NO_LIMITS,
    restated: Restated = NOTHING_RESTATED,
    demo: bool = False,
) -> Snapshot:
    """Return the snapshot of everything booked, as of `now`.

    `live` says how the live feed of a source stands, and since when; `plan` is what API cost is
    measured against, `limits` what alerts, health and pages are, by name with its unit. `restated` is how
    much the sources have said otherwise, and the last of it.

    Raises OutOfBalance when double entry does not sum to zero or a window's parts not to its net.
    """
    ledger.prove()
    figures = ledger.figures(now, sources, openings)
    for window, found in figures.items():
        _prove(window, found)
    several = _several(ledger)
    checks = stated_checks(ledger.venues.values())
    api_cost = None
    if ledger.bills:
        api_cost, drift = ledger.costs.stated(now, plan)
        checks |= drift
    trading = _trading(ledger, now, sources) if ledger.venues else NO_TRADING
    return Snapshot(
        epoch=cursor.epoch,
        sequence=cursor.sequence,
        as_of=moment(now),
        currency="USD",
        timezone=ledger.zone.key,
        mark_rule=ledger.rule,
        lot_rule=ledger.lots,
        windows={window: _window(found, several) for window, found in figures.items()},
        sources={
            name: _source(book, sources[name], now, (live or {}).get(name), ledger.aside.get(name, ()))
            for name, book in ledger.books.items()
        },
        checks=checks,
        unrealised=trading.unrealised,
        positions=trading.positions,
        accounts=trading.accounts,
        trading=trading.results,
        exposure=trading.exposure,
        venues=trading.venues,
        sales=_sales(ledger, now, sources, figures) if ledger.shops else None,
        api_cost=api_cost,
        doubts=_doubts(ledger),
        restatements=restatements(*restated),
        limits={name: plain(limit) for name, limit in limits.items()} or None,
        demo=demo,
    )


def _doubts(ledger: Ledger) -> tuple[StatedDoubt, ...] | None:
    """State what speaks against figures: of each source the first many, and of the others that there are
    more, which may be about any time."""
    stated: list[StatedDoubt] = []
    for name in ledger.books:
        found = [doubt for doubt in ledger.doubts(name) if doubt.components]
        stated += (_doubt(name, doubt) for doubt in found[:DOUBTS_STATED])
        if rest := found[DOUBTS_STATED:]:
            components = frozenset[str]().union(*(doubt.components for doubt in rest))
            reason = Reason(name, rest[0].reason.code, f"{len(rest):,} more doubts")
            stated.append(_doubt(name, Doubt(components=components, reason=reason)))
    return tuple(stated) or None


def _doubt(source: str, doubt: Doubt) -> StatedDoubt:
    return StatedDoubt(
        source=source,
        code=doubt.reason.code,
        text=doubt.reason.text,
        components=tuple(name for name in COMPONENTS if name in doubt.components),
        scope=doubt.scope or None,
        since=None if doubt.since is None else moment(doubt.since),
        until=None if doubt.at is None else moment(doubt.at),
    )


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


def _window(found: WindowFigures, several: frozenset[str]) -> WindowStatement:
    shares = {name: _share(parts) for name, parts in found.by_source.items() if name in several}
    return WindowStatement(
        start=moment(found.start),
        end=moment(found.end),
        net=found.net.stated(),
        components=_components(found.components),
        by_source=shares or None,
    )


def _share(parts: Mapping[str, Figure]) -> SourceShare:
    return SourceShare(net=total(parts.values()).stated(), components=_components(parts))


def _components(parts: Mapping[str, Figure]) -> dict[str, StatedFigure]:
    return {name: parts[name].stated() for name in COMPONENTS if name in parts}


def _source(
    book: SourceBook, state: SourceState, now: datetime, live: Standing | None, aside: Sequence[Aside]
) -> SourceStatus:
    error = None
    if state.error and state.since is not None:
        error = Trouble(reason=state.error, sentence=state.sentence, since=moment(state.since))
    return SourceStatus(
        title=book.info.title,
        kind=book.info.kind,
        grade=state.grade(now).word,
        live=None if live is None else live[0],
        live_since=None if live is None else moment(live[1]),
        as_of=None if state.as_of is None else moment(state.as_of),
        last_success=None if state.last_success is None else moment(state.last_success),
        history=state.history,
        error=error,
        aside=sum(each.count for each in aside) or None,
        ahead=book.journal.ahead() or None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trading:
    """What a snapshot says of all venues together."""

    unrealised: StatedFigure | None = None
    positions: dict[str, Position] | None = None
    accounts: dict[str, VenueAccount] | None = None
    results: dict[Window, TradingResults] | None = None
    exposure: Exposure | None = None
    venues: dict[str, VenueTotals] | None = None


NO_TRADING = Trading()


def _trading(ledger: Ledger, now: datetime, sources: Mapping[str, SourceState]) -> Trading:
    """State what all venues together hold, and each account where there are several."""
    unrealised = ledger.unrealised(now, sources)
    venues = None
    if len(ledger.venues) > 1:
        venues = {
            name: VenueTotals(
                unrealised=figure.stated(), exposure=usd(ledger.venues[name].portfolio.exposure)
            )
            for name, figure in unrealised.items()
        }
    return Trading(
        unrealised=total(unrealised.values()).stated(),
        positions=_positions(ledger, now, sources),
        accounts={name: _account(book) for name, book in ledger.venues.items() if book.cash},
        results={window: _results(found) for window, found in ledger.results(now).items()},
        exposure=_exposure(ledger),
        venues=venues,
    )


def _positions(ledger: Ledger, now: datetime, sources: Mapping[str, SourceState]) -> dict[str, Position]:
    """Return all open positions: by market at the first venue, by venue and market at the others."""
    shown: dict[str, Position] = {}
    for name, book in ledger.venues.items():
        doubted = {doubt.scope for doubt in ledger.doubts(name)}
        held = book.portfolio.shown(book.value(now, sources[name].freshness).old, doubted)
        if shown or name != next(iter(ledger.venues)):
            held = {position_key(ledger, name, scope): position for scope, position in held.items()}
        shown |= held
    return shown


def position_key(ledger: Ledger, source: str, scope: str) -> str:
    """Return what a position is called: its market, with its venue before it unless that is the first."""
    return scope if source == next(iter(ledger.venues)) else f"{source}:{scope}"


def _results(found: Results) -> TradingResults:
    return TradingResults(
        wins=found.wins,
        losses=found.losses,
        even=found.even,
        max_drawdown_usd=usd(found.max_drawdown),
        win_ratio=None if found.win_ratio is None else ratio(found.win_ratio),
        profit_factor=None if found.profit_factor is None else ratio(found.profit_factor),
        fee_ratio=None if found.fee_ratio is None else ratio(found.fee_ratio),
    )


def _exposure(ledger: Ledger) -> Exposure:
    """State the most that the open positions can still lose, and the largest of them."""
    portfolios = {name: book.portfolio for name, book in ledger.venues.items()}
    exposure = sum((portfolio.exposure for portfolio in portfolios.values()), ZERO)
    largest = [(book, name) for name, each in portfolios.items() if (book := each.largest()) is not None]
    if not largest:
        return Exposure(usd=usd(exposure))
    book, name = max(largest, key=lambda found: (found[0].cost, found[0].scope))
    market = position_key(ledger, name, book.scope)
    return Exposure(usd=usd(exposure), largest=LargestPosition(market=market, usd=usd(book.cost)))


def _account(book: VenueBook) -> VenueAccount:
    cash = sum((balance.cash for balance in book.cash.values()), ZERO)
    value = sum((balance.portfolio_value for balance in book.cash.values()), ZERO)
    unexplained = book.cash_difference()
    return VenueAccount(
        cash=usd(cash),
        portfolio_value=usd(value),
        equity=usd(cash + value),
        paid_in=usd(book.paid_in),
        as_of=moment(min(balance.at for balance in book.cash.values())),
        other_cash=usd(book.other_cash) if book.other_cash else None,
        unexplained=usd(unexplained) if unexplained else None,
    )


def _sales(
    ledger: Ledger,
    now: datetime,
    sources: Mapping[str, SourceState],
    figures: Mapping[Window, WindowFigures],
) -> dict[Window, SalesCounts]:
    heard = all(sources[name].as_of is not None for name in ledger.shops)
    return {
        window: _counts(found if heard else {}, figures[window].components)
        for window, found in ledger.counts(now).items()
    }


def _counts(by_shop: Mapping[str, Counts], components: Mapping[str, Figure]) -> SalesCounts:
    """State what is counted of a window; nothing while a shop has never answered, which is not zero."""
    orders = sum(counts.orders for counts in by_shop.values())
    refunds = sum(counts.refunds for counts in by_shop.values())
    shops = {name: ShopCounts(counts.orders, counts.refunds) for name, counts in by_shop.items()}
    return SalesCounts(
        orders=orders if by_shop else None,
        refunds=refunds if by_shop else None,
        per_order=per_order(components, orders, refunds),
        by_source=shops if len(shops) > 1 else None,
    )
