"""The company's profit and loss: changes in, figures with grades out. No clock, no network, no database.

Every source has a book of its own, by its kind; what the company made is the sum over them. `Ledger.apply`
folds in what changed; `Ledger.figures` states every window as of a time that is given. A figure's grade is
the worst of: is its source there and fresh, are all positions marked, is all usage priced, is the cost
billed, does history reach the window's start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from exporter.errors import LedgerError
from exporter.ledger import set_aside, windows
from exporter.ledger.book import Part, SourceBook, SourceState, Span, total
from exporter.ledger.cost.cost_book import CostBook
from exporter.ledger.cost.statement import CostStatement
from exporter.ledger.doubt import Doubt
from exporter.ledger.journal import Entry
from exporter.ledger.sales.orders import Counts
from exporter.ledger.sales.shop_book import ShopBook
from exporter.ledger.trading.groups import Groups
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.marks import MarkRule
from exporter.ledger.trading.reconciliation import FIGURES
from exporter.ledger.trading.results import Results, TradeRecord
from exporter.ledger.trading.venue_book import VenueBook
from exporter.money import ZERO
from exporter.records import (
    VENUE_POSITIONS,
    ApiKey,
    Aside,
    Balance,
    Change,
    Kind,
    Mark,
    Observation,
    Record,
    SourceInfo,
    Workspace,
)
from exporter.snapshot import COMPONENTS, Figure, Opening, Snapshot, Window
from exporter.snapshot.texts import decimal
from exporter.snapshot.tree import Check, CheckPart, Position, VenueAccount
from exporter.times import from_us, to_us, unstamp

Late = tuple[str, str]
"""A source and a scope of its book that came out of order, to be restated from all its records."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a ledger is made of records alone; what was said of now, quotes and balances, is not in it."""

    trades: TradeRecord
    groups: Groups
    books: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """One window: its bounds, its components and their sum; and the same of each source by itself."""

    start: datetime
    end: datetime
    net: Figure
    components: Mapping[str, Figure]
    by_source: Mapping[str, Mapping[str, Figure]]


class Ledger:
    """The books of all sources that take part, in their order. Equal records give equal figures.

    `other_cash` is, by venue, what the user says it paid or took beside all its lists.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        sources: Iterable[SourceInfo],
        rule: MarkRule = "bid",
        lots: LotRule = "average",
        other_cash: Mapping[str, Iterable[tuple[datetime, Decimal]]] | None = None,
    ) -> None:
        self.zone, self.rule, self.lots = zone, rule, lots
        self._other_cash = {name: tuple(paid) for name, paid in (other_cash or {}).items()}
        self.trades = TradeRecord()
        self.groups = Groups(zone)
        self.venues: dict[str, VenueBook] = {}
        self.shops: dict[str, ShopBook] = {}
        self.bills: dict[str, CostBook] = {}
        self.books: dict[str, SourceBook] = {}
        self.aside: dict[str, tuple[Aside, ...]] = {}
        """What is set aside of each source that has such rows."""
        self._set_aside: dict[str, tuple[Doubt, ...]] = {}
        for info in sources:
            cash = self._other_cash.get(info.name, ())
            self.books[info.name] = self._book(info, rule, lots, cash)
        self.costs = self._cost_statement()

    @property
    def terms(self) -> str:
        """What the settings have told this ledger: with equal terms, equal records give equal books."""
        taking_part = [(book.info.name, book.info.kind) for book in self.books.values()]
        cash = {name: [(str(at), str(usd)) for at, usd in paid] for name, paid in self._other_cash.items()}
        return repr((self.zone.key, self.rule, self.lots, taking_part, cash))

    def kept(self) -> Kept:
        """Return what the records alone have made. It is not a copy: whoever has it writes it at once."""
        return Kept(self.trades, self.groups, {name: book.kept() for name, book in self.books.items()})

    def resume(self, kept: Kept) -> None:
        """Go on from what was kept of a ledger of the same terms. For one that has taken nothing yet."""
        self.trades, self.groups = kept.trades, kept.groups
        for name, book in self.books.items():
            book.resume(kept.books[name])
        self.costs = self._cost_statement()

    def apply(self, changes: Iterable[Change]) -> list[Late]:
        """Book changes; return the scopes that came out of order and wait for `restate`."""
        for change in changes:
            book = self.books.get(change.new.source)
            if book is None:
                raise LedgerError(f"A record of {change.new.source}, which takes no part, was not booked.")
            book.apply(change)
        return [(name, scope) for name, book in self.books.items() for scope in book.post()]

    def restate(self, source: str, scope: str, events: Sequence[Record]) -> None:
        """Replay one market of a venue from all its records after a late or revised one."""
        self.venues[source].restate(scope, events)

    def settled_ahead(self, now: datetime) -> dict[str, list[str]]:
        """Return by bill the days that a clock which was ahead has taken for settled, to be `reopen`ed."""
        found = {name: bill.spending.settled_ahead(now) for name, bill in self.bills.items()}
        return {name: [str(day) for day in days] for name, days in found.items() if days is not None}

    def reopen(self, source: str, scopes: Mapping[str, Sequence[Record]], now: datetime) -> None:
        """Open days of a bill again that have not settled by now, each from all its records."""
        self.bills[source].reopen(scopes, now)

    def set_aside(self, source: str, asides: tuple[Aside, ...]) -> None:
        """Take what cannot be read of a source now, all of it."""
        if asides != self.aside.get(source, ()):
            self.aside[source] = asides
            self._set_aside[source] = set_aside.doubts(self.books[source].info, asides)

    def doubts(self, source: str) -> Sequence[Doubt]:
        """Return what speaks against the figures of a source."""
        return (*self.books[source].doubts(), *self._set_aside.get(source, ()))

    def observe(self, observations: Iterable[Observation]) -> None:
        """Take what a reading says about now, and what ids are called."""
        stated: defaultdict[str, list[Observation]] = defaultdict(list)
        for observation in observations:
            if isinstance(observation, Workspace | ApiKey):
                self.costs.observe(observation)
            else:
                stated[observation.source].append(observation)
        for source, found in stated.items():
            aside = self.aside.get(source, ())
            unread = {each.scope for each in aside if each.listed == VENUE_POSITIONS}
            self.venues[source].observe(found, unread)

    def quote(self, source: str, marks: Iterable[Mark]) -> bool:
        """Take quotes of a venue, as they move between two readings; tell whether a price has moved."""
        return self.venues[source].quote(marks)

    def stepped(self, step: timedelta) -> None:
        """Date what the venues stated last anew, by a wall clock that was set: it stays as old as it was."""
        for book in self.venues.values():
            book.stepped(step)

    def restore(self, snapshot: Snapshot) -> None:
        """Take from a stored snapshot what is not in the records: the marks, and what the venues stated.

        So a restart keeps the last good figures, with their age, until each venue answers again.
        """
        first = next(iter(self.venues), "")
        positions: defaultdict[str, dict[str, Position]] = defaultdict(dict)
        for key, held in (snapshot.positions or {}).items():
            scope = key if held.source == first else key.removeprefix(f"{held.source}:")
            positions[held.source][scope] = held
        if snapshot.api_cost is not None:
            self.costs.restore(snapshot.api_cost.names)
        for name, book in self.venues.items():
            book.portfolio.restore(positions[name])
            stated = _of(snapshot.checks, name)
            book.confirmation.restore(check for check, part in stated.items() if not part.ok)
            book.portfolio.reconciliation.restore(
                {figure: _sizes(part.markets) for figure in FIGURES if (part := stated.get(figure))}
            )
            cash = stated.get("cash")
            if cash is not None and cash.usd is not None and cash.since is not None:
                book.off_by.restore(decimal(cash.usd), unstamp(cash.since))
            account = (snapshot.accounts or {}).get(name)
            if account is not None:
                book.cash = {0: _balance(name, account)}

    def until(self, now: datetime) -> None:
        """Let every window end now: what is dated ahead of it waits for its time."""
        at = to_us(now)
        for bill in self.bills.values():
            bill.settle(now)
        for book in self.books.values():
            book.journal.until(at)
        for shop in self.shops.values():
            shop.orders.until(at)
        self.trades.until(at)
        self.groups.until(at)

    def openings_needed(self, now: datetime) -> dict[str, dict[Window, datetime]]:
        """Return by venue the windows whose change in unrealised P&L is measured from a stored snapshot."""
        self.until(now)
        starts = windows.starts(now, self.zone)
        return {name: book.openings_needed(starts) for name, book in self.venues.items()}

    def figures(
        self,
        now: datetime,
        states: Mapping[str, SourceState],
        openings: Mapping[str, Mapping[str, Opening]],
    ) -> dict[Window, WindowFigures]:
        """Return every window as of `now`. `openings` answers `openings_needed`; what it lacks is partial."""
        self.until(now)
        spans = self._spans(now)
        parts = {
            name: book.components(spans, states[name].freshness, openings.get(name, {}))
            for name, book in self.books.items()
        }
        doubts = {name: self.doubts(name) for name in self.books}
        return {span.window: self._window(span, states, parts, doubts) for span in spans}

    def unrealised(self, now: datetime, states: Mapping[str, SourceState]) -> dict[str, Figure]:
        """Return the unrealised P&L of what is open now, by venue."""
        self.until(now)
        stated = {}
        for name, book in self.venues.items():
            valuation = book.value(now, states[name].freshness)
            part = Part(valuation.usd, valuation.grade, valuation.because)
            part = part.doubted(self.doubts(name), "trading_unrealised_change", None)
            stated[name] = part.figure(name, states[name], now)
        return stated

    def results(self, now: datetime) -> dict[Window, Results]:
        """Return how trading went in every window, on all venues together."""
        self.until(now)
        stated = {}
        for window, start in windows.starts(now, self.zone).items():
            since = None if start is None else to_us(start)
            realised, fees = (
                sum((book.journal.contribution(name, window, since) for book in self.venues.values()), ZERO)
                for name in ("trading_realised", "trading_fees")
            )
            stated[window] = self.trades.stated(window, since, realised, fees)
        return stated

    def counts(self, now: datetime) -> dict[Window, dict[str, Counts]]:
        """Return by window and shop how many sales were made, and refunds given."""
        self.until(now)
        return {
            window: {
                name: book.orders.stated(window, None if start is None else to_us(start))
                for name, book in self.shops.items()
            }
            for window, start in windows.starts(now, self.zone).items()
        }

    def prove(self) -> None:
        """Raise OutOfBalance unless every book balances and its timelines agree with its accounts."""
        for book in self.books.values():
            book.journal.prove()

    def forget_settled(self, now: datetime) -> None:
        """Drop days whose bill is final from the ones each tick looks at; a revision brings one back."""
        for book in self.bills.values():
            book.forget_settled(now)

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the names of the sources of a kind."""
        return [name for name, book in self.books.items() if book.info.kind == kind]

    def _book(
        self, info: SourceInfo, rule: MarkRule, lots: LotRule, cash: Iterable[tuple[datetime, Decimal]]
    ) -> SourceBook:
        match info.kind:
            case "venue":
                venue = self.venues[info.name] = VenueBook(info, rule, lots, cash, self._traded)
                return venue
            case "sales":
                shop = self.shops[info.name] = ShopBook(info)
                return shop
            case "api_cost":
                bill = self.bills[info.name] = CostBook(info)
                return bill
        raise LedgerError(f"No books are kept for sources of the kind {info.kind}.")

    def _cost_statement(self) -> CostStatement:
        return CostStatement({name: book.spending for name, book in self.bills.items()}, self.zone)

    def _traded(self, ticker: str, entries: Sequence[Entry]) -> None:
        self.trades.take(entries)
        self.groups.take(ticker, entries)

    def _spans(self, now: datetime) -> list[Span]:
        firsts = [first for book in self.books.values() if (first := book.journal.first()) is not None]
        beginning = min(from_us(min(firsts)), now) if firsts else now
        return [
            Span(window, start, beginning if start is None else start, now)
            for window, start in windows.starts(now, self.zone).items()
        ]

    def _window(
        self,
        span: Span,
        states: Mapping[str, SourceState],
        parts: Mapping[str, Mapping[Window, Mapping[str, Part]]],
        doubts: Mapping[str, Sequence[Doubt]],
    ) -> WindowFigures:
        by_source = {
            name: {
                component: part.doubted(doubts[name], component, span.start).figure(
                    name, states[name], span.now
                )
                for component, part in stated[span.window].items()
            }
            for name, stated in parts.items()
        }
        components = {}
        for component in COMPONENTS:
            found = [figures[component] for figures in by_source.values() if component in figures]
            if found:
                components[component] = total(found)
        return WindowFigures(span.begin, span.now, total(components.values()), components, by_source)


def _of(checks: Mapping[str, Check], source: str) -> dict[str, CheckPart]:
    """Return the checks of a source: its own part where several have one."""
    return {name: (check.parts or {}).get(source, check) for name, check in checks.items()}


def _sizes(markets: Mapping[str, str] | None) -> dict[str, Decimal]:
    return {scope: Decimal(size) for scope, size in (markets or {}).items()}


def _balance(source: str, account: VenueAccount) -> Balance:
    return Balance(
        source=source,
        subaccount=0,
        cash=decimal(account.cash),
        portfolio_value=decimal(account.portfolio_value),
        at=unstamp(account.as_of),
    )
