"""The venue's answers, and the records made of them.

Source: Kalshi trade API, portfolio and market endpoints (read 2026-11; live behaviour where it differs).
Units:  cash movements, payouts and portfolio value come in cents, everything else in dollar strings;
        counts are decimal strings with two decimals.
Order:  fills are listed newest first, and several of an order share a microsecond. Within it they are
        listed by `fill_id`, which says nothing: an order executes at its best price first (seen in the
        fees of 42 real moments, whose rounding runs on from fill to fill of an order).
Quirk:  the direction of a fill is `outcome_side`; the older `side` and `action` contradict each other
        for sales and are never read. Settlement counts and costs are gross, the payout is for the net.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Literal

from exporter.money import ZERO
from exporter.records import Balance, Fill, Mark, Settlement, Transfer, TransferStatus, VenuePosition
from exporter.sources.shapes import (
    ONE,
    Cents,
    ContractValueCents,
    Dollars,
    Label,
    Moment,
    MoreThanZero,
    NoLessThanZero,
    Price,
    Shape,
    Subaccount,
    Text,
    UnixSeconds,
)

EVENT_CONTRACTS = "event_contract"
"""The instance of the exchange that balance, positions and fills speak of."""

INSTANCE_STATUSES: dict[str, TransferStatus] = {"pending": "pending", "complete": "applied"}
"""Transfers between instances have other words than deposits; a new one may mean that cash has moved."""

Complaint = Callable[[str, str], Exception]
"""Makes the error for a field and what is wrong with it."""


class FillRow(Shape):
    fill_id: Text
    order_id: Text
    ticker: Text
    outcome_side: Literal["yes", "no"]
    book_side: Literal["bid", "ask"]
    count_fp: MoreThanZero
    yes_price_dollars: Price
    no_price_dollars: Price
    fee_cost: NoLessThanZero
    created_time: Moment | None = None  # documented as optional; `ts` stands in, to the second
    ts: UnixSeconds | None = None
    subaccount_number: Subaccount | None = None

    def record(self, source: str, complain: Complaint) -> Fill:
        """Return the fill: what side was bought, at that side's price."""
        if self.book_side != ("bid" if self.outcome_side == "yes" else "ask"):
            raise complain("fills.book_side", "contradicts outcome_side")
        if self.yes_price_dollars + self.no_price_dollars != ONE:
            raise complain("fills.no_price_dollars", "and yes_price_dollars do not add up to one dollar")
        at = self.created_time or self.ts
        if at is None:
            raise complain("fills.created_time", "is missing")
        return Fill(
            source=source,
            fill_id=self.fill_id,
            ticker=self.ticker,
            subaccount=self.subaccount_number or 0,
            side=self.outcome_side,
            count=self.count_fp,
            price=self.yes_price_dollars if self.outcome_side == "yes" else self.no_price_dollars,
            fee=self.fee_cost,
            at=at,
            order_id=self.order_id,
        )


class SettlementRow(Shape):
    ticker: Text
    market_result: Label  # empty in older rows; unknown words are kept, the payout says what happened
    yes_count_fp: NoLessThanZero
    yes_total_cost_dollars: NoLessThanZero
    no_count_fp: NoLessThanZero
    no_total_cost_dollars: NoLessThanZero
    revenue: Cents
    value: ContractValueCents | None = None
    fee_cost: NoLessThanZero
    settled_time: Moment

    def record(self, source: str, subaccount: int) -> Settlement:
        """Return the settlement of one subaccount; rows do not say whose they are."""
        return Settlement(
            source=source,
            ticker=self.ticker,
            subaccount=subaccount,
            result=self.market_result,
            yes_count=self.yes_count_fp,
            yes_cost=self.yes_total_cost_dollars,
            no_count=self.no_count_fp,
            no_cost=self.no_total_cost_dollars,
            payout=self.revenue,
            value=self.value,
            fee=self.fee_cost,
            at=self.settled_time,
        )


class MovementRow(Shape):
    id: Text
    status: TransferStatus
    amount_cents: Cents
    fee_cents: Cents
    created_ts: UnixSeconds
    finalized_ts: UnixSeconds | None = None

    def record(self, source: str, kind: Literal["deposit", "withdrawal"]) -> Transfer:
        """Return the movement as it stands: only its status says whether cash has moved.

        The id gets the kind in front, because deposits and withdrawals are numbered apart.
        """
        return Transfer(
            source=source,
            transfer_id=f"{kind}/{self.id}",
            amount=self.amount_cents if kind == "deposit" else -self.amount_cents,
            fee=self.fee_cents,
            at=self.finalized_ts or self.created_ts,
            status=self.status,
        )


class InstanceTransferRow(Shape):
    """Cash between the shards and instances of the exchange; another instance is another account."""

    transfer_id: Text
    source: Label
    destination: Label
    amount: NoLessThanZero
    status: Label  # only for cash that crosses its word has to be known
    created_ts: UnixSeconds

    def record(self, source: str, complain: Complaint) -> Transfer | None:
        """Return the cash that enters or leaves the account we read; None where it stays inside."""
        ours = [self.source, self.destination].count(EVENT_CONTRACTS)
        if ours != 1:
            return None
        if self.status not in INSTANCE_STATUSES:
            raise complain("transfers.status", "is not a known status")
        return Transfer(
            source=source,
            transfer_id=f"instance/{self.transfer_id}",
            amount=self.amount if self.destination == EVENT_CONTRACTS else -self.amount,
            fee=ZERO,
            at=self.created_ts,
            status=INSTANCE_STATUSES[self.status],
        )


class PositionRow(Shape):
    ticker: Text
    position_fp: Dollars  # contracts: above zero YES, below zero NO
    market_exposure_dollars: NoLessThanZero
    realized_pnl_dollars: Dollars
    fees_paid_dollars: NoLessThanZero
    last_updated_ts: Moment

    def observation(self, source: str, subaccount: int) -> VenuePosition:
        """Return the venue's view of one market."""
        return VenuePosition(
            source=source,
            ticker=self.ticker,
            subaccount=subaccount,
            position=self.position_fp,
            exposure=self.market_exposure_dollars,
            realised=self.realized_pnl_dollars,
            fees=self.fees_paid_dollars,
            at=self.last_updated_ts,
        )


class MarketRow(Shape):
    ticker: Text
    yes_bid_dollars: Price
    yes_bid_size_fp: NoLessThanZero
    yes_ask_dollars: Price
    yes_ask_size_fp: NoLessThanZero
    last_price_dollars: Price
    settlement_value_dollars: Price | None = None

    def observation(self, source: str, at: datetime) -> Mark:
        """Return the quotes as they stood `at`; the row's own times are not the time of its quotes."""
        return Mark(
            source=source,
            ticker=self.ticker,
            yes_bid=quote(self.yes_bid_dollars, self.yes_bid_size_fp),
            yes_ask=quote(self.yes_ask_dollars, self.yes_ask_size_fp),
            last=quote(self.last_price_dollars, ONE),
            settled_value=self.settlement_value_dollars,
            at=at,
        )


class BalanceAnswer(Shape):
    balance_dollars: Dollars
    portfolio_value: Cents  # open positions only, cash not included
    updated_ts: UnixSeconds

    def observation(self, source: str, subaccount: int) -> Balance:
        """Return the venue's statement of one subaccount."""
        return Balance(
            source=source,
            subaccount=subaccount,
            cash=self.balance_dollars,
            portfolio_value=self.portfolio_value,
            at=self.updated_ts,
        )


class SubaccountRow(Shape):
    subaccount_number: Subaccount


class KeyScopesRow(Shape):
    api_key_id: Text
    scopes: list[str] | None = None


class CursorPage(Shape):
    """A page of a list that may leave out its cursor."""

    cursor: str | None = None


class Fills(CursorPage):
    cursor: str | None  # always present: a renamed cursor would end the list early without a word
    fills: list[FillRow]


class Markets(CursorPage):
    cursor: str | None
    markets: list[MarketRow]


class Positions(CursorPage):
    market_positions: list[PositionRow]


class Settlements(CursorPage):
    settlements: list[SettlementRow]


class Deposits(CursorPage):
    deposits: list[MovementRow]


class Withdrawals(CursorPage):
    withdrawals: list[MovementRow]


class InstanceTransfers(CursorPage):
    transfers: list[InstanceTransferRow]


class Subaccounts(Shape):
    subaccount_balances: list[SubaccountRow]


class ApiKeys(Shape):
    api_keys: list[KeyScopesRow]


def quote(price: Decimal, size: Decimal) -> Decimal | None:
    """Return a price somebody stands behind; an empty side is shown as a boundary price of size zero."""
    return price if size > ZERO and ZERO < price < ONE else None
