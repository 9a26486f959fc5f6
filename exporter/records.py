"""What the sources tell us, as frozen records in the field's own words.

Units:  dollars and contracts as Decimal; times aware, UTC, microseconds.
Signs:  fees, costs, gross, refunds are positive; a sign is given once, in the ledger.
Two kinds: *records* are kept for ever, each under a key, a changed one as a new revision;
*observations* (marks, balances, the venue's own view) speak of now and are replaced.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import ClassVar, Literal

Side = Literal["yes", "no"]
TransferStatus = Literal["pending", "applied", "failed", "returned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of our order: `count` contracts of `side` bought at `price` dollars each.

    Selling YES is buying NO at one minus its price, so a fill always buys a side. `newer` says how many
    fills of the same book and moment the venue lists above this one: an order that sweeps through several
    prices, perhaps through zero, has them all in one microsecond, and what closes is what came first.
    """

    kind: ClassVar[str] = "fill"
    fill_id: str
    ticker: str
    subaccount: int
    side: Side
    count: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    newer: int = 0

    @property
    def key(self) -> str:
        return self.fill_id

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
        return "kalshi"


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """One row of a day's bill. Its identity within the day is (workspace, description).

    What the report does not say of a row is empty.
    """

    workspace: str
    description: str
    amount: Decimal
    cost_type: str
    model: str
    token_type: str
    tier: str = ""
    context_window: str = ""
    geo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledDay:
    """The bill of one finished UTC day, whole: a later revision replaces all its lines."""

    kind: ClassVar[str] = "billed_day"
    day: date
    lines: tuple[BilledLine, ...]

    @property
    def amount(self) -> Decimal:
        """What the day costs, in dollars."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def at(self) -> datetime:
        """The UTC midnight the day starts at."""
        return datetime.combine(self.day, time(), UTC)

    @property
    def key(self) -> str:
        return self.day.isoformat()

    @property
    def scope(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """Tokens of one (workspace, model, tier, region, speed) in an hour and their estimated cost.

    `cost` is dollars by list price; None when no price is known, which is not zero. Where the price
    depends on what no report shows, it is the lowest it can be, and `cost_high` the highest.
    `costs` is `cost` by kind of token and `web_search`; `uncached` is what the line would have cost had
    there been no cache. The last three are absent in records of before they were kept.
    """

    workspace: str
    model: str
    tier: str
    geo: str
    speed: str
    uncached_input: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    output: int
    web_searches: int
    cost: Decimal | None
    cost_high: Decimal | None = None
    context_window: str = ""
    costs: tuple[tuple[str, Decimal], ...] = ()
    uncached: Decimal | None = None

    @property
    def highest(self) -> Decimal | None:
        """The upper bound of `cost`: the same where the price is certain."""
        return self.cost if self.cost_high is None else self.cost_high

    @property
    def tokens(self) -> int:
        """All tokens of the line; the kinds are disjoint."""
        return self.uncached_input + self.cache_write_5m + self.cache_write_1h + self.cache_read + self.output


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageHour:
    """Usage of the UTC hour that starts at `at`, whole: a later revision replaces all its lines."""

    kind: ClassVar[str] = "usage_hour"
    at: datetime
    lines: tuple[UsageLine, ...]

    @property
    def key(self) -> str:
        return self.at.strftime("%Y-%m-%dT%H")

    @property
    def scope(self) -> str:
        return self.at.date().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsageLine:
    """Tokens of one (API key, workspace, model, tier, context window) in a day.

    `api_key` is empty for usage that was not made with a key. `cost` is dollars where the service says
    what each key cost; None where it does not, and the day's bill must be spread over the keys.
    """

    api_key: str
    workspace: str
    model: str
    tier: str
    context_window: str
    uncached_input: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    output: int
    web_searches: int
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsage:
    """Who used what on one UTC day, whole: a later revision replaces all its lines."""

    kind: ClassVar[str] = "key_usage"
    day: date
    lines: tuple[KeyUsageLine, ...]

    @property
    def at(self) -> datetime:
        """The UTC midnight the day starts at."""
        return datetime.combine(self.day, time(), UTC)

    @property
    def key(self) -> str:
        return self.day.isoformat()

    @property
    def scope(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRow:
    """One row of a day's estimate: a model's tokens, or the web searches.

    `cost` and `high` are the bounds in dollars, None when nothing of it had a price; `unpriced` is tokens.
    """

    name: str
    cost: Decimal | None
    high: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """A day's bill arrived, or changed: what it is now, and what stood there before it.

    The store notes one with each revision of a BilledDay. `before` is None for the first, which then
    holds the estimate it replaced: `hours` is how many of the day's hours that one knew.
    """

    kind: ClassVar[str] = "landing"
    day: date
    number: int
    amount: Decimal
    before: Decimal | None
    estimate: tuple[EstimateRow, ...]
    hours: int
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.day.isoformat()}#{self.number}"

    @property
    def scope(self) -> str:
        return self.day.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money given back for a sale, counted when it is given."""

    refund_id: str
    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One sale with its refunds; only status `paid` is income. `gross` and refunds exclude tax."""

    kind: ClassVar[str] = "sale"
    sale_id: str
    at: datetime
    updated_at: datetime
    status: Literal["pending", "paid", "void"]
    gross: Decimal
    fee: Decimal
    tax: Decimal
    customer: str
    product: str
    refunds: tuple[Refund, ...]

    @property
    def key(self) -> str:
        return self.sale_id

    @property
    def scope(self) -> str:
        return self.sale_id


Record = Fill | Settlement | Transfer | BilledDay | UsageHour | KeyUsage | Landing | Sale

KINDS: dict[str, type[Record]] = {
    kind.kind: kind for kind in (Fill, Settlement, Transfer, BilledDay, UsageHour, KeyUsage, Landing, Sale)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Quotes of one market in YES dollars; None for a side nobody quotes, never 0 or 1."""

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

    subaccount: int
    cash: Decimal
    portfolio_value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """The venue's own view of one market, to compare ours with: signed contracts, before fees."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The name of a workspace at Anthropic; names are not unique and change."""

    workspace_id: str
    name: str
    archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The name of an API key at Anthropic; `workspace` is empty for a key of the whole organization."""

    key_id: str
    name: str
    status: str
    workspace: str


Observation = Mark | Balance | VenuePosition | Workspace | ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A raw upstream answer as it came, before anybody read it. `request` holds no credential."""

    source: str
    request: str
    status: int
    fetched_at: datetime
    body: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """One record that is new (`old` is None) or revised; what the ledger feeds on."""

    old: Record | None
    new: Record


def replaces(new: Record, old: Record | None) -> bool:
    """Tell whether a record is worth a revision: it differs, and knows better than what we have.

    A settlement that we rebuilt never replaces the venue's own row. A bill without lines never replaces one
    that has some: a day that vanishes from the report has not become free, and a credit comes as a line.
    Neither does usage: what was used cannot have been nothing.
    A fill that is listed late pushes others of its moment down, and nothing pushes them up: so a list that
    shuffled them would not restate the books for ever.
    """
    if isinstance(new, Fill) and isinstance(old, Fill) and new.newer < old.newer:
        new = replace(new, newer=old.newer)
    reported = BilledDay | UsageHour | KeyUsage
    if isinstance(new, reported) and isinstance(old, reported) and old.lines and not new.lines:
        return False
    if isinstance(new, Settlement) and isinstance(old, Settlement) and new.origin == "market" != old.origin:
        return False
    return new != old


def book_key(subaccount: int, ticker: str) -> str:
    """Name the book of a market: its ticker, with the subaccount behind it unless it is the primary one."""
    return ticker if subaccount == 0 else f"{ticker}#{subaccount}"


def ticker_of(book: str) -> str:
    """Return the market of a book by its name."""
    return book.partition("#")[0]


def subaccount_of(book: str) -> int:
    """Return the subaccount of a book by its name."""
    return int(book.partition("#")[2] or 0)
