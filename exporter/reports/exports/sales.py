"""Sales and refunds, each on the day on which it happened; only what was paid counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from exporter.ledger.sales.sale_entries import sale_entries
from exporter.money import ZERO
from exporter.periods.period import Period
from exporter.records import Refund, Sale
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
from exporter.store.rows import CHUNK, chunks

WHOSE: tuple[Column, ...] = (
    text("product", "What was sold."),
    text("customer", "To whom, by the shop's id."),
)


def _sales(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    days = Days(reader, ("sales_gross", "sales_fees"))
    for sale, revision in records(reader, period, "sales", Sale):
        if sale.status == "paid":
            day = days.of(sale.at)
            yield (
                sale.at,
                day,
                sale.source,
                sale.sale_id,
                revision,
                sale.product,
                sale.customer,
                sale.gross,
                sale.fee,
                sale.tax,
                days.grade(sale.source, day),
            )


def _refunds(reader: PeriodReader, period: Period) -> Iterator[Sequence[Cell]]:
    """Yield the refunds of a period, day by day: which sales have one is known from the daybook."""
    days, shops = Days(reader, ("sales_refunds",)), reader.of_kind("sales")
    if reader.first is None or reader.first > min(period.last, reader.today):
        return
    known = Period.between(max(period.first, reader.first), min(period.last, reader.today), reader.zone)
    for day in known.days():
        scopes = [
            scope
            for scope, line in reader.lines(Period.between(day, day, reader.zone), shops)
            if line.counts.get("refunds")
        ]
        found: list[tuple[datetime, str, str, str, int, Sale, Refund, Decimal]] = []
        for source in {source for source, _ in scopes}:
            for names in chunks((scope for each, scope in scopes if each == source), CHUNK):
                for sale, revision in reader.store.records.sales_of(source, names, reader.upto):
                    for refund, untaxed in _given(sale):
                        if refund.at <= reader.now and days.of(refund.at) == day:
                            key = refund.at, source, sale.sale_id, refund.refund_id
                            found.append((*key, revision, sale, refund, untaxed))
        for at, source, sale_id, refund_id, revision, sale, refund, untaxed in sorted(
            found, key=lambda each: each[:4]
        ):
            yield (
                at,
                day,
                source,
                refund_id,
                revision,
                sale_id,
                sale.at,
                sale.product,
                sale.customer,
                refund.amount,
                refund.amount - untaxed,
                untaxed,
                days.grade(source, day),
            )


def _given(sale: Sale) -> Iterator[tuple[Refund, Decimal]]:
    """Yield the refunds of a sale with what each took from the income; none of one that does not count."""
    refunds = sorted(sale.refunds, key=lambda each: (each.at, each.refund_id))
    entries = sale_entries(sale)[1:]
    for refund, entry in zip(refunds, entries, strict=False):
        yield refund, entry.amounts.get("sales_refunds", ZERO)


SALES = Export(
    "sales",
    "Sales that were paid.",
    (
        AT,
        LOCAL_DAY,
        SOURCE,
        text("id", "The shop's id of the sale."),
        REVISION,
        *WHOSE,
        number("gross", "The price without tax, in dollars."),
        number("fee", "What the shop took, in dollars, positive."),
        number("tax", "Tax on top of it, which is owed and no income."),
        GRADE,
    ),
    _sales,
)

REFUNDS = Export(
    "refunds",
    "What was given back, when it was given back, whenever the sale was.",
    (
        AT,
        LOCAL_DAY,
        SOURCE,
        text("id", "The shop's id of the refund."),
        REVISION,
        text("sale", "The shop's id of the sale."),
        Column("sold_at", "time", "When it was sold."),
        *WHOSE,
        number("amount", "What was given back, in dollars, positive."),
        number("tax", "What of it was tax that is owed no more."),
        number("refund", "The rest, which is income that is lost."),
        GRADE,
    ),
    _refunds,
)
