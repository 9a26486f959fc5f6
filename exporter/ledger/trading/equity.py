"""Our equity against the venue's: our cash and our contracts, valued as near to its way as is known.

Source: the venue's balance answer; `portfolio_value` is its value of the open positions.
Quirk:  no document says by which price. It was seen near the last trade, and up to nine cents a
        contract away from the best bid of the same moment. So a contract counts at the last trade,
        and may be off by those nine cents and by how far its quotes lie apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from exporter.ledger.trading.positions import Book
from exporter.money import ZERO, plain
from exporter.records import Balance, Mark, Side, subaccount_of

SEEN_AWAY = Decimal("0.09")
"""Dollars a contract that the venue's value was seen away from the best bid (one account, May 2026)."""

CENT = Decimal("0.01")
"""What the venue cuts off: it states the value of a subaccount's positions in whole cents."""

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Worth:
    """Dollars that open contracts come to, and by how much the venue may see them otherwise."""

    usd: Decimal = ZERO
    allowed: Decimal = ZERO

    def __add__(self, other: Worth) -> Worth:
        return Worth(self.usd + other.usd, self.allowed + other.allowed)

    def __sub__(self, other: Worth) -> Worth:
        return Worth(self.usd - other.usd, self.allowed - other.allowed)


NOTHING = Worth()


def worth(book: Book, mark: Mark | None, price: Decimal | None) -> Worth:
    """Return what the open contracts of a book come to; `price` stands in where nothing was traded.

    Without any price they count at cost, and a whole dollar a contract is allowed: they may be worth
    nothing or all of it.
    """
    quotes = _quotes(mark, book.side) if mark is not None else []
    if not quotes and price is not None:
        quotes = [price]
    if not quotes:
        return Worth(book.cost, book.count)
    apart = max(abs(quote - quotes[0]) for quote in quotes)
    return Worth(book.count * quotes[0], book.count * min(ONE, SEEN_AWAY + apart))


def _quotes(mark: Mark, side: Side) -> list[Decimal]:
    """Return what is known of one contract's price, the venue's likeliest first."""
    yes = [mark.settled_value, mark.last, mark.yes_bid, mark.yes_ask]
    known = [price for price in yes if price is not None]
    return known if side == "yes" else [ONE - price for price in known]


@dataclass(frozen=True, slots=True)
class Compared:
    """Our equity, the venue's, and what they may differ by; `detail` says more when that is too much.

    `held` is what they differ by in the positions alone.
    """

    ours: Decimal
    theirs: Decimal
    allowed: Decimal
    held: Decimal
    detail: str

    @property
    def difference(self) -> Decimal:
        return self.ours - self.theirs

    @property
    def ok(self) -> bool:
        return abs(self.difference) <= self.allowed

    @property
    def held_ok(self) -> bool:
        """Whether the positions alone tie, whatever the cash does."""
        return abs(self.held) <= self.allowed


class Equity:
    """What is held, by subaccount; `compared` is the last comparison, None before the first."""

    def __init__(self) -> None:
        self.compared: Compared | None = None
        self._worth: dict[str, Worth] = {}
        self._held: dict[int, Worth] = {}

    def value(self, scope: str, worth: Worth | None) -> None:
        """Take what a position comes to now; None when nothing is held any more."""
        subaccount = subaccount_of(scope)
        held = self._held.get(subaccount, NOTHING) - self._worth.pop(scope, NOTHING)
        if worth is not None:
            self._worth[scope] = worth
            held += worth
        self._held[subaccount] = held

    def compare(self, cash: Decimal, balances: Iterable[Balance]) -> None:
        """Compare with what the venue states; `cash` is ours by our own books."""
        stated = {balance.subaccount: balance for balance in balances}
        subaccounts = self._held.keys() | stated.keys()
        held = sum((self._held.get(number, NOTHING) for number in subaccounts), NOTHING)
        venue_cash = sum((balance.cash for balance in stated.values()), ZERO)
        value = sum((balance.portfolio_value for balance in stated.values()), ZERO)
        allowed = held.allowed + CENT * len(stated)
        ours, theirs = cash + held.usd, venue_cash + value
        detail = (
            f"our equity is {plain(ours)}, the venue's {plain(theirs)}: cash differs by "
            f"{plain(cash - venue_cash)}, positions by {plain(held.usd - value)}{self._worst(stated)}"
        )
        self.compared = Compared(ours, theirs, allowed, held.usd - value, detail)

    def _worst(self, stated: Mapping[int, Balance]) -> str:
        off = {
            number: self._held.get(number, NOTHING).usd - balance.portfolio_value
            for number, balance in stated.items()
        }
        if len(off) < 2:
            return ""
        worst = max(off, key=lambda number: (abs(off[number]), number))
        return f", most of it in subaccount {worst} ({plain(off[worst])})"
