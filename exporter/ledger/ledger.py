"""The company's profit and loss: changes in, figures with grades out. No clock, no network, no database.

`Ledger.apply` folds in what changed; `Ledger.figures` states every window as of a time that is
given. A figure's grade is the worst of: is its source there and fresh, are all positions marked,
is all usage priced, is the cost billed, does history reach the window's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from exporter.ledger import windows
from exporter.ledger.cost.spending import Spending
from exporter.ledger.cost.statement import CostStatement
from exporter.ledger.journal import OTHER_CASH, TRANSFERS, VENUE_CASH, Entry, Journal
from exporter.ledger.sales import sale_entries as takings
from exporter.ledger.sales.orders import Counts, Orders
from exporter.ledger.trading.confirmation import Confirmation
from exporter.ledger.trading.equity import Equity
from exporter.ledger.trading.groups import Groups
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.marks import MarkRule
from exporter.ledger.trading.portfolio import Portfolio, Valuation
from exporter.ledger.trading.reconciliation import FIGURES
from exporter.ledger.trading.results import Results, TradeRecord
from exporter.money import ZERO
from exporter.records import (
    ApiKey,
    Balance,
    BilledDay,
    Change,
    Fill,
    KeyUsage,
    Landing,
    Mark,
    Observation,
    Record,
    Sale,
    Settlement,
    Transfer,
    UsageHour,
    VenuePosition,
    Workspace,
    ticker_of,
)
from exporter.snapshot import COMPONENT_SOURCE, COMPONENTS, Figure, Grade, Opening, Tree
from exporter.times import from_us, to_us, unstamp

OPENING_MARK_AGE = timedelta(minutes=15)
"""How long before a window's start its opening marks may date from; older ones make it partial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is known about a source's answers: their time, and the trouble since, if any.

    `freshness` is the age at which its figures count as old. `as_of` None: it never answered.
    `history` says what is missing of its past; nothing when that is whole.
    """

    as_of: datetime | None = None
    last_success: datetime | None = None
    freshness: timedelta = timedelta(minutes=5)
    error: str = ""
    sentence: str = ""
    since: datetime | None = None
    history: tuple[str, ...] = ()

    def grade(self, now: datetime) -> Grade:
        """Grade the source itself: missing until it answered, stale when its answer is old."""
        if self.as_of is None:
            return Grade.MISSING
        return Grade.STALE if now - self.as_of > self.freshness else Grade.FINAL


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """One window: its bounds, its components and their sum."""

    start: datetime
    end: datetime
    net: Figure
    components: Mapping[str, Figure]


class Ledger:
    """Everything booked so far. Feed it in any order; equal records give equal figures.

    `other_cash` is what the user says the venue paid or took beside all its lists, by time: interest,
    incentives. It explains cash and is never profit of trading.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        rule: MarkRule = "bid",
        lots: LotRule = "average",
        other_cash: Iterable[tuple[datetime, Decimal]] = (),
    ) -> None:
        self.zone = zone
        self.journal = Journal()
        self.journal.post(Entry(to_us(at), {VENUE_CASH: usd, OTHER_CASH: -usd}) for at, usd in other_cash)
        self.portfolio = Portfolio(rule, lots)
        self.trades = TradeRecord()
        self.groups = Groups(zone)
        self.orders = Orders()
        self.cash: dict[int, Balance] = {}
        self.equity = Equity()
        self.confirmation = Confirmation()
        self.spending = Spending()
        self.costs = CostStatement(self.spending, zone)

    def apply(self, changes: Iterable[Change]) -> list[str]:
        """Book changes; return the books that came out of order and wait for `restate`."""
        for change in changes:
            match change.new:
                case Fill() | Settlement() as event:
                    self._trade(event.ticker, self.portfolio.apply(change, event))
                case Sale() as sale:
                    if isinstance(change.old, Sale):
                        self._sell([entry.reversed() for entry in takings.entries(change.old)])
                    self._sell(takings.entries(sale))
                case Transfer() as transfer:
                    if isinstance(change.old, Transfer):
                        self.journal.post(entry.reversed() for entry in _moved(change.old))
                    self.journal.post(_moved(transfer))
                case BilledDay() | UsageHour() | KeyUsage() | Landing() as cost:
                    self.spending.take(cost)
        self.journal.post(self.spending.rebook())
        self.portfolio.refresh()
        return list(self.portfolio.late)

    def restate(self, scope: str, events: Sequence[Record]) -> None:
        """Replay one book from all its records after a late or revised one."""
        ordered = [event for event in events if isinstance(event, Fill | Settlement)]
        self._trade(ticker_of(scope), self.portfolio.restate(scope, ordered))

    def _trade(self, ticker: str, entries: Sequence[Entry]) -> None:
        self.journal.post(entries)
        self.trades.take(entries)
        self.groups.take(ticker, entries)

    def _sell(self, entries: Sequence[Entry]) -> None:
        self.journal.post(entries)
        self.orders.take(entries)

    def observe(self, observations: Iterable[Observation]) -> None:
        """Take what the venue says about now: quotes, balances, its own view of the positions."""
        venue: list[VenuePosition] = []
        heard = False
        for observation in observations:
            match observation:
                case Mark():
                    self.portfolio.observe_mark(observation)
                case Balance():
                    # A reading states every subaccount, so the first one starts the list anew.
                    self.cash = self.cash if heard else {}
                    self.cash[observation.subaccount] = observation
                    heard = True
                case VenuePosition():
                    venue.append(observation)
                case Workspace() | ApiKey():
                    self.costs.observe(observation)
        if heard:
            self.portfolio.reconciliation.observe(venue)
            self._compare_equity()
            self.confirmation.take(self._ties())

    def _compare_equity(self) -> None:
        for scope, held in self.portfolio.revalued():
            self.equity.value(scope, held)
        self.equity.compare(self.journal.balances.get(VENUE_CASH, ZERO), self.cash.values())

    def _ties(self) -> dict[str, bool]:
        equity, worst = self.equity.compared, self.portfolio.reconciliation.worst
        return {
            "cash": not self.cash_difference(),
            "equity": equity is None or equity.ok,
            **{figure: not worst(figure).size for figure in FIGURES},
        }

    def quote(self, marks: Iterable[Mark]) -> bool:
        """Take quotes alone, as they move between two readings; tell whether a position's price has.

        What the venue stated with its last reading, balances and positions, stays as it is.
        """
        moved = [self.portfolio.quote(mark) for mark in marks]
        return any(moved)

    def restore(self, tree: Tree) -> None:
        """Take from a stored snapshot what is not in the records: the marks, and what the venue stated.

        So a restart keeps the last good figures, with their age, until the venue answers again.
        """
        self.portfolio.restore(tree.get("positions", {}))
        self.costs.restore(tree.get("api_cost", {}).get("names", {}))
        self.confirmation.restore(name for name, check in tree.get("checks", {}).items() if not check["ok"])
        for source, account in tree.get("accounts", {}).items():
            at = unstamp(account["as_of"])
            cash, value = Decimal(account["cash"]), Decimal(account["portfolio_value"])
            self.cash = {0: Balance(source=source, subaccount=0, cash=cash, portfolio_value=value, at=at)}

    def openings_needed(self, now: datetime) -> dict[str, datetime]:
        """Return the windows whose change in unrealised P&L is measured from a stored snapshot.

        Where nothing was open at the start, the unrealised P&L there is known to be zero.
        """
        return {
            window: start
            for window, start in windows.starts(now, self.zone).items()
            if start is not None and self.journal.open_cost_at(window, to_us(start)) != 0
        }

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

    def figures(
        self, now: datetime, sources: Mapping[str, SourceState], openings: Mapping[str, Opening]
    ) -> dict[str, WindowFigures]:
        """Return every window as of `now`. `openings` answers `openings_needed`; what it lacks is partial.

        A source that is not in `sources` is switched off: it has no components and no part in the net.
        """
        valuation = self.value(now, sources)
        first = self.journal.first()
        stated: dict[str, WindowFigures] = {}
        for window, start in windows.starts(now, self.zone).items():
            begin = start if start is not None else from_us(first) if first is not None else now
            components = {
                name: self._component(name, window, start, begin, now, sources, valuation, openings)
                for name in COMPONENTS
                if COMPONENT_SOURCE[name] in sources
            }
            stated[window] = WindowFigures(begin, now, total(components.values()), components)
        return stated

    def results(self, now: datetime) -> dict[str, Results]:
        """Return how trading went in every window."""
        stated = {}
        for window, start in windows.starts(now, self.zone).items():
            since = None if start is None else to_us(start)
            realised = self.journal.contribution("trading_realised", window, since)
            fees = self.journal.contribution("trading_fees", window, since)
            stated[window] = self.trades.stated(window, since, realised, fees)
        return stated

    def counts(self, now: datetime) -> dict[str, Counts]:
        """Return how many sales were made, and refunds given, in every window."""
        return {
            window: self.orders.stated(window, None if start is None else to_us(start))
            for window, start in windows.starts(now, self.zone).items()
        }

    def value(self, now: datetime, sources: Mapping[str, SourceState]) -> Valuation:
        """Return the unrealised P&L of what is open now."""
        return self.portfolio.value(now, sources.get("kalshi", SourceState()).freshness)

    def _component(
        self,
        name: str,
        window: str,
        start: datetime | None,
        begin: datetime,
        now: datetime,
        sources: Mapping[str, SourceState],
        valuation: Valuation,
        openings: Mapping[str, Opening],
    ) -> Figure:
        source = COMPONENT_SOURCE[name]
        state = sources[source]
        if state.as_of is None:
            return Figure(None, Grade.MISSING, None, (_trouble(source, state),))
        if name == "trading_unrealised_change":
            usd, grade, because = self._unrealised_change(window, start, valuation, openings)
        else:
            usd = self.journal.contribution(name, window, None if start is None else to_us(start))
            grade, because = self._doubt(name, begin, now)
        if state.history:
            grade = min(grade, Grade.PARTIAL)
            because = (*because, *(f"{source}: {what}" for what in state.history))
        if state.grade(now) is Grade.STALE and grade is not Grade.MISSING:
            grade, because = Grade.STALE, (_trouble(source, state), *because)
        return Figure(None if grade is Grade.MISSING else usd, grade, state.as_of, because)

    def _unrealised_change(
        self, window: str, start: datetime | None, valuation: Valuation, openings: Mapping[str, Opening]
    ) -> tuple[Decimal, Grade, tuple[str, ...]]:
        usd, grade, because = valuation.usd, valuation.grade, valuation.because
        if start is None or self.journal.open_cost_at(window, to_us(start)) == 0:
            return usd, grade, because
        opening = openings.get(window)
        if opening is None:
            # This is the earliest value there is, so it stands in for the start: the next snapshot
            # measures from it too, and the figure does not jump.
            return ZERO, min(grade, Grade.PARTIAL), (*because, "kalshi: no value is known at the start")
        if opening.as_of > start or start - opening.as_of > OPENING_MARK_AGE:
            since = opening.as_of.strftime("%Y-%m-%d %H:%M UTC")
            grade, because = (
                min(grade, Grade.PARTIAL),
                (*because, f"kalshi: value at the start is of {since}"),
            )
        elif opening.grade < Grade.ESTIMATED:
            grade = min(grade, Grade.PARTIAL)
            because = (*because, f"kalshi: value at the start was {opening.grade.word}")
        return usd - opening.usd, grade, because

    def _doubt(self, name: str, begin: datetime, now: datetime) -> tuple[Grade, tuple[str, ...]]:
        if name == "trading_realised" and self.portfolio.doubts:
            return Grade.PARTIAL, tuple(f"kalshi: {doubt}" for doubt in self.portfolio.doubts[:3])
        if name == "api_cost_estimated":
            return self.spending.doubt_estimated(begin, now)
        if name == "api_cost_billed":
            return self.spending.doubt_billed(begin, now)
        return Grade.FINAL, ()

    def forget_settled(self, now: datetime) -> None:
        """Drop days whose bill is final from the ones each tick looks at; a revision brings one back."""
        self.spending.forget_settled(now)


def total(parts: Iterable[Figure]) -> Figure:
    """Return the sum with the worst grade and the oldest time of its parts; missing if a part is."""
    figures = list(parts)
    grade = min((figure.grade for figure in figures), default=Grade.MISSING)
    because = tuple(dict.fromkeys(reason for figure in figures for reason in figure.because))
    as_of = min((figure.as_of for figure in figures if figure.as_of is not None), default=None)
    if grade is Grade.MISSING:
        return Figure(None, grade, as_of, because)
    return Figure(
        sum((figure.usd for figure in figures if figure.usd is not None), ZERO), grade, as_of, because
    )


def _moved(transfer: Transfer) -> list[Entry]:
    """Return what a movement of cash has moved: nothing unless it is applied."""
    if transfer.status != "applied":
        return []
    arrived = transfer.amount - transfer.fee
    return [Entry(to_us(transfer.at), {VENUE_CASH: arrived, TRANSFERS: -arrived})]


def _trouble(source: str, state: SourceState) -> str:
    if state.sentence:
        return f"{source}: {state.sentence}"
    return f"{source}: no answer yet" if state.as_of is None else f"{source}: the last answer is old"
