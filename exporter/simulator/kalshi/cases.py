"""One small account in which every case of trading, settlement and cash occurs once.

Each function adds one case and needs nothing of the others. `CASES` is all of them, in the order in
which `every_case` plays them; the name of a case is part of its ticker.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.market import Series


def legacy_sales(account: Account) -> None:
    """YES bought and sold ("sell no"), NO bought and sold ("sell yes"): the four legacy pairs."""
    account.fill("KXSALES-1-YES", "yes", "10.00", "0.40")
    account.fill("KXSALES-1-YES", "no", "10.00", "0.55", action="sell")
    account.fill("KXSALES-1-NO", "no", "8.00", "0.40")
    account.fill("KXSALES-1-NO", "yes", "8.00", "0.30", action="sell")


def netting(account: Account) -> None:
    """YES against NO, entered as two purchases: every pair returns a dollar at once."""
    account.fill("KXNETTING-1-A", "yes", "5.00", "0.62")
    account.fill("KXNETTING-1-A", "no", "3.00", "0.70")


def through_zero(account: Account) -> None:
    """Three YES, then five NO: the position turns over in one fill."""
    account.fill("KXTURN-1-A", "yes", "3.00", "0.40")
    account.fill("KXTURN-1-A", "no", "5.00", "0.55", action="sell")


def partial_exits(account: Account) -> None:
    """Two lots at different prices, closed in parts: the lot rules disagree while it is open."""
    account.fill("KXPARTS-1-A", "yes", "10.00", "0.20")
    account.fill("KXPARTS-1-A", "yes", "10.00", "0.60")
    account.fill("KXPARTS-1-A", "no", "7.00", "0.50", action="sell")
    account.fill("KXPARTS-1-A", "no", "6.00", "0.45", action="sell")


def fractions(account: Account) -> None:
    """Hundredths of a contract at prices between the cents."""
    account.fill("KXSMALL-1-A", "yes", "0.01", "0.0925")
    account.fill("KXSMALL-1-A", "yes", "15.27", "0.0925")
    account.fill("KXSMALL-1-A", "no", "7.63", "0.0911", action="sell")


def one_microsecond(account: Account) -> None:
    """One order, four fills, one moment; taker and maker, with an overcharge handed back."""
    account.series["KXMOMENT"] = Series("KXMOMENT", fee_type="quadratic_with_maker_fees")
    for count, price, taker in (("0.01", "0.31", True), ("0.01", "0.31", True), ("4.00", "0.32", False)):
        account.fill("KXMOMENT-1-A", "yes", count, price, order_id="order-moment", is_taker=taker)
    account.fill("KXMOMENT-1-A", "yes", "2.50", "0.33", order_id="order-moment")


def scalar(account: Account) -> None:
    """A scalar market that pays whole cents."""
    account.fill("KXSCALAR-1-A", "yes", "10.00", "0.40")
    account.settle("KXSCALAR-1-A", "scalar", "0.55")


def scalar_with_fee(account: Account) -> None:
    """A sub-cent payout, rounded down: what is kept back is the settlement fee."""
    account.fill("KXSUBCENT-1-A", "no", "3.33", "0.40")
    account.settle("KXSUBCENT-1-A", "scalar", "0.4155")


def void(account: Account) -> None:
    """A void market pays the cost back; of what was closed before, the result stays."""
    account.fill("KXVOID-1-A", "yes", "10.00", "0.45")
    account.fill("KXVOID-1-A", "no", "4.00", "0.50", action="sell")
    account.settle("KXVOID-1-A", "void")


def void_without_row(account: Account) -> None:
    """The same, but the list of settlements never says so."""
    account.fill("KXGONE-1-A", "no", "6.00", "0.45")
    account.settle("KXGONE-1-A", "void", row=False)


def all_zero_row(account: Account) -> None:
    """A settlement of a market that was never traded."""
    account.settle("KXZERO-1-A", "yes")


def flat_row(account: Account) -> None:
    """A settlement of a market that was flat by then."""
    account.fill("KXFLAT-1-A", "yes", "2.00", "0.40")
    account.fill("KXFLAT-1-A", "no", "2.00", "0.48", action="sell")
    account.settle("KXFLAT-1-A", "no")


def late_listing(account: Account) -> None:
    """A market whose last fill is listed a minute after its settlement."""
    now = account.clock()
    account.fill("KXLATE-1-A", "yes", "2.00", "0.40")
    account.fill("KXLATE-1-A", "yes", "3.00", "0.42", listed=now + timedelta(minutes=1))
    account.settle("KXLATE-1-A", "yes")


def determined(account: Account) -> None:
    """A result that is known and not paid yet."""
    account.fill("KXKNOWN-1-A", "yes", "5.00", "0.80")
    account.determine("KXKNOWN-1-A", "yes")


def subaccounts(account: Account) -> None:
    """The same ticker, held both ways, in two subaccounts; cash moves between them, never P&L."""
    account.transfer("50.00", subaccounts=(0, 7))
    account.fill("KXTWICE-1-A", "yes", "4.00", "0.40", subaccount=0)
    account.fill("KXTWICE-1-A", "no", "6.00", "0.41", subaccount=7)
    account.settle("KXTWICE-1-A", "no")


def shards(account: Account) -> None:
    """Markets on three shards, each with its own cash."""
    for shard in (2, 3):
        account.transfer("20.00", shards=(0, shard))
        account.market(f"KXSHARD-{shard}-A", exchange_index=shard)
        account.fill(f"KXSHARD-{shard}-A", "yes", "4.00", "0.40")


def cash_movements(account: Account) -> None:
    """Deposits and withdrawals in every status; one is applied first and returned later."""
    account.deposit("40.00", id="deposit-returned")
    account.change_movement("deposit-returned", "returned")
    account.deposit("30.00", id="deposit-pending", status="pending")
    account.deposit("20.00", id="deposit-failed", status="failed")
    account.deposit("25.00", id="deposit-card", fee="0.50")
    account.withdraw("15.00", id="withdrawal-applied", fee="2.00")
    account.withdraw("10.00", id="withdrawal-pending", status="pending")


def margined(account: Account) -> None:
    """Cash that went to the margined instance, and some of it back: out of the account that is read."""
    account.deposit("50.00", id="deposit-for-margin")
    account.margin("12.50")
    account.margin("-2.25")


def credits(account: Account) -> None:
    """Interest and an incentive: in the balance, in no list."""
    account.credit("0.37", "interest")
    account.credit("5.00", "liquidity incentive")


CASES = (
    legacy_sales,
    netting,
    through_zero,
    partial_exits,
    fractions,
    one_microsecond,
    scalar,
    scalar_with_fee,
    void,
    void_without_row,
    all_zero_row,
    flat_row,
    late_listing,
    determined,
    subaccounts,
    shards,
    cash_movements,
    margined,
    credits,
)


def every_case(account: Account, at: datetime | None = None) -> None:
    """Play all cases, with a deposit to pay for them."""
    account.deposit("500.00", at, id="deposit-first")
    for case in CASES:
        case(account)
    for position in account.unsettled.values():
        if account.markets[position.ticker].status == "active":
            account.mark(position.ticker, "0.44", "0.46", "0.45")
