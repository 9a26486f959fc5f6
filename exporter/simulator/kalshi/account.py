"""One venue account: fills, settlements, cash and the positions they make.

Source: Kalshi trade API, portfolio pages (read 2026-11), as seen in real accounts.
Units:  dollars and contracts, Decimal. A position is signed: YES positive, NO negative.
Quirk:  closing YES is buying NO at one minus the price; each YES/NO pair returns one dollar at once.

The arithmetic here is the simulator's own, so that it can contradict the program under test.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from itertools import takewhile
from operator import attrgetter
from typing import Any, TypeVar

from exporter.simulator.clock import Clock
from exporter.simulator.kalshi import feed
from exporter.simulator.kalshi.archive import Archive, Cutoffs, Events, cutoffs
from exporter.simulator.kalshi.crowd import Crowd, dollars, moment
from exporter.simulator.kalshi.fees import charge, model_fee
from exporter.simulator.kalshi.market import ONE, ZERO, Market, Quote, Series, plain_market
from exporter.simulator.kalshi.purse import Amount, Purse
from exporter.simulator.kalshi.quotes import Walk
from exporter.simulator.kalshi.records import Entry, Fill, Position, Settlement
from exporter.simulator.kalshi.rows import settlement_row
from exporter.simulator.wire import identity, parse_time, places, unix

CENT = Decimal("0.01")
Row = TypeVar("Row", Fill, Settlement)


@dataclass(slots=True)
class SocketOptions:
    """How the socket behaves. `repeats` fills of the past are sent again to every new subscription."""

    ping_seconds: float = 10.0
    buffer: int = 1000  # frames that may wait for a slow reader before code 25
    quote_seconds: float = 0.25  # how often a wandering quote is looked at
    repeats: int = 0


class Account(Purse):
    """The venue's view of one member."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.opened = clock()  # first moment of the account; the archive ends before it
        self.markets: dict[str, Market] = {}
        self.series: dict[str, Series] = {}
        self.fills: list[Fill] = []
        self.settlements: list[Settlement] = []
        self.positions: dict[tuple[int, str], Position] = {}
        self.unsettled: dict[tuple[int, str], Position] = {}
        self.journal: list[Entry] = []
        self.crowd: Crowd | None = None  # a past of very many fills, kept compactly beside the lists
        self.earned = ZERO  # realised less fees so far; the story steers by it
        self.feed = feed.Feed()
        # What a test may choose.
        self.clock_tolerance: float | None = None  # seconds; None: any timestamp is accepted
        self.extra_fields = False  # unknown fields in rows, as a growing API would add them
        self.lot_rule = "average"  # of the realised P&L and exposure that the venue reports, or "fifo"
        self.settlement_fee_shown = False  # a sub-cent payout's rest as a fee, not as a smaller payout
        self.lists_subaccounts = True  # an account without the feature is told 404
        self.locked_to: int | None = None  # the one subaccount that every key may see
        self.archive = Archive()
        self.socket = SocketOptions()
        self._overcharge: dict[str, Decimal] = {}
        self._paid_out: dict[tuple[int, str], Decimal] = {}
        self._last_of: dict[str, Fill] = {}  # by order
        self._sequence = 0

    # What a test, or the story of a seeded world, may do to the account.

    def market(self, ticker: str, **changes: Any) -> Market:
        """Return the market `ticker`, made on first use, with the attributes in `changes` set."""
        market = self.markets.get(ticker)
        created = market is None
        if market is None:
            market = self.markets[ticker] = plain_market(ticker, self.clock())
        for name, value in changes.items():
            setattr(market, name, value)
        if created and self.feed.listeners:
            times = {"open_ts": unix(market.opens), "close_ts": unix(market.closes)}
            shard = {"exchange_index": market.exchange_index}
            self.feed.tell(feed.lifecycle(market, "created", **times, **shard))
        return market

    def mark(
        self,
        ticker: str,
        yes_bid: Amount | None,
        yes_ask: Amount | None,
        last: Amount | None = None,
        bid_size: Amount = "120.00",
        ask_size: Amount = "35.50",
    ) -> Market:
        """Fix the quote of a market. None means that nobody quotes that side."""
        quote = Quote(
            ZERO if yes_bid is None else Decimal(yes_bid),
            ZERO if yes_ask is None else Decimal(yes_ask),
            ZERO if yes_bid is None else Decimal(bid_size),
            ZERO if yes_ask is None else Decimal(ask_size),
            Decimal(last if last is not None else yes_bid if yes_bid is not None else 0),
        )
        market = self.market(ticker, quotes=lambda _: quote)
        if self.feed.listeners:
            self.feed.tell(feed.ticker(market, quote, self.clock()))
        return market

    def fill(
        self,
        ticker: str,
        side: str,
        count: Amount,
        yes_price: Amount,
        *,
        at: datetime | None = None,
        fee: Amount | None = None,
        is_taker: bool = True,
        action: str = "buy",
        order_id: str | None = None,
        fill_id: str | None = None,
        subaccount: int = 0,
        listed: datetime | None = None,
    ) -> Fill:
        """Execute: buy `count` contracts of `side` ("yes" or "no") at `yes_price` per YES contract.

        Selling YES is buying NO with action "sell"; the price stays the YES price. Without `fee`
        the era-3 rule decides. Fills of one market must be added in the order of their times, those of
        one order and moment with the best price for us first; the list of fills shows them from
        `listed` on, while the position knows them at once.
        """
        if side not in ("yes", "no"):
            raise ValueError(f"side must be yes or no, not {side!r}")
        market = self.market(ticker)
        time = at or self.clock()
        self._sequence += 1
        order_id = order_id or identity("order", ticker, time, self._sequence)
        number, price = Decimal(count), Decimal(yes_price)
        own = price if side == "yes" else ONE - price
        fill_id = fill_id or self._next_of_order(order_id, time, own)
        fill = Fill(
            self._sequence,
            fill_id or identity("fill", order_id, time, str(number), str(price), side, self._sequence),
            order_id,
            ticker,
            side,
            action,
            number,
            price,
            Decimal(fee) if fee is not None else self._fee(market, order_id, side, number, price, is_taker),
            is_taker,
            time,
            subaccount,
            market.exchange_index,
            listed,
        )
        self._book(fill, market)
        return fill

    def bust(self, fill_id: str) -> None:
        """Take a trade back, as if it had never been: no list has it any more."""
        fill = self._listed(fill_id)
        self.fills.remove(fill)
        self._rebuild(fill.ticker)

    def amend(self, fill_id: str, **changes: Any) -> None:
        """Change a fill that was listed: its `fee`, `count` or `yes_price`."""
        fill = self._listed(fill_id)
        self.fills[self.fills.index(fill)] = replace(fill, **changes)
        self._rebuild(fill.ticker)

    def resettle(self, ticker: str, result: str, value: Amount | None = None) -> None:
        """Change a result that was paid: the row says otherwise, under the same time."""
        self.market(ticker, result=result, settlement_value=_worth(result, value))
        self._rebuild(ticker)

    def determine(
        self, ticker: str, result: str, value: Amount | None = None, *, at: datetime | None = None
    ) -> Market:
        """Make a result known that is not paid yet; `settle` pays it."""
        time, worth = at or self.clock(), _worth(result, value)
        market = self.market(ticker, status="determined", result=result, settlement_value=worth)
        self._tell_result(market, time)
        return market

    def settle(
        self,
        ticker: str,
        result: str,
        value: Amount | None = None,
        *,
        at: datetime | None = None,
        row: bool = True,
    ) -> None:
        """Resolve a market and pay it: "yes", "no", "scalar" with `value` dollars per YES, or "void".

        One row appears per subaccount that traded it, and one all-zero row when none did; none at all
        without `row`. A void market pays back what the open contracts have cost.
        """
        worth, time = _worth(result, value), at or self.clock()
        determined = ticker in self.markets and self.markets[ticker].status == "determined"
        market = self.market(
            ticker, status="finalized", result=result, settlement_value=worth, settled_at=time
        )
        paid = [p for (_, name), p in self.unsettled.items() if name == ticker]
        for position in paid or [Position(ticker, 0, market.exchange_index)]:
            self._pay(position, market, row)
        if self.feed.listeners:
            if not determined:
                self._tell_result(market, time)
            self.feed.tell(feed.lifecycle(market, "settled", settled_ts=unix(time)))

    def settlement_row(self, row: Mapping[str, Any], *, subaccount: int = 0) -> Settlement:
        """Serve `row` exactly as given, for a market whose fills are unknown to this account.

        The books take its gross result (payout plus closed pairs less costs) and its fee, both at
        `settled_time`, as if the fills had happened then.
        """
        number = {key: Decimal(str(row[key])) for key in row if key.endswith(("_fp", "_dollars", "fee_cost"))}
        pairs = min(number["yes_count_fp"], number["no_count_fp"])
        costs = number["yes_total_cost_dollars"] + number["no_total_cost_dollars"]
        gross = Decimal(row["revenue"]) / 100 + pairs - costs
        time = parse_time(row["settled_time"])
        self.add_cash(gross - number["fee_cost"], subaccount, int(row["exchange_index"]))
        self._note(Entry(time, "realised", row["ticker"], gross))
        self._note(Entry(time, "fee", row["ticker"], number["fee_cost"]))
        cents = row.get("value")
        self.market(
            row["ticker"],
            status="finalized",
            result=row["market_result"],
            settled_at=time,
            settlement_value=None if cents is None else Decimal(cents) / 100,
        )
        return self._file(time, row["ticker"], row["event_ticker"], subaccount, dict(row))

    def order(
        self, ticker: str, side: str, parts: Iterable[tuple[Amount, Amount]], **options: Any
    ) -> list[Fill]:
        """Execute one order at once, at the YES prices of its `parts`: the best for us first."""
        time = options.pop("at", None) or self.clock()
        name = options.pop("order_id", None) or identity("order", ticker, time, self._sequence, "parts")
        made = [(Decimal(count), Decimal(price)) for count, price in parts]
        made.sort(key=lambda part: part[1] if side == "yes" else -part[1])
        return [self.fill(ticker, side, *part, at=time, order_id=name, **options) for part in made]

    # What the answers are made of.

    def add_crowd(self, crowd: Crowd) -> None:
        """Begin the account with a past of very many fills, whose last markets are still open."""
        if self.crowd is not None:
            raise ValueError("an account has one crowd")
        self.crowd, self.opened = crowd, min(self.opened, moment(crowd.start))
        self.series["KXCROWD"] = Series("KXCROWD", "Very many fills")
        for subaccount, change in enumerate(crowd.earned):
            self.add_cash(dollars(change), subaccount)
        for index in range(crowd.settled, crowd.settled + crowd.lanes):
            position = crowd.position(index)
            if position.updated is None:
                continue  # fewer fills than a generation of markets takes
            key = position.subaccount, position.ticker
            self.positions[key] = self.unsettled[key] = position
            centre = float(sum(position.paid.values()) / sum(position.bought.values()))
            wander = Walk(index + 1, min(max(centre, 0.2), 0.8))
            self.market(position.ticker, quotes=wander, created=position.updated, opens=position.updated)
        self.deposit(crowd.count, moment(crowd.start), id="deposit-crowd")
        known = crowd.between(self.opened, crowd.end)
        self.earned += known.average - known.fees

    def find(self, ticker: str) -> Market | None:
        """Return a market, of the compact past too; None when nobody ever heard of it."""
        market = self.markets.get(ticker)
        if market is None and self.crowd is not None:
            market = self.crowd.market(ticker)
        return market

    def cutoffs(self) -> Cutoffs:
        """Return what the archive has taken by now."""
        return cutoffs(self.archive, self.opened, self.clock())

    def events(self) -> Events:
        """Return when each event of the account was over; of no event while nothing is archived."""
        if self.archive.retention is None:
            return Events((), ())
        return Events(self.positions.values(), self.settlements)

    def portfolio_value(self, subaccount: int, now: datetime, shard: int | None = None) -> Decimal:
        """Return dollars of open contracts at the last price: not the bid, as on the real venue."""
        total = ZERO
        for (owner, ticker), position in self.unsettled.items():
            if owner == subaccount and position.held and shard in (None, position.exchange_index):
                last = self.markets[ticker].quote(now).last
                total += position.held * last if position.held > 0 else -position.held * (ONE - last)
        return total

    def order_of(self, fill: Fill) -> Iterator[Fill]:
        """Return the latest fills as long as they are of this one's order, newest first."""
        late = takewhile(
            lambda other: other.order_id == fill.order_id or other.time == fill.time, reversed(self.fills)
        )
        return (other for other in late if other.order_id == fill.order_id)

    def _note(self, entry: Entry) -> None:
        self.journal.append(entry)
        self.earned += entry.amount if entry.kind == "realised" else -entry.amount

    def _fee(
        self, market: Market, order: str, side: str, count: Decimal, yes_price: Decimal, taker: bool
    ) -> Decimal:
        series = self.series.get(market.series_ticker)
        model = (
            model_fee(
                count, yes_price, is_taker=taker, fee_type=series.fee_type, multiplier=series.fee_multiplier
            )
            if series
            else model_fee(count, yes_price, is_taker=taker)
        )
        price = yes_price if side == "yes" else ONE - yes_price
        charged = charge(model, count * price, self._overcharge.get(order, ZERO))
        self._overcharge[order] = charged.overcharge
        return charged.fee

    def _next_of_order(self, order: str, time: datetime, price: Decimal) -> str | None:
        """Return the id of the next fill of an order where another one at its price and moment is there.

        It is the greater one. That is no rule of the venue's; but which of them came first shows nowhere
        else, and a share of the cost may be rounded otherwise.
        """
        last = self._last_of.get(order)
        if last is None or last.time != time or last.price < price:
            return None
        if last.price > price:
            raise ValueError(f"order {order} executes at its best price first")
        return f"{last.fill_id}0"

    def _book(self, fill: Fill, market: Market) -> None:
        key = (fill.subaccount, fill.ticker)
        position = self.positions.get(key)
        if position is None:
            position = Position(fill.ticker, fill.subaccount, market.exchange_index)
            self.positions[key] = self.unsettled[key] = position
        if position.settled:
            raise ValueError(f"{fill.ticker} is settled; it cannot trade")
        if position.updated and fill.time < position.updated:
            raise ValueError(f"{fill.ticker}: add fills in the order of their times")
        self._take(position, fill)
        market.volume += fill.count
        self._last_of[fill.order_id] = fill
        _insert(self.fills, fill)
        if self.feed.listeners:
            self.feed.tell(feed.fill(fill, position.held))
            self.feed.tell(feed.position(position, self.lot_rule))
            self.feed.tell(feed.order([fill, *(f for f in self.order_of(fill) if f is not fill)]))

    def _take(self, position: Position, fill: Fill) -> None:
        before = abs(position.held)
        average, fifo = position.take(fill)
        pairs = (before + fill.count - abs(position.held)) / 2  # each pair of YES and NO returns a dollar
        spent = fill.count * fill.price + fill.fee
        self.add_cash(pairs - spent, fill.subaccount, fill.exchange_index)
        if pairs:
            self._note(Entry(fill.time, "realised", fill.ticker, average, fifo))
        self._note(Entry(fill.time, "fee", fill.ticker, fill.fee))

    def _listed(self, fill_id: str) -> Fill:
        return next(fill for fill in self.fills if fill.fill_id == fill_id)

    def _rebuild(self, ticker: str) -> None:
        """Compute a market anew from its fills and its result: positions, cash, entries and rows."""
        market = self.markets[ticker]
        for entry in [entry for entry in self.journal if entry.ticker == ticker]:
            self.journal.remove(entry)
            self.earned -= entry.amount if entry.kind == "realised" else -entry.amount
        rows = any(row.ticker == ticker for row in self.settlements)
        self.settlements = [row for row in self.settlements if row.ticker != ticker]
        for key in [key for key in self.positions if key[1] == ticker]:
            old = self.positions[key]
            paid = sum(old.paid.values(), ZERO) + old.fees - min(old.bought.values())
            self.add_cash(paid - self._paid_out.pop(key, ZERO), old.subaccount, old.exchange_index)
            position = Position(ticker, old.subaccount, old.exchange_index)
            self.positions[key] = self.unsettled[key] = position
            mine = [fill for fill in self.fills if (fill.subaccount, fill.ticker) == key]
            for fill in sorted(mine, key=attrgetter("time", "sequence")):
                self._take(position, fill)
            if old.settled:
                self._pay(position, market, rows)

    def _tell_result(self, market: Market, time: datetime) -> None:
        if self.feed.listeners:
            known = market.settlement_value
            worth = {} if known is None else {"settlement_value": places(known, 4)}
            times = {"determination_ts": unix(time), "result": market.result}
            self.feed.tell(feed.lifecycle(market, "determined", **times, **worth))

    def _payout(self, position: Position, worth: Decimal | None) -> tuple[Decimal, Decimal]:
        """Return what a position is paid, and the part of a cent that is kept back as settlement fee."""
        if worth is None:
            exact = position.book(self.lot_rule).cost
        else:
            exact = position.held * worth if position.held > 0 else -position.held * (ONE - worth)
        paid = exact.quantize(CENT, ROUND_FLOOR)
        return paid, exact - paid

    def _pay(self, position: Position, market: Market, row: bool) -> None:
        worth, time = market.settlement_value, market.settled_at or self.clock()
        payout, kept = self._payout(position, worth)
        traded = position.updated is not None
        position.settlement_fee = kept
        shown = kept if self.settlement_fee_shown else ZERO
        if position.held:
            average, fifo = position.pay(payout + shown, time)
            self._note(Entry(time, "realised", position.ticker, average, fifo))
        else:
            position.pay(ZERO, time)
        if shown:
            position.fees += shown
            self._note(Entry(time, "fee", position.ticker, shown))
        self.add_cash(payout, position.subaccount, position.exchange_index)
        self._paid_out[position.subaccount, position.ticker] = payout + shown
        self.unsettled.pop((position.subaccount, position.ticker), None)
        if traded and self.feed.listeners:
            self.feed.tell(feed.position(position, self.lot_rule))
        if row:
            served = settlement_row(position, market, payout + shown)
            self._file(time, position.ticker, market.event_ticker, position.subaccount, served)

    def _file(
        self, time: datetime, ticker: str, event: str, subaccount: int, row: dict[str, Any]
    ) -> Settlement:
        self._sequence += 1
        settlement = Settlement(self._sequence, time, ticker, event, subaccount, row)
        _insert(self.settlements, settlement)
        return settlement


def _worth(result: str, value: Amount | None) -> Decimal | None:
    """Return the dollars a YES contract pays; None when the market is void."""
    if value is not None:
        return Decimal(value)
    if result not in ("yes", "no", "void"):
        raise ValueError("a result is yes, no or void, or scalar with its value")
    return {"yes": ONE, "no": ZERO, "void": None}[result]


def _key(row: Fill | Settlement) -> tuple[datetime, int | str]:
    return row.time, row.place


def _insert(rows: list[Row], row: Row) -> None:
    """Keep `rows` oldest first; nearly always the new row is the newest."""
    if not rows or rows[-1].time < row.time:
        rows.append(row)
    else:
        insort(rows, row, key=_key)
