"""One figure of one window: the lines it is the sum of, from the records that were known then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from exporter.explain.lines import MOST_RECORDS, CannotExplain, Explained, LineItem, proof, total
from exporter.ledger.book import total as sum_of_figures
from exporter.ledger.cost.day import CostDay
from exporter.ledger.journal import Entry
from exporter.ledger.sales.sale_entries import sale_entries
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.positions import Book, Event, counts, in_order
from exporter.ledger.windows import starts
from exporter.money import plain
from exporter.records import BilledDay, Fill, Sale, Settlement, UsageHour, ticker_of
from exporter.snapshot import COMPONENTS, KIND_COMPONENTS, WINDOWS, Figure, Snapshot, Window
from exporter.snapshot.figure import StatedFigure
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
    source: str | None = None,
    at: datetime | None = None,
    offset: int = 0,
    limit: int = 50,
    most: int = MOST_RECORDS,
) -> Explained:
    """Return a figure as it was published last at a moment (default: now), with a page of its lines.

    With a source it is that source's part of it. Raises CannotExplain when there is no such figure, or too
    much behind it.
    """
    known = next((name for name in WINDOWS if name == window), None)
    if known is None or figure not in FIGURES:
        raise CannotExplain(
            f"There is no figure {window}.{figure}: a window is one of {', '.join(WINDOWS)}, "
            f"a figure one of {', '.join(FIGURES)}."
        )
    snapshot = _snapshot(store, at)
    if source is not None and source not in snapshot.sources:
        there = ", ".join(snapshot.sources)
        raise CannotExplain(f"There is no source {source}: those that take part are {there}.")
    stated = snapshot.windows[known]
    net, components = _stated(snapshot, known, source)
    shown = net if figure == NET else components.get(figure)
    if shown is None:
        raise CannotExplain(f"{figure} takes no part: {source or 'its source'} has none, or is switched off.")
    asked = _Asked(store, snapshot, known, figure, source, most)
    lines = _lines(asked, components)
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be explained, from what: a figure of a window, of one source or of all."""

    store: Store
    snapshot: Snapshot
    window: Window
    figure: str
    source: str | None
    most: int

    @property
    def until(self) -> datetime:
        """When the snapshot was stated."""
        return unstamp(self.snapshot.as_of)

    @property
    def start(self) -> datetime | None:
        """When the window began, None for all time."""
        return starts(self.until, ZoneInfo(self.snapshot.timezone))[self.window]

    @property
    def sources(self) -> list[str]:
        """The sources whose records it rests on."""
        return list(self.snapshot.sources) if self.source is None else [self.source]

    def of(self, source: str) -> str:
        """Return what stands before a line of a source: its name, where there are several of its kind."""
        shares = self.snapshot.windows[self.window].by_source or {}
        return f"{source}: " if self.source is None and source in shares else ""


def _stated(
    snapshot: Snapshot, window: Window, source: str | None
) -> tuple[StatedFigure, Mapping[str, StatedFigure]]:
    """Return net and components of a window, of one source or of all.

    Where a source is the only one of its kind, the components of that kind are its own.
    """
    stated = snapshot.windows[window]
    if source is None:
        return stated.net, stated.components
    share = (stated.by_source or {}).get(source)
    if share is not None:
        return share.net, share.components
    kind = snapshot.sources[source].kind
    own = KIND_COMPONENTS.get(kind, ())
    components = {name: part for name, part in stated.components.items() if name in own}
    return _sum(components.values()), components


def _sum(parts: Iterable[StatedFigure]) -> StatedFigure:
    return sum_of_figures(map(Figure.of, parts)).stated()


def _lines(asked: _Asked, components: Mapping[str, StatedFigure]) -> list[LineItem]:
    if asked.figure == NET:
        return [
            LineItem(None, name, decimal(part.usd))
            for name, part in components.items()
            if part.usd is not None
        ]
    if asked.figure == "trading_unrealised_change":
        return _unrealised(asked, components[asked.figure])
    return _costs(asked) if asked.figure.startswith("api_cost") else _entries(asked)


def _entries(asked: _Asked) -> list[LineItem]:
    """Book the records of every market, or sale, with a part in the window anew, and note what each books."""
    kinds, also = ((Sale.kind,), REFUNDED) if asked.figure.startswith("sales") else (TRADES, None)
    found = _known(asked, kinds, asked.start, also)
    since, until = None if asked.start is None else to_us(asked.start), to_us(asked.until)
    lines = [
        LineItem(
            from_us(entry.at),
            asked.of(revision.record.source) + _said(revision.record),
            -entry.amounts[asked.figure],
            (revision,),
        )
        for revision, entry in _booked(found, asked.snapshot.lot_rule)
        if entry.amounts.get(asked.figure) and (since is None or entry.at >= since) and entry.at <= until
    ]
    return sorted(lines, key=lambda line: (line.at or asked.until, line.what))


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
        happened = (pair for pair in events if counts(pair[0]))
        for event, revision in sorted(happened, key=lambda pair: in_order(pair[0])):
            yield revision, book.apply(event)


def _costs(asked: _Asked) -> list[LineItem]:
    """Return what each UTC day of each source has in the window, billed or estimated."""
    start = asked.start
    found = _known(asked, COSTS, None if start is None else CostDay(start.date()).start)
    cutting = _sharing(asked)
    days: dict[tuple[str, str], tuple[CostDay, list[Revision]]] = {}
    for revision in found:
        record = revision.record
        assert isinstance(record, BilledDay | UsageHour)
        day, behind = days.setdefault((record.scope, record.source), (CostDay(record.at.date()), []))
        day.take(record)
        behind.append(revision)
    lines = []
    for (scope, source), (day, behind) in sorted(days.items(), key=lambda pair: pair[0]):
        day.settle(asked.until)
        first = 0 if start is None else day.hour_of(start)
        estimated = asked.figure == "api_cost_estimated"
        kind = UsageHour.kind if estimated else BilledDay.kind
        proving = tuple(revision for revision in behind if revision.record.kind == kind)[-1:]
        said = "billed" if not estimated else "estimated" if day.billed is None else "not on the bill yet"
        what = f"{asked.of(source)}{scope} {said}"
        cut = f" from {first:02}:00 UTC on" if first else ""
        last = day.begun(asked.until)
        cost = day.cost_estimated(first, last) if estimated else day.cost_billed(first, last)
        if source in cutting and (shared := day.cut(start, asked.until)):
            cost += day.cut_costs(shared)[estimated]
            cut = f" from {start:%H:%M} UTC on"
        if cost:
            lines.append(LineItem(day.start, what + cut, -cost, proving))
    return lines


def _sharing(asked: _Asked) -> set[str]:
    """Return the sources of which the figure has a share of the hour that its window cuts.

    It says so. Snapshots of before hours were shared left that hour out, and are explained as they were.
    """
    _, components = _stated(asked.snapshot, asked.window, asked.source)
    shown = components.get(asked.figure)
    return {reason.source for reason in shown.because if reason.code == "hour_cut"} if shown else set()


def _unrealised(asked: _Asked, shown: StatedFigure) -> list[LineItem]:
    """Return each position's unrealised P&L, and take the value at the window's start away again."""
    positions = (asked.snapshot.positions or {}).items()
    lines = [
        LineItem(unstamp(held.as_of), f"{name}: {_held(held)}", decimal(held.unrealised))
        for name, held in sorted(positions)
        if held.unrealised is not None and held.as_of is not None and asked.source in (None, held.source)
    ]
    if shown.usd is None:
        return lines
    opening = total(lines) - decimal(shown.usd)
    if opening:
        lines.append(
            LineItem(asked.start, f"value at the window's start{_published(asked, opening)}", -opening)
        )
    return lines


def _published(asked: _Asked, opening: Decimal) -> str:
    """Say when the value at a window's start was published, where one snapshot of one venue is all of it."""
    venues = [name for name in asked.sources if asked.snapshot.sources[name].kind == "venue"]
    if asked.start is None or len(venues) != 1:
        return ""
    known = asked.store.snapshots.opening(venues[0], asked.start)
    if known is None or known.usd != opening:
        return ""
    return f", published {known.as_of:%Y-%m-%d %H:%M:%S} UTC"


def _held(held: Position) -> str:
    return f"{held.count} {held.side}, cost {held.cost}, mark {held.mark or '-'}"


def _known(
    asked: _Asked, kinds: Sequence[str], start: datetime | None, also: str | None = None
) -> list[Revision]:
    """Return the records of every scope with a part since `start`, of the sources asked for, in order."""
    evidence, until = asked.store.evidence, asked.until
    scopes = {source: evidence.scopes(source, kinds, start, until, also) for source in asked.sources}
    size = sum(evidence.size(source, each, kinds) for source, each in scopes.items())
    if size > asked.most:
        raise CannotExplain(
            f"{size} records are behind this figure, {asked.most} are read at most: ask for a shorter window."
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
