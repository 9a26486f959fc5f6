"""What a venue tells us: executions, outcomes and cash, and its view of now.

Units: dollars and contracts as Decimal; times aware, UTC, microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

Side = Literal["yes", "no"]
TransferStatus = Literal["pending", "applied", "failed", "returned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of our order: `count` contracts of `side` bought at `price` dollars each.

    Selling YES is buying NO at one minus its price, so a fill always buys a side. `order_id` is empty in
    records of before it was kept. One that is `voided` was listed once and was taken back: a trade that was
    busted. It counts no more, and stays as the last revision of what it was.
    """

    kind: ClassVar[str] = "fill"
    source: str
    fill_id: str
    ticker: str
    subaccount: int
    side: Side
    count: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    order_id: str = ""
    voided: bool = False

    @property
    def key(self) -> str:
        return self.fill_id

    @property
    def place(self) -> tuple[str, Decimal, str]:
        """Its place among the fills of its book and moment, as they were executed.

        An order that sweeps through several prices, perhaps through zero, has all its fills in one
        microsecond, and what closes is what came first: the best price for us, which is the lowest. The
        list says nothing of it. Which of two orders came first nobody says; here it is the lesser id.
        Fills whose order is not known count as one order for each side.
        """
        return self.order_id or self.side, self.price, self.fill_id

    @property
    def scope(self) -> str:
        """The book this fill belongs to."""
        return book_key(self.subaccount, self.ticker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A market resolved. Counts and costs are gross for the market's life, `payout` is for the net.

    `value` is what one YES contract paid, in dollars; None when the venue does not say.
    `origin` is `row` for the venue's own row. Where the venue no longer lists it, the settlement is
    rebuilt from our fills and the market's result, and says `market`.
    """

    kind: ClassVar[str] = "settlement"
    source: str
    ticker: str
    subaccount: int
    result: str
    yes_count: Decimal
    yes_cost: Decimal
    no_count: Decimal
    no_cost: Decimal
    payout: Decimal
    value: Decimal | None
    fee: Decimal
    at: datetime
    origin: Literal["row", "market"] = "row"

    @property
    def key(self) -> str:
        return self.scope

    @property
    def scope(self) -> str:
        return book_key(self.subaccount, self.ticker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Cash on its way into (positive) or out of (negative) the venue account; never profit.

    It has moved only while it is `applied`: one that came back is a later revision that is `returned`.
    """

    kind: ClassVar[str] = "transfer"
    source: str
    transfer_id: str
    amount: Decimal
    fee: Decimal
    at: datetime
    status: TransferStatus = "applied"

    @property
    def key(self) -> str:
        return self.transfer_id

    @property
    def scope(self) -> str:
        """Each movement of cash stands by itself, whatever else its account does."""
        return self.transfer_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Quotes of one market in YES dollars; None for a side nobody quotes, never 0 or 1."""

    source: str
    ticker: str
    yes_bid: Decimal | None
    yes_ask: Decimal | None
    last: Decimal | None
    settled_value: Decimal | None
    at: datetime

    def same_quotes(self, other: Mark) -> bool:
        """Tell whether another mark of the market says the same, whenever it was taken."""
        return (
            self.yes_bid == other.yes_bid
            and self.yes_ask == other.yes_ask
            and self.last == other.last
            and self.settled_value == other.settled_value
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The venue's own statement of one subaccount: cash, and its value of the open positions."""

    source: str
    subaccount: int
    cash: Decimal
    portfolio_value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """The venue's own view of one market, to compare ours with: signed contracts, before fees."""

    source: str
    ticker: str
    subaccount: int
    position: Decimal
    exposure: Decimal
    realised: Decimal
    fees: Decimal
    at: datetime

    @property
    def scope(self) -> str:
        return book_key(self.subaccount, self.ticker)

    def same_view(self, other: VenuePosition) -> bool:
        """Tell whether another statement of the market says the same, whenever it was made."""
        return (
            self.position == other.position
            and self.exposure == other.exposure
            and self.realised == other.realised
            and self.fees == other.fees
        )


def book_key(subaccount: int, ticker: str) -> str:
    """Name the book of a market: its ticker, with the subaccount behind it unless it is the primary one."""
    return ticker if subaccount == 0 else f"{ticker}#{subaccount}"


def ticker_of(book: str) -> str:
    """Return the market of a book by its name."""
    return book.partition("#")[0]


def subaccount_of(book: str) -> int:
    """Return the subaccount of a book by its name."""
    return int(book.partition("#")[2] or 0)
