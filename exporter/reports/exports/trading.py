"""Fills, settlements and transfers of the venues.

Realised: what a fill closed, by the lot rule in force, before its fee: exactly what the books booked for it,
        so that fills and settlements of a period sum to its realised P&L and its fees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from exporter.ledger.trading.groups import event_of, series_of
from exporter.ledger.trading.lots import LotRule, Lots, both
from exporter.ledger.trading.positions import Book, counts
from exporter.ledger.trading.ways import signed, trade
from exporter.money import ZERO
from exporter.periods.period import Period
from exporter.records import Fill, Settlement, Transfer, ticker_of
from exporter.reports.exports.contract import (
    AT,
    GRADE,
    LOCAL_DAY,
    REVISION,
    SOURCE,
    Cell,
    Column,
    Export,
    number,
    text,
)
from exporter.reports.exports.rows import Days, records
from exporter.reports.reader import PeriodReader
from exporter.store.rows import chunks

BOOKED = ("trading_realised", "trading_fees")

AT_ONCE = 500
"""Records of which the markets are looked up at a time: as many keys as one statement takes."""

MARKET: tuple[Column, ...] = (
    text("market", "The market's ticker."),
    text("event", "Its event."),
    text("series", "Its series."),
    number("subaccount", "The subaccount, 0 for the primary one.", summed=False),
)


@dataclass(slots=True)
class _Open:
    """What is held in a market, while its fills go by."""

    lots: Lots
    position: Decimal = ZERO

    def take(self, fill: Fill) -> Decimal:
        """Let a fill happen; return what it realised."""
        gain = trade(self.lots, self.position, fill).gain
        self.position += signed(fill)
        return gain


@dataclass(slots=True)
class _Holdings:
    """What is held in each market that has a fill in a period; None where nothing is."""

    reader: PeriodReader
    period: Period
    rule: LotRule
    books: dict[tuple[str, str], _Open | None] = field(default_factory=dict)

    def look_up(self, fills: Sequence[Fill]) -> None:
        """Find what was held before the period in markets that are met for the first time."""
        earliest = self.reader.store.records.earliest()
        anything = earliest is not None and earliest < self.period.start
        for source in {fill.source for fill in fills}:
            met = {fill.scope for fill in fills if fill.source == source}
            new = [scope for scope in met if (source, scope) not in self.books]
            self.books |= dict.fromkeys((source, scope) for scope in new)
            if anything and new:
                records = self.reader.store.records
                for scope, moment in records.fills_in_order(
                    source, new, self.reader.upto, before=self.period.start
                ):
                    for fill in filter(counts, moment):
                        self.take(source, scope, fill)

    def take(self, source: str, scope: str, fill: Fill) -> Decimal:
        """Let a fill happen; return what it realised."""
        held = self.books[source, scope] or _Open(both(self.rule)[0])
        gain = held.take(fill)
        self.books[source, scope] = held if held.position else None
        return gain


def _fills(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    days, held = Days(reader, BOOKED), _Holdings(reader, period, reader.snapshot.lot_rule)
    for told in chunks(records(reader, period, "venue", Fill), AT_ONCE):
        held.look_up([fill for fill, _ in told])
        for fill, revision in told:
            if not counts(fill):
                continue
            day, event = days.of(fill.at), event_of(fill.ticker)
            yield (
                fill.at,
                day,
                fill.source,
                fill.fill_id,
                revision,
                fill.ticker,
                event,
                series_of(event),
                fill.subaccount,
                fill.order_id or None,
                fill.side,
                fill.count,
                fill.price,
                fill.count * fill.price,
                fill.fee,
                held.take(fill.source, fill.scope, fill),
                days.grade(fill.source, day),
            )


def _settlements(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    days = Days(reader, BOOKED)
    for told in chunks(records(reader, period, "venue", Settlement), AT_ONCE):
        booked = _booked(reader, [row for row, _ in told])
        for row, revision in told:
            day, event = days.of(row.at), event_of(row.ticker)
            realised, fee = booked[row.source, row.scope]
            yield (
                row.at,
                day,
                row.source,
                row.key,
                revision,
                row.ticker,
                event,
                series_of(event),
                row.subaccount,
                row.result,
                row.value,
                row.yes_count,
                row.yes_cost,
                row.no_count,
                row.no_cost,
                row.payout,
                row.fee,
                fee,
                realised,
                row.origin,
                days.grade(row.source, day),
            )


def _booked(
    reader: PeriodReader, rows: Sequence[Settlement]
) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """Return what settlements were booked with, realised and fees: by all fills of their markets."""
    found, rule = {}, reader.snapshot.lot_rule
    for source in {row.source for row in rows}:
        mine = {row.scope: row for row in rows if row.source == source}
        books = {scope: Book.empty(scope, ticker_of(scope), rule) for scope in mine}
        for scope, moment in reader.store.records.fills_in_order(source, list(mine), reader.upto):
            for fill in filter(counts, moment):
                books[scope].apply(fill)
        for scope, row in mine.items():
            amounts = books[scope].apply(row).amounts
            realised, fees = (amounts.get(name, ZERO) for name in BOOKED)
            found[source, scope] = -realised, fees
    return found


def _transfers(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    days = Days(reader, ())
    for row, revision in records(reader, period, "venue", Transfer):
        moved = row.amount if row.status == "applied" else ZERO
        yield (
            row.at,
            days.of(row.at),
            row.source,
            row.transfer_id,
            revision,
            row.status,
            row.amount,
            moved,
            row.fee,
        )


FILLS = Export(
    "fills",
    "Executions; one that the venue took back is left out.",
    (
        AT,
        LOCAL_DAY,
        SOURCE,
        text("id", "The venue's id of the fill."),
        REVISION,
        *MARKET,
        text("order_id", "The order that it was of; empty where it is not known."),
        text("side", "The side that was bought, `yes` or `no`: selling one is buying the other."),
        number("count", "Contracts."),
        number("price", "Dollars for each.", summed=False),
        number("cost", "Count times price, in dollars."),
        number("fee", "What the venue took, in dollars, positive."),
        number("realised", "What it closed came to, in dollars, before its fee, by the lot rule in force."),
        GRADE,
    ),
    _fills,
)

SETTLEMENTS = Export(
    "settlements",
    "Markets that resolved.",
    (
        AT,
        LOCAL_DAY,
        SOURCE,
        text("id", "The book that was settled: the market, and the subaccount behind it unless it is 0."),
        REVISION,
        *MARKET,
        text("result", "What the venue says it resolved to."),
        number("value", "What one YES contract paid, in dollars; empty where nobody says.", summed=False),
        number("yes_count", "YES contracts ever bought, by the venue's row.", summed=False),
        number("yes_cost", "What they had cost, in dollars.", summed=False),
        number("no_count", "NO contracts ever bought.", summed=False),
        number("no_cost", "What they had cost, in dollars.", summed=False),
        number("payout", "What the open contracts paid, in dollars."),
        number("stated_fee", "Fees of the market's whole life by the venue's row.", summed=False),
        number("fee", "What of them no fill had stated yet, in dollars: what was booked now."),
        number("realised", "What settling came to, in dollars, before fees."),
        text("origin", "`row` for the venue's own row, `market` where it was rebuilt from the result."),
        GRADE,
    ),
    _settlements,
)

TRANSFERS = Export(
    "transfers",
    "Cash into and out of the venues, which is no profit and no loss.",
    (
        AT,
        LOCAL_DAY,
        SOURCE,
        text("id", "The venue's id of the transfer."),
        REVISION,
        text("status", "`pending`, `applied`, `failed` or `returned`."),
        number("amount", "Dollars into the account, negative out of it.", summed=False),
        number("moved", "The amount if it has moved, which it has while it is `applied`."),
        number("fee", "What it cost, in dollars.", summed=False),
    ),
    _transfers,
)
