"""Sales and refunds as entries: each counts when it happened, only when it was paid.

Rule:   `gross` and refunds exclude tax; tax is owed to the authority and never income.
        A refund is dated when it is given, not when the sale was made.
"""

from __future__ import annotations

from exporter.ledger.journal import RECEIVABLE, TAX_PAYABLE, Entry
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
    given = [
        Entry(to_us(refund.at), {RECEIVABLE: -refund.amount, "sales_refunds": refund.amount})
        for refund in sale.refunds
    ]
    return [made, *given]
