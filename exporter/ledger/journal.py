"""Double entry: every event moves money between accounts and sums to zero.

The accounts of profit and loss are the components of a window's net; each has a timeline. The unrealised
change has no account: it is a difference of marks, not an event.
The others (what the venue, John and Anthropic hold or are owed) only have a balance.
Signs:  an entry is debit-positive, so income is negative in it; a component's *contribution*
        is the negative of its account, positive when it made us richer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from exporter.errors import LedgerError, OutOfBalance
from exporter.ledger.timeline import Timeline
from exporter.money import ZERO

VENUE_CASH = "venue_cash"
OPEN_COST = "open_cost"
TRANSFERS = "transfers"
OTHER_CASH = "other_cash"
RECEIVABLE = "receivable"
TAX_PAYABLE = "tax_payable"
API_PAYABLE = "api_payable"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: amounts by account at a time (microseconds), summing to zero.

    `round_trip` is the result of a market that this event closed, None when it closed none;
    `forward` is False in the entry that takes another one back.
    """

    at: int
    amounts: Mapping[str, Decimal]
    round_trip: Decimal | None = None
    forward: bool = True

    def reversed(self) -> Entry:
        """Return the entry that takes this one back."""
        amounts = {account: -amount for account, amount in self.amounts.items()}
        return Entry(self.at, amounts, self.round_trip, not self.forward)


class Journal:
    """Balances of all accounts of one book, and the timelines of those that windows cut."""

    def __init__(self, timelines: Iterable[str]) -> None:
        self.balances: dict[str, Decimal] = {}
        self.timelines = {account: Timeline() for account in timelines}

    def post(self, entries: Iterable[Entry]) -> None:
        """Book entries. Raises LedgerError for one that does not sum to zero; it is not booked."""
        for entry in entries:
            if sum(entry.amounts.values(), ZERO) != 0:
                raise LedgerError(f"An entry does not sum to zero: {dict(entry.amounts)}.")
            for account, amount in entry.amounts.items():
                timeline = self.timelines.get(account)
                if timeline is not None:
                    timeline.add(entry.at, -amount)
                self.balances[account] = self.balances.get(account, ZERO) + amount

    def until(self, now: int) -> None:
        """Let windows end now: what is dated ahead of it is booked, and counts when its time comes."""
        for timeline in self.timelines.values():
            timeline.until(now)

    def ahead(self) -> int:
        """Return how many moments are booked that are ahead of now."""
        return len({at for timeline in self.timelines.values() for at in timeline.ahead()})

    def waiting(self, component: str) -> Decimal:
        """Return what a component will add to the net when all that is booked has had its time."""
        timeline = self.timelines[component]
        return timeline.total - timeline.counted

    def contribution(self, component: str, window: str, start: int | None) -> Decimal:
        """Return what a component added to the net from `start` until now; None means from the beginning."""
        timeline = self.timelines[component]
        return timeline.counted if start is None else timeline.since(window, start)

    def open_cost_at(self, window: str, start: int) -> Decimal:
        """Return the cost of the contracts that were open just before a window's start."""
        timeline = self.timelines[OPEN_COST]
        return -(timeline.counted - timeline.since(window, start))

    def first(self) -> int | None:
        """Return the time of the earliest event that made or lost money, None when there is none."""
        times = [first for timeline in self.timelines.values() if (first := timeline.first()) is not None]
        return min(times, default=None)

    def prove(self) -> None:
        """Raise OutOfBalance unless all accounts sum to zero and every timeline agrees with its account."""
        off = sum(self.balances.values(), ZERO)
        if off != 0:
            raise OutOfBalance(f"The books are out of balance by {off} USD.")
        for account, timeline in self.timelines.items():
            balance = self.balances.get(account, ZERO)
            if timeline.total != -balance:
                raise OutOfBalance(
                    f"Account {account} stands at {-balance}, its timeline at {timeline.total}."
                )
