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

from exporter.errors import OddRow
from exporter.money import ZERO
from exporter.records import (
    VENUE_POSITIONS,
    Aside,
    Balance,
    Fill,
    Mark,
    Record,
    Settlement,
    Transfer,
    TransferStatus,
    VenuePosition,
    book_key,
    subaccount_of,
)
from exporter.sources.listing import ListOf, Raw, text_in
from exporter.sources.shapes import (
    MOST_SUBACCOUNTS,
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
    parse_time,
    parse_unix,
)

EVENT_CONTRACTS = "event_contract"
"""The instance of the exchange that balance, positions and fills speak of."""

INSTANCE_STATUSES: dict[str, TransferStatus] = {"pending": "pending", "complete": "applied"}
"""Transfers between instances have other words than deposits; a new one may mean that cash has moved."""


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

    def check(self) -> None:
        if self.book_side != ("bid" if self.outcome_side == "yes" else "ask"):
            raise OddRow("book_side", "contradicts outcome_side")
        if self.yes_price_dollars + self.no_price_dollars != ONE:
            raise OddRow("no_price_dollars", "and yes_price_dollars do not add up to one dollar")
        if self.created_time is None and self.ts is None:
            raise OddRow("created_time", "is missing")

    def record(self, source: str) -> Fill:
        """Return the fill: what side was bought, at that side's price."""
        at = self.created_time or self.ts
        assert at is not None, "a row without a time is set aside"
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

    @property
    def crosses(self) -> bool:
        """Whether cash enters or leaves the account we read, or stays inside."""
        return (self.source == EVENT_CONTRACTS) != (self.destination == EVENT_CONTRACTS)

    def check(self) -> None:
        if self.crosses and self.status not in INSTANCE_STATUSES:
            raise OddRow("status", "is not a known status")

    def record(self, source: str) -> Transfer | None:
        """Return the cash that enters or leaves the account we read; None where it stays inside."""
        if not self.crosses:
            return None
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
    """A page of a list that may leave out its cursor. Its rows are read one by one, see `listing`."""

    cursor: str | None = None


class Fills(CursorPage):
    cursor: str | None  # always present: a renamed cursor would end the list early without a word
    fills: list[object]


class Markets(CursorPage):
    cursor: str | None
    markets: list[object]


class Positions(CursorPage):
    market_positions: list[object]


class Settlements(CursorPage):
    settlements: list[object]


class Deposits(CursorPage):
    deposits: list[object]


class Withdrawals(CursorPage):
    withdrawals: list[object]


class InstanceTransfers(CursorPage):
    transfers: list[object]


class Subaccounts(Shape):
    subaccount_balances: list[object]


class ApiKeys(Shape):
    api_keys: list[KeyScopesRow]


def _by(name: str, label: str = "") -> Callable[[Raw], str | None]:
    """Return what reads the id of a row: the field of that name, behind a label."""

    def identity(raw: Raw) -> str | None:
        text = text_in(raw, name)
        return None if text is None else f"{label}{text}"

    return identity


def _book(subaccount: int = 0) -> Callable[[Raw], str]:
    """Return what reads the book that a row of a subaccount is about."""

    def book(raw: Raw) -> str:
        ticker = text_in(raw, "ticker")
        return "" if ticker is None else book_key(subaccount, ticker)

    return book


def _its_book(subaccount: int) -> Callable[[Raw], str | None]:
    """Return the same for lists in which a book has one row, which is known by it."""
    book = _book(subaccount)
    return lambda raw: book(raw) or None


def _traded_in(raw: Raw) -> str:
    """Return the book of a fill, as far as it can be read."""
    number = raw.get("subaccount_number") or 0
    if not isinstance(number, int) or not 0 <= number <= MOST_SUBACCOUNTS:
        return ""
    return _book(number)(raw)


FILLS = ListOf(
    name="fills",
    path="fills",
    shape=FillRow,
    kind=Fill.kind,
    identity=_by("fill_id"),
    market=_traded_in,
    times=(("created_time", parse_time), ("ts", parse_unix)),
)
DEPOSITS = ListOf(
    name="deposits",
    path="deposits",
    shape=MovementRow,
    kind=Transfer.kind,
    identity=_by("id", "deposit/"),
    times=(("finalized_ts", parse_unix), ("created_ts", parse_unix)),
    components=(),
)
WITHDRAWALS = ListOf(
    name="withdrawals",
    path="withdrawals",
    shape=MovementRow,
    kind=Transfer.kind,
    identity=_by("id", "withdrawal/"),
    times=(("finalized_ts", parse_unix), ("created_ts", parse_unix)),
    components=(),
)
INSTANCE_TRANSFERS = ListOf(
    name="transfers",
    path="transfers",
    shape=InstanceTransferRow,
    kind=Transfer.kind,
    identity=_by("transfer_id", "instance/"),
    times=(("created_ts", parse_unix),),
    components=(),
)
MARKETS = ListOf(
    name="markets",
    path="markets",
    shape=MarketRow,
    identity=_by("ticker"),
    market=_book(),
    components=("trading_unrealised_change",),
)
SUBACCOUNTS = ListOf(
    name="subaccounts",
    path="subaccount_balances",
    shape=SubaccountRow,
    identity=lambda raw: str(number) if isinstance(number := raw.get("subaccount_number"), int) else None,
)


def settlements_of(subaccount: int) -> ListOf[SettlementRow]:
    """Return the list of one subaccount's settlements; their rows do not say whose they are."""
    return ListOf(
        name="settlements",
        path="settlements",
        shape=SettlementRow,
        kind=Settlement.kind,
        identity=_its_book(subaccount),
        market=_book(subaccount),
        times=(("settled_time", parse_time),),
    )


def positions_of(subaccount: int) -> ListOf[PositionRow]:
    """Return the list of one subaccount's positions. Ours are compared with them; no figure rests on them."""
    return ListOf(
        name=VENUE_POSITIONS,
        path="market_positions",
        shape=PositionRow,
        identity=_its_book(subaccount),
        market=_book(subaccount),
        components=(),
    )


def quote(price: Decimal, size: Decimal) -> Decimal | None:
    """Return a price somebody stands behind; an empty side is shown as a boundary price of size zero."""
    return price if size > ZERO and ZERO < price < ONE else None


def reread(aside: Aside) -> list[Record]:
    """Return the record of a row that was set aside; raises OddRow while it cannot be read."""
    match aside.listed:
        case "fills":
            return [FILLS.again(aside).record(aside.source)]
        case "settlements":
            number = subaccount_of(aside.scope)
            return [settlements_of(number).again(aside).record(aside.source, number)]
        case "deposits":
            return [DEPOSITS.again(aside).record(aside.source, "deposit")]
        case "withdrawals":
            return [WITHDRAWALS.again(aside).record(aside.source, "withdrawal")]
        case "transfers":
            crossed = INSTANCE_TRANSFERS.again(aside).record(aside.source)
            return [] if crossed is None else [crossed]
    return []
