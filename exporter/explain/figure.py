"""One figure of one window: the lines it is the sum of, from the records that were known then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
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
from exporter.snapshot import COMPONENTS, WINDOWS, Snapshot, Window
from exporter.snapshot.texts import decimal
from exporter.snapshot.tree import Position
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
    known = next((name for name in WINDOWS if name == window), None)
    if known is None or figure not in FIGURES:
        raise CannotExplain(
            f"There is no figure {window}.{figure}: a window is one of {', '.join(WINDOWS)}, "
            f"a figure one of {', '.join(FIGURES)}."
        )
    snapshot = _snapshot(store, at)
    stated = snapshot.windows[known]
    shown = stated.net if figure == NET else stated.components.get(figure)
    if shown is None:
        raise CannotExplain(f"{figure} takes no part: its source is switched off.")
    lines = _lines(store, snapshot, known, figure, most)
    page = lines[offset : offset + limit]
    return Explained(
        window=window,
        figure=figure,
        epoch=snapshot.epoch,
        sequence=snapshot.sequence,
        as_of=snapshot.as_of,
        start=stated.start,
        grade=shown.grade,
        because=shown.because,
        usd=None if shown.usd is None else decimal(shown.usd),
        total=total(lines),
        count=len(lines),
        offset=offset,
        lines=tuple((line, tuple(proof(store, each) for each in line.revisions)) for line in page),
    )


def _snapshot(store: Store, at: datetime | None) -> Snapshot:
    sequence = store.snapshots.last_sequence() if at is None else store.evidence.snapshot(at)
    snapshot = store.snapshots.read(sequence) if sequence else None
    if snapshot is None:
        raise CannotExplain("No snapshot of that time is kept whole: ask for a later one.")
    return snapshot


def _lines(store: Store, snapshot: Snapshot, window: Window, figure: str, most: int) -> list[LineItem]:
    until = unstamp(snapshot.as_of)
    start = starts(until, ZoneInfo(snapshot.timezone))[window]
    if figure == NET:
        components = snapshot.windows[window].components
        return [
            LineItem(None, name, decimal(part.usd))
            for name, part in components.items()
            if part.usd is not None
        ]
    if figure == "trading_unrealised_change":
        return _unrealised(store, snapshot, window, start)
    if figure.startswith("api_cost"):
        return _costs(store, snapshot, figure, start, until, most)
    return _entries(store, snapshot, figure, start, until, most)


def _entries(
    store: Store, snapshot: Snapshot, figure: str, start: datetime | None, until: datetime, most: int
) -> list[LineItem]:
    """Book the records of every market, or sale, with a part in the window anew, and note what each books."""
    kinds, also = ((Sale.kind,), REFUNDED) if figure.startswith("sales") else (TRADES, None)
    found = _known(store, snapshot, kinds, (start, until), most, also)
    since = None if start is None else to_us(start)
    lines = [
        LineItem(from_us(entry.at), _said(revision.record), -entry.amounts[figure], (revision,))
        for revision, entry in _booked(found, snapshot.lot_rule)
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
    store: Store, snapshot: Snapshot, figure: str, start: datetime | None, until: datetime, most: int
) -> list[LineItem]:
    """Return what each UTC day of each source has in the window, billed or estimated."""
    floor = None if start is None else CostDay(start.date()).start
    found = _known(store, snapshot, COSTS, (floor, until), most)
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


def _unrealised(store: Store, snapshot: Snapshot, window: Window, start: datetime | None) -> list[LineItem]:
    """Return each position's unrealised P&L, and take the value at the window's start away again."""
    lines = [
        LineItem(unstamp(held.as_of), f"{name}: {_held(held)}", decimal(held.unrealised))
        for name, held in sorted((snapshot.positions or {}).items())
        if held.unrealised is not None and held.as_of is not None
    ]
    shown = snapshot.windows[window].components["trading_unrealised_change"]
    if shown.usd is None:
        return lines
    opening = total(lines) - decimal(shown.usd)
    if opening:
        known = None if start is None else store.snapshots.opening(start)
        said = "value at the window's start"
        if known is not None and known.usd == opening:
            said += f", published {known.as_of:%Y-%m-%d %H:%M:%S} UTC"
        lines.append(LineItem(start, said, -opening))
    return lines


def _held(held: Position) -> str:
    return f"{held.count} {held.side}, cost {held.cost}, mark {held.mark or '-'}"


def _known(
    store: Store,
    snapshot: Snapshot,
    kinds: Sequence[str],
    span: tuple[datetime | None, datetime],
    most: int,
    also: str | None = None,
) -> list[Revision]:
    """Return the records of every scope with a part in a span, of the sources that took part, in order."""
    evidence, (start, until) = store.evidence, span
    scopes = {source: evidence.scopes(source, kinds, start, until, also) for source in snapshot.sources}
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
