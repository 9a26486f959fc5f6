"""Trading fees of the venue as charged since the end of August 2026.

Source: "Fee Schedule for July 2026" and the "Fees" pages of the Kalshi trade API documentation
        (read 2026-11), with the rounding seen on real fills of direct members.
Units:  dollars; `count` in contracts; prices in dollars per contract.
Quirk:  a fee may be below the model fee, because an order's earlier overcharge is handed back.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

TAKER_RATE = Decimal("0.07")
MAKER_SHARE = {
    "quadratic": Decimal(0),
    "quadratic_with_maker_fees": Decimal("0.25"),
    "quadratic_with_combo_maker_fees": Decimal("0.5"),
}
MICRO = Decimal("0.000001")
PRECISION = Decimal("0.0001")  # the balance of a direct member moves in steps of this


@dataclass(frozen=True)
class Charge:
    """One fill's fee and the order's overcharge that is still to be handed back, in dollars."""

    fee: Decimal
    overcharge: Decimal


def model_fee(
    count: Decimal,
    price: Decimal,
    *,
    is_taker: bool,
    fee_type: str = "quadratic",
    multiplier: Decimal = Decimal(1),
) -> Decimal:
    """Return the fee by the published formula, rounded up to 0.000001 dollars."""
    rate = TAKER_RATE if is_taker else TAKER_RATE * MAKER_SHARE[fee_type]
    return (multiplier * rate * count * price * (1 - price)).quantize(MICRO, ROUND_CEILING)


def charge(model: Decimal, cost: Decimal, overcharge: Decimal = Decimal(0)) -> Charge:
    """Return what is charged for a fill that costs `cost` when the formula says `model`.

    Cost and fee together land on a step of the balance. What that adds is kept per order, and a
    whole step of it comes back as soon as it is there, this fill's own part included.
    """
    if model == 0 and cost % PRECISION == 0:
        return Charge(Decimal(0).quantize(MICRO), overcharge)
    aligned = (cost + model).quantize(PRECISION, ROUND_CEILING) - cost
    owed = overcharge + aligned - model
    if owed >= PRECISION and aligned >= PRECISION:
        return Charge(aligned - PRECISION, owed - PRECISION)
    return Charge(aligned, owed)
