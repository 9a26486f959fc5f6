"""Sales and refunds as entries: each counts when it happened, only when it was paid.

Rule:   `gross` excludes tax; tax is owed to the authority and never income.
        A refund is dated when it is given, not when the sale was made. It is stated without tax, or with it
        as most shops do: what goes beyond the price is tax that is given back, as far as there was any, and
        no income. What goes beyond that, too, is booked as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.ledger.journal import RECEIVABLE, TAX_PAYABLE, Entry
from exporter.money import ZERO
from exporter.records import Sale
from exporter.times import to_us


def sale_entries(sale: Sale) -> list[Entry]:
    """Return the entries of one sale as it stands; none while it is pending or when it is void."""
    if sale.status != "paid":
        return []
    made = Entry(
        to_us(sale.at),
        {
            RECEIVABLE: sale.gross + sale.tax - sale.fee,
            "sales_gross": -sale.gross,
            "sales_fees": sale.fee,
            TAX_PAYABLE: -sale.tax,
        },
    )
    return [made, *_given(sale)]


def _given(sale: Sale) -> Iterator[Entry]:
    price, tax = sale.gross, sale.tax
    for refund in sorted(sale.refunds, key=lambda each: (each.at, each.refund_id)):
        beyond = refund.amount - max(price, ZERO)
        untaxed = refund.amount - min(max(beyond, ZERO), tax)
        back = refund.amount - untaxed
        price, tax = price - untaxed, tax - back
        amounts = {RECEIVABLE: -refund.amount, "sales_refunds": untaxed}
        yield Entry(to_us(refund.at), amounts | ({TAX_PAYABLE: back} if back else {}))
