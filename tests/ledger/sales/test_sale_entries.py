"""What a sale is to the books: only paid ones, refunds by their own day, tax never ours."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from exporter.ledger.sales.sale_entries import sale_entries
from exporter.times import to_us
from tests.builders import NOW, sale

LATER = NOW + timedelta(days=3)


def test_a_sale_owes_its_tax_and_leaves_what_the_processor_takes() -> None:
    """120 were paid, 20 of them tax, 3 to the processor."""
    [made] = sale_entries(sale("100.00", fee="3.00", tax="20.00"))
    assert made.at == to_us(NOW)
    assert made.amounts == {
        "receivable": Decimal("117.00"),
        "sales_gross": Decimal("-100.00"),
        "sales_fees": Decimal("3.00"),
        "tax_payable": Decimal("-20.00"),
    }


def test_a_refund_is_dated_when_it_is_given_and_gives_no_fee_back() -> None:
    """The sale's own day stays what it was."""
    made, given = sale_entries(sale("100.00", fee="3.00", refunds={LATER: "40.00"}))
    assert (made.at, given.at) == (to_us(NOW), to_us(LATER))
    assert given.amounts == {"receivable": Decimal("-40.00"), "sales_refunds": Decimal("40.00")}


@pytest.mark.parametrize("status", ["pending", "void"])
def test_what_is_not_paid_is_no_entry(status: str) -> None:
    """Not even what was refunded of it."""
    assert sale_entries(sale("100.00", status=status, refunds={LATER: "40.00"})) == []
