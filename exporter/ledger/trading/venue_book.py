"""The books of one venue account: its markets, its cash, and how both compare with the venue's view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from exporter.ledger.book import Part, Span
from exporter.ledger.doubt import Doubt
from exporter.ledger.journal import OPEN_COST, OTHER_CASH, TRANSFERS, VENUE_CASH, Entry, Journal
from exporter.ledger.trading.confirmation import Confirmation, Standing
from exporter.ledger.trading.equity import Equity
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.marks import MarkRule
from exporter.ledger.trading.portfolio import Portfolio, Valuation
from exporter.ledger.trading.positions import Book
from exporter.ledger.trading.reconciliation import CheckedFigure, Contradiction
from exporter.money import ZERO, plain
from exporter.records import (
    Balance,
    Change,
    Fill,
    Mark,
    Observation,
    Record,
    Settlement,
    SourceInfo,
    Transfer,
    VenuePosition,
    ticker_of,
)
from exporter.snapshot import KIND_COMPONENTS, Grade, Opening, Reason, Window
from exporter.times import to_us

OPENING_MARK_AGE = timedelta(minutes=15)
"""How long before a window's start its opening marks may date from; older ones make it partial."""

TIMELINES = ("trading_realised", "trading_fees", OPEN_COST)
"""The accounts that windows cut."""

REALISED = frozenset(("trading_realised",))
"""What rests on the way in which a market's rows fit together."""

OF_COST = frozenset(("trading_realised", "trading_unrealised_change"))
"""What rests on what the contracts have cost that were closed."""

OPEN = frozenset(("trading_unrealised_change",))
"""What rests on what is held now."""

TRADING = frozenset(KIND_COMPONENTS["venue"])

DOUBTED: Mapping[str, frozenset[str]] = {
    "cash": TRADING,
    "equity": OPEN,
    "position": OPEN,
    "exposure": OPEN,
    "realised": REALISED,
    "fees": frozenset(("trading_fees",)),
}
"""What each check speaks against while it fails."""

CONTRACTS: CheckedFigure = "position"
"""The one figure that is no money."""

Traded = Callable[[str, Sequence[Entry]], None]
"""Told of each market and the entries that were posted for it: results and groups are kept up with them."""


@dataclass(frozen=True, slots=True)
class VenueKept:
    """What fills, settlements and transfers have made: the journal, and the book of every market."""

    journal: Journal
    books: Mapping[str, Book]


class VenueBook:
    """Fills, settlements and transfers of one account, valued at its own marks.

    `other_cash` is what the user says the venue paid or took beside all its lists, by time: interest,
    incentives. It explains cash and is never profit of trading.
    """

    def __init__(
        self,
        info: SourceInfo,
        rule: MarkRule,
        lots: LotRule,
        other_cash: Iterable[tuple[datetime, Decimal]],
        traded: Traded,
    ) -> None:
        self.info = info
        self.journal = Journal(TIMELINES)
        self.journal.post(Entry(to_us(at), {VENUE_CASH: usd, OTHER_CASH: -usd}) for at, usd in other_cash)
        self.portfolio = Portfolio(info.name, rule, lots)
        self.cash: dict[int, Balance] = {}
        self.equity = Equity()
        self.confirmation = Confirmation()
        self.off_by = Standing()
        self._traded = traded

    def apply(self, change: Change) -> None:
        """Take one change of a fill, a settlement or a transfer."""
        match change.new:
            case Fill() | Settlement() as event:
                self._trade(event.ticker, self.portfolio.apply(change, event))
            case Transfer() as transfer:
                if isinstance(change.old, Transfer):
                    self.journal.post(entry.reversed() for entry in _moved(change.old))
                self.journal.post(_moved(transfer))

    def post(self) -> list[str]:
        """Show the positions as they are now; return the markets that wait to be restated."""
        self.portfolio.refresh()
        return list(self.portfolio.late)

    def restate(self, scope: str, events: Iterable[Record]) -> None:
        """Replay one market from all its records after a late or revised one."""
        ordered = [event for event in events if isinstance(event, Fill | Settlement)]
        self._trade(ticker_of(scope), self.portfolio.restate(scope, ordered))

    def observe(self, observations: Iterable[Observation], unread: Set[str] = frozenset()) -> None:
        """Take what one reading of the venue says about now: quotes, balances, its own view of positions.

        Of the markets in `unread` it has stated its view, and nobody could read it.
        """
        stated: list[VenuePosition] = []
        cash: dict[int, Balance] = {}
        for observation in observations:
            match observation:
                case Mark():
                    self.portfolio.observe_mark(observation)
                case Balance():
                    cash[observation.subaccount] = observation
                case VenuePosition():
                    stated.append(observation)
        if cash:
            # A reading states every subaccount, so one that it leaves out is gone.
            self.cash = cash
            self.portfolio.reconciliation.observe(stated, unread)
            self._compare_equity()
            self.confirmation.take(self._ties())
            self.off_by.take(self.cash_difference() or ZERO, max(each.at for each in cash.values()))

    def quote(self, marks: Iterable[Mark]) -> bool:
        """Take quotes alone, as they move between two readings; tell whether a position's price has.

        What the venue stated with its last reading, balances and positions, stays as it is.
        """
        moved = [self.portfolio.quote(mark) for mark in marks]
        return any(moved)

    def stepped(self, step: timedelta) -> None:
        """Date quotes and balances anew, by a wall clock that was set."""
        self.portfolio.stepped(step)
        self.off_by.stepped(step)
        self.cash = {number: replace(held, at=held.at + step) for number, held in self.cash.items()}

    def openings_needed(self, starts: Mapping[Window, datetime | None]) -> dict[Window, datetime]:
        """Return the windows whose change in unrealised P&L is measured from a stored snapshot.

        Where nothing was open at the start, the unrealised P&L there is known to be zero.
        """
        return {
            window: start
            for window, start in starts.items()
            if start is not None and self.journal.open_cost_at(window, to_us(start)) != 0
        }

    def value(self, now: datetime, freshness: timedelta) -> Valuation:
        """Return the unrealised P&L of what is open now, and of what was closed at a time that is ahead: its
        contracts are gone, and what they brought is realised when that time comes."""
        found, waiting = self.portfolio.value(now, freshness), self.journal.waiting("trading_realised")
        return replace(found, usd=found.usd + waiting) if waiting else found

    def components(
        self, spans: Sequence[Span], freshness: timedelta, openings: Mapping[str, Opening]
    ) -> dict[Window, dict[str, Part]]:
        """Return what trading brought in each window."""
        valuation = self.value(spans[0].now, freshness) if spans else None
        stated: dict[Window, dict[str, Part]] = {}
        for span in spans:
            assert valuation is not None
            stated[span.window] = {
                name: self._unrealised_change(span, valuation, openings.get(span.window))
                if name == "trading_unrealised_change"
                else self._booked(name, span)
                for name in KIND_COMPONENTS["venue"]
            }
        return stated

    def doubts(self) -> Sequence[Doubt]:
        """Return what speaks against trading: rows that disagree, orders of one moment, and the venue."""
        disagreeing = [
            Doubt(components=REALISED, reason=self._reason("rows_disagree", said), scope=scope)
            for scope, said in self.portfolio.disagreeing.items()
        ]
        unordered = [
            Doubt(components=OF_COST, reason=self._reason("unknown_order", _unordered(scope)), scope=scope)
            for scope in sorted(self.portfolio.unordered)
        ]
        return disagreeing + unordered + self._contradicted()

    def kept(self) -> VenueKept:
        """Return the journal and all books."""
        return VenueKept(self.journal, self.portfolio.books)

    def resume(self, kept: object) -> None:
        """Go on from a journal and its books; quotes and the venue's view come with the next reading."""
        assert isinstance(kept, VenueKept)
        self.journal = kept.journal
        self.portfolio.resume(kept.books)

    def in_question(self) -> set[str]:
        """Return the markets whose rows do not explain what the venue states of them."""
        found = {each.scope for each in self.portfolio.reconciliation.contradictions()}
        return found.union(self.portfolio.disagreeing)

    def cash_difference(self) -> Decimal | None:
        """Return the venue's cash minus what fills, settlements, fees, transfers and the user explain."""
        if not self.cash:
            return None
        stated = sum((balance.cash for balance in self.cash.values()), ZERO)
        return stated - self.journal.balances.get(VENUE_CASH, ZERO)

    @property
    def other_cash(self) -> Decimal:
        """Return what the user says came beside all lists of the venue."""
        return -self.journal.balances.get(OTHER_CASH, ZERO)

    @property
    def paid_in(self) -> Decimal:
        """Return what deposits brought, less what withdrawals took."""
        return -self.journal.balances.get(TRANSFERS, ZERO)

    def _trade(self, ticker: str, entries: Sequence[Entry]) -> None:
        self.journal.post(entries)
        self._traded(ticker, entries)

    def _compare_equity(self) -> None:
        for scope, held in self.portfolio.revalued():
            self.equity.value(scope, held)
        self.equity.compare(self.journal.balances.get(VENUE_CASH, ZERO), self.cash.values())

    def _ties(self) -> dict[str, bool]:
        equity = self.equity.compared
        return {"cash": not self.cash_difference(), "equity": equity is None or equity.ok}

    def _contradicted(self) -> list[Doubt]:
        """Return what the venue has stated otherwise for as long as counts."""
        doubts = [self._market(each) for each in self.portfolio.reconciliation.contradictions()]
        cash = self.cash_difference()
        if cash and self.confirmation.confirmed("cash"):
            text = f"the venue's cash differs by {plain(cash)} USD"
            doubts.append(self._contradiction(DOUBTED["cash"], text, self.off_by.since))
        equity = self.equity.compared
        if equity is not None and not equity.held_ok and self.confirmation.confirmed("equity"):
            # By how much is in the check: it moves with each price, and a reason is in every window twice.
            text = "the venue values the positions otherwise than the quotes do"
            doubts.append(self._contradiction(DOUBTED["equity"], text))
        return doubts

    def _market(self, found: Contradiction) -> Doubt:
        unit = "contracts" if found.figure == CONTRACTS else "USD"
        text = f"{found.figure} of {found.scope} is {plain(found.difference)} {unit} off the venue's"
        components, at = DOUBTED[found.figure], found.at
        if components == OPEN:
            at = None
            if found.at is None:
                # Contracts that the venue no longer holds were closed, and that realised something.
                components = OF_COST
        return self._contradiction(components, text, at, found.scope)

    def _contradiction(
        self, components: frozenset[str], text: str, at: datetime | None = None, scope: str = ""
    ) -> Doubt:
        reason = self._reason("contradicted", text)
        return Doubt(components=components, reason=reason, at=at, scope=scope)

    def _booked(self, name: str, span: Span) -> Part:
        return Part(self.journal.contribution(name, span.window, span.start_us))

    def _unrealised_change(self, span: Span, valuation: Valuation, opening: Opening | None) -> Part:
        usd, grade, because, start = valuation.usd, valuation.grade, valuation.because, span.start
        if start is None or self.journal.open_cost_at(span.window, to_us(start)) == 0:
            return Part(usd, grade, because)
        if opening is None:
            # This is the earliest value there is, so it stands in for the start: the next snapshot
            # measures from it too, and the figure does not jump.
            reason = self._reason("no_opening", "no value is known at the start")
            return Part(ZERO, min(grade, Grade.PARTIAL), (*because, reason))
        if opening.as_of > start or start - opening.as_of > OPENING_MARK_AGE:
            since = opening.as_of.strftime("%Y-%m-%d %H:%M UTC")
            grade = min(grade, Grade.PARTIAL)
            because = (*because, self._reason("old_opening", f"value at the start is of {since}"))
        elif opening.grade < Grade.ESTIMATED:
            grade = min(grade, Grade.PARTIAL)
            word = opening.grade.word
            because = (*because, self._reason("doubtful_opening", f"value at the start was {word}"))
        return Part(usd - opening.usd, grade, because)

    def _reason(self, code: str, text: str) -> Reason:
        return Reason(self.info.name, code, text)


def _unordered(scope: str) -> str:
    return f"orders of {scope} were executed in one moment, and nobody says which came first"


def _moved(transfer: Transfer) -> list[Entry]:
    """Return what a movement of cash has moved: nothing unless it is applied."""
    if transfer.status != "applied":
        return []
    arrived = transfer.amount - transfer.fee
    return [Entry(to_us(transfer.at), {VENUE_CASH: arrived, TRANSFERS: -arrived})]
