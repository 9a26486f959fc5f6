"""One figure of one window: the lines it is the sum of, from the records that were known then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from exporter.explain.lines import MOST_RECORDS, CannotExplain, Explained, LineItem, proof, total
from exporter.ledger.cost.day import CostDay
from exporter.ledger.journal import Entry
from exporter.ledger.sales.sale_entries import sale_entries
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.positions import Book, Event, in_order
from exporter.ledger.windows import starts
from exporter.money import plain
from exporter.records import BilledDay, Fill, Sale, Settlement, UsageHour, ticker_of
from exporter.snapshot import COMPONENTS, WINDOWS, Tree
from exporter.store import Revision, Store
from exporter.times import from_us, to_us, unstamp

NET = "net"
FIGURES = (NET, *COMPONENTS)
TRADES = (Fill.kind, Settlement.kind)
COSTS = (BilledDay.kind, UsageHour.kind)
REFUNDED = '"refund_id"'
"""What the body of a sale holds that has refunds; those count when they were given, however old the sale."""


def explain_figure(
    store: Store,
    *,
    window: str,
    figure: str,
    at: datetime | None = None,
    offset: int = 0,
    limit: int = 50,
    most: int = MOST_RECORDS,
) -> Explained:
    """Return a figure as it was published last at a moment (default: now), with a page of its lines.

    Raises CannotExplain when there is no such figure, or too much behind it.
    """
    if window not in WINDOWS or figure not in FIGURES:
        raise CannotExplain(
            f"There is no figure {window}.{figure}: a window is one of {', '.join(WINDOWS)}, "
            f"a figure one of {', '.join(FIGURES)}."
        )
    tree = _snapshot(store, at)
    stated = tree["windows"][window]
    shown = stated["net"] if figure == NET else stated["components"].get(figure)
    if shown is None:
        raise CannotExplain(f"{figure} takes no part: its source is switched off.")
    lines = _lines(store, tree, window, figure, most)
    page = lines[offset : offset + limit]
    return Explained(
        window=window,
        figure=figure,
        epoch=tree["epoch"],
        sequence=tree["sequence"],
        as_of=tree["as_of"],
        start=stated["from"],
        grade=shown["grade"],
        because=tuple(shown.get("because", ())),
        usd=Decimal(shown["usd"]) if "usd" in shown else None,
        total=total(lines),
        count=len(lines),
        offset=offset,
        lines=tuple((line, tuple(proof(store, each) for each in line.revisions)) for line in page),
    )


def _snapshot(store: Store, at: datetime | None) -> Tree:
    sequence = store.snapshots.last_sequence() if at is None else store.evidence.snapshot(at)
    tree = store.snapshots.at(sequence) if sequence else None
    if tree is None:
        raise CannotExplain("No snapshot of that time is kept whole: ask for a later one.")
    return tree


def _lines(store: Store, tree: Tree, window: str, figure: str, most: int) -> list[LineItem]:
    until = unstamp(tree["as_of"])
    start = starts(until, ZoneInfo(tree["timezone"]))[window]
    if figure == NET:
        components = tree["windows"][window]["components"]
        return [
            LineItem(None, name, Decimal(part["usd"])) for name, part in components.items() if "usd" in part
        ]
    if figure == "trading_unrealised_change":
        return _unrealised(store, tree, window, start)
    if figure.startswith("api_cost"):
        return _costs(store, tree, figure, start, until, most)
    return _entries(store, tree, figure, start, until, most)


def _entries(
    store: Store, tree: Tree, figure: str, start: datetime | None, until: datetime, most: int
) -> list[LineItem]:
    """Book the records of every market, or sale, with a part in the window anew, and note what each books."""
    kinds, also = ((Sale.kind,), REFUNDED) if figure.startswith("sales") else (TRADES, None)
    found = _known(store, tree, kinds, (start, until), most, also)
    since = None if start is None else to_us(start)
    lines = [
        LineItem(from_us(entry.at), _said(revision.record), -entry.amounts[figure], (revision,))
        for revision, entry in _booked(found, tree.get("lot_rule", "average"))
        if entry.amounts.get(figure) and (since is None or entry.at >= since)
    ]
    return sorted(lines, key=lambda line: (line.at or until, line.what))


def _booked(found: Sequence[Revision], lots: LotRule) -> Iterator[tuple[Revision, Entry]]:
    """Yield each record with the entries it makes: sales alone, fills and settlements market by market."""
    markets: dict[tuple[str, str], list[tuple[Event, Revision]]] = {}
    for revision in found:
        match revision.record:
            case Sale() as sale:
                for entry in sale_entries(sale):
                    yield revision, entry
            case Fill() | Settlement() as event:
                markets.setdefault((event.source, event.scope), []).append((event, revision))
    for (_, scope), events in markets.items():
        book = Book.empty(scope, events[0][0].ticker, lots)
        for event, revision in sorted(events, key=lambda pair: in_order(pair[0])):
            yield revision, book.apply(event)


def _costs(
    store: Store, tree: Tree, figure: str, start: datetime | None, until: datetime, most: int
) -> list[LineItem]:
    """Return what each UTC day of each source has in the window, billed or estimated."""
    floor = None if start is None else CostDay(start.date()).start
    found = _known(store, tree, COSTS, (floor, until), most)
    days: dict[tuple[str, str], tuple[CostDay, list[Revision]]] = {}
    for revision in found:
        record = revision.record
        assert isinstance(record, BilledDay | UsageHour)
        day, behind = days.setdefault((record.scope, record.source), (CostDay(record.at.date()), []))
        day.take(record)
        behind.append(revision)
    lines = []
    for (scope, _), (day, behind) in sorted(days.items(), key=lambda pair: pair[0]):
        if figure != ("api_cost_estimated" if day.billed is None else "api_cost_billed"):
            continue
        first = 0 if start is None else day.hour_of(start)
        kind = UsageHour.kind if day.billed is None else BilledDay.kind
        proving = tuple(revision for revision in behind if revision.record.kind == kind)[-1:]
        what = f"{scope} {'estimated' if day.billed is None else 'billed'}"
        cut = f" from {first:02}:00 UTC on" if first else ""
        if cost := day.cost(first):
            lines.append(LineItem(day.start, what + cut, -cost, proving))
    return lines


def _unrealised(store: Store, tree: Tree, window: str, start: datetime | None) -> list[LineItem]:
    """Return each position's unrealised P&L, and take the value at the window's start away again."""
    lines = [
        LineItem(unstamp(held["as_of"]), f"{name}: {_held(held)}", Decimal(held["unrealised"]))
        for name, held in sorted(tree["positions"].items())
        if "unrealised" in held
    ]
    shown = tree["windows"][window]["components"]["trading_unrealised_change"]
    if "usd" not in shown:
        return lines
    opening = total(lines) - Decimal(shown["usd"])
    if opening:
        known = None if start is None else store.snapshots.opening(start)
        said = "value at the window's start"
        if known is not None and known.usd == opening:
            said += f", published {known.as_of:%Y-%m-%d %H:%M:%S} UTC"
        lines.append(LineItem(start, said, -opening))
    return lines


def _held(held: Tree) -> str:
    return f"{held['count']} {held['side']}, cost {held['cost']}, mark {held.get('mark', '-')}"


def _known(
    store: Store,
    tree: Tree,
    kinds: Sequence[str],
    span: tuple[datetime | None, datetime],
    most: int,
    also: str | None = None,
) -> list[Revision]:
    """Return the records of every scope with a part in a span, of the sources that took part, in order."""
    evidence, (start, until) = store.evidence, span
    scopes = {source: evidence.scopes(source, kinds, start, until, also) for source in tree["sources"]}
    size = sum(evidence.size(source, each, kinds) for source, each in scopes.items())
    if size > most:
        raise CannotExplain(
            f"{size} records are behind this figure, {most} are read at most: ask for a shorter window."
        )
    found = [each for source, of in scopes.items() for each in evidence.known(source, of, kinds, until)]
    return sorted(found, key=lambda each: (each.record.at, each.record.kind, each.record.key))


def _said(record: Any) -> str:
    """Return a record in a few words."""
    match record:
        case Fill():
            return (
                f"{ticker_of(record.scope)}: fill {record.fill_id}, {record.count} {record.side} "
                f"at {plain(record.price)}"
            )
        case Settlement():
            return f"{ticker_of(record.scope)}: settled {record.result}, paid {plain(record.payout)}"
        case Sale():
            return f"sale {record.sale_id}, {record.status}, gross {plain(record.gross)}"
    return f"{record.kind} {record.key}"
