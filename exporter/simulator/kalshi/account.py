"""One venue account: fills, settlements, cash and the positions they make.

Source: Kalshi trade API, portfolio pages (read 2026-11), as seen in real accounts.
Units:  dollars and contracts, Decimal. A position is signed: YES positive, NO negative.
Quirk:  closing YES is buying NO at one minus the price; each YES/NO pair returns one dollar at once.

The arithmetic here is the simulator's own, so that it can contradict the program under test.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any, TypeVar

from exporter.simulator.clock import Clock
from exporter.simulator.kalshi.fees import charge, model_fee
from exporter.simulator.kalshi.market import ONE, ZERO, Market, Quote, Series, plain_market
from exporter.simulator.kalshi.records import Entry, Fill, Movement, Position, Settlement
from exporter.simulator.wire import identity, parse_time

CENT = Decimal("0.01")
Amount = Decimal | str | int
Row = TypeVar("Row", Fill, Settlement)


class Account:
    """The venue's view of one member."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.opened = clock()  # first moment of the account; the archive ends before it
        self.markets: dict[str, Market] = {}
        self.series: dict[str, Series] = {}
        self.fills: list[Fill] = []
        self.settlements: list[Settlement] = []
        self.positions: dict[tuple[int, str], Position] = {}
        self.unsettled: dict[tuple[int, str], Position] = {}
        self.movements: list[Movement] = []
        self.cash: dict[int, Decimal] = {0: ZERO}
        self.journal: list[Entry] = []
        self.earned = ZERO  # realised less fees so far; the story steers by it
        self.clock_tolerance: float | None = None  # seconds; None: any timestamp is accepted
        self.extra_fields = False  # unknown fields in rows, as a growing API would add them
        self._overcharge: dict[str, Decimal] = {}
        self._sequence = 0

    # What a test, or the story of a seeded world, may do to the account.

    def market(self, ticker: str, **changes: Any) -> Market:
        """Return the market `ticker`, made on first use, with the attributes in `changes` set."""
        market = self.markets.get(ticker)
        if market is None:
            market = self.markets[ticker] = plain_market(ticker, self.clock())
        for name, value in changes.items():
            setattr(market, name, value)
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
        return self.market(ticker, quotes=lambda _: quote)

    def deposit(
        self,
        amount: Amount,
        at: datetime | None = None,
        *,
        status: str = "applied",
        fee: Amount = 0,
        id: str | None = None,
    ) -> Movement:
        """Pay `amount` dollars in, less `fee`; only status `applied` moves cash."""
        return self._move("deposit", Decimal(amount), Decimal(fee), at, status, id)

    def withdraw(
        self,
        amount: Amount,
        at: datetime | None = None,
        *,
        status: str = "applied",
        fee: Amount = 0,
        id: str | None = None,
    ) -> Movement:
        """Pay `amount` dollars out, and `fee` on top; only status `applied` moves cash."""
        return self._move("withdrawal", Decimal(amount), Decimal(fee), at, status, id)

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
    ) -> Fill:
        """Execute: buy `count` contracts of `side` ("yes" or "no") at `yes_price` per YES contract.

        Selling YES is buying NO with action "sell"; the price stays the YES price. Without `fee`
        the era-3 rule decides. Fills of one market must be added in the order of their times.
        """
        if side not in ("yes", "no"):
            raise ValueError(f"side must be yes or no, not {side!r}")
        market = self.market(ticker)
        time = at or self.clock()
        self._sequence += 1
        order_id = order_id or identity("order", ticker, time, self._sequence)
        number, price = Decimal(count), Decimal(yes_price)
        fill = Fill(
            self._sequence,
            fill_id or identity("fill", order_id, time, str(number), str(price), side),
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
        )
        self._book(fill, market)
        return fill

    def settle(
        self, ticker: str, result: str, value: Amount | None = None, *, at: datetime | None = None
    ) -> None:
        """Resolve a market and pay it: result "yes", "no" or "scalar" with `value` dollars per YES.

        One row appears per subaccount that traded it, and one all-zero row when none did.
        """
        worth = {"yes": ONE, "no": ZERO}.get(result) if value is None else Decimal(value)
        if worth is None:
            raise ValueError("a scalar result needs its value")
        time = at or self.clock()
        market = self.market(
            ticker, status="finalized", result=result, settlement_value=worth, settled_at=time
        )
        rows = [p for (_, name), p in self.unsettled.items() if name == ticker]
        for position in rows or [Position(ticker, 0, market.exchange_index)]:
            self._pay(position, market, result, worth, time)

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
        self.cash[subaccount] = self.cash.get(subaccount, ZERO) + gross - number["fee_cost"]
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

    # What the answers are made of.

    def portfolio_value(self, subaccount: int, now: datetime) -> Decimal:
        """Return dollars of open contracts at the last price: not the bid, as on the real venue."""
        total = ZERO
        for (owner, ticker), position in self.unsettled.items():
            if owner == subaccount and position.held:
                last = self.markets[ticker].quote(now).last
                total += position.held * last if position.held > 0 else -position.held * (ONE - last)
        return total

    def _move(
        self, kind: str, amount: Decimal, fee: Decimal, at: datetime | None, status: str, id: str | None
    ) -> Movement:
        time = at or self.clock()
        cents, fee_cents = int(amount * 100), int(fee * 100)
        name = id or identity(kind, time, cents, len(self.movements))
        movement = Movement(name, kind, cents, fee_cents, time, status)
        self.movements.append(movement)
        if status == "applied":
            sign = 1 if kind == "deposit" else -1
            self.cash[0] += (sign * Decimal(cents) - fee_cents) / 100
        return movement

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
        before = abs(position.held)
        realised = position.take(fill)
        pairs = (before + fill.count - abs(position.held)) / 2  # each pair of YES and NO returns a dollar
        spent = fill.count * fill.price + fill.fee
        self.cash[fill.subaccount] = self.cash.get(fill.subaccount, ZERO) + pairs - spent
        if pairs:
            self._note(Entry(fill.time, "realised", fill.ticker, realised))
        self._note(Entry(fill.time, "fee", fill.ticker, fill.fee))
        market.volume += fill.count
        _insert(self.fills, fill)

    def _pay(self, position: Position, market: Market, result: str, worth: Decimal, time: datetime) -> None:
        held = position.held
        payout = (held * worth if held > 0 else -held * (ONE - worth)).quantize(CENT, ROUND_FLOOR)
        if held:
            self._note(Entry(time, "realised", position.ticker, payout - position.cost))
            position.realised += payout - position.cost
        self.cash[position.subaccount] = self.cash.get(position.subaccount, ZERO) + payout
        position.held = position.cost = ZERO
        position.settled, position.updated = True, time
        self.unsettled.pop((position.subaccount, position.ticker), None)
        self._file(
            time,
            position.ticker,
            market.event_ticker,
            position.subaccount,
            {
                "ticker": position.ticker,
                "event_ticker": market.event_ticker,
                "exchange_index": market.exchange_index,
                "market_result": result,
                "yes_count_fp": f"{position.bought['yes']:.2f}",
                "yes_total_cost_dollars": f"{position.paid['yes']:.6f}",
                "no_count_fp": f"{position.bought['no']:.2f}",
                "no_total_cost_dollars": f"{position.paid['no']:.6f}",
                "revenue": int(payout * 100),
                "value": int(worth * 100),
                "fee_cost": f"{position.fees:.6f}",
            },
        )

    def _file(
        self, time: datetime, ticker: str, event: str, subaccount: int, row: dict[str, Any]
    ) -> Settlement:
        self._sequence += 1
        settlement = Settlement(self._sequence, time, ticker, event, subaccount, row)
        _insert(self.settlements, settlement)
        return settlement


def _key(row: Fill | Settlement) -> tuple[datetime, int]:
    return row.time, row.sequence


def _insert(rows: list[Row], row: Row) -> None:
    """Keep `rows` oldest first; nearly always the new row is the newest."""
    if not rows or _key(rows[-1]) < _key(row):
        rows.append(row)
    else:
        insort(rows, row, key=_key)
