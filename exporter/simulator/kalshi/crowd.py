"""A past of very many fills, kept as numbers: a million of them in some forty megabytes.

Fill `i` is a function of its 64 random bits and its place: fills come in pairs, the pairs go round
`lanes`, and a lane trades one market after the other, `LIFE` fills each. So the market of a fill, its
time, and the fills of a market are arithmetic, and a row is made when a page asks for it. What is
kept are running sums, so that the truth about any window is two look-ups.

Units:  whole numbers only: millionths of a dollar, hundredths of a contract, prices in 1/10000
        dollar, microseconds since 1970. A price of 1/10000 on 1/100 contract is a millionth: exact.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random

from exporter.simulator.kalshi.lots import AverageCost, FirstInFirstOut
from exporter.simulator.kalshi.market import Market
from exporter.simulator.kalshi.records import Fill, Position

LIFE = 20  # fills a market sees before it settles
LANES = 1000  # markets traded side by side, and open at the end; fewer when there are fewer fills
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICKER = re.compile(r"KXCROWD-G(\d{5})E(\d{4})-T(\d)")
EVENT_LANES = 4  # markets of one event


@dataclass(slots=True)
class Life:
    """What the fills of one market have come to, in whole numbers; index 0 is YES, 1 is NO."""

    held: int = 0
    average_cost: int = 0
    average_gain: int = 0
    fifo_cost: int = 0
    fifo_gain: int = 0
    lots: deque[tuple[int, int]] = field(default_factory=deque)
    bought: list[int] = field(default_factory=lambda: [0, 0])
    paid: list[int] = field(default_factory=lambda: [0, 0])
    fees: int = 0
    last: int = 0
    steps: list[tuple[int, int, int, int]] = field(default_factory=list)  # fill, both gains, fee

    def take(self, number: int, side: int, count: int, price: int, fee: int) -> None:
        """Book a fill of `count` at `price` of the side bought, by both lot rules."""
        average = fifo = 0
        size, opening = abs(self.held), count
        if size and (self.held < 0) != side:
            closing = min(size, count)
            opening -= closing
            proceeds = closing * (10_000 - price)
            share = self.average_cost if closing == size else half_even(self.average_cost * closing, size)
            average, fifo = proceeds - share, proceeds - self._oldest(closing)
            self.average_cost -= share
            self.average_gain += average
            self.fifo_gain += fifo
        if opening:
            self.average_cost += opening * price
            self.fifo_cost += opening * price
            self.lots.append((opening, price))
        self.held += -count if side else count
        self.bought[side] += count
        self.paid[side] += count * price
        self.fees += fee
        self.last = number
        self.steps.append((number, average, fifo, fee))

    def _oldest(self, count: int) -> int:
        """Take the oldest contracts out; return what they had cost."""
        share = 0
        while count:
            number, price = self.lots.popleft()
            taken = min(number, count)
            if taken < number:
                self.lots.appendleft((number - taken, price))
            share += taken * price
            count -= taken
        self.fifo_cost -= share
        return share


@dataclass(frozen=True, slots=True)
class Sums:
    """Truth about a window, in dollars."""

    average: Decimal
    fifo: Decimal
    fees: Decimal


class Crowd:
    """`fills` fills from `start` on, evenly over `span`; the same for the same arguments."""

    def __init__(
        self, fills: int, start: datetime, span: timedelta, seed: int = 1, *, subaccounts: int = 1
    ) -> None:
        if fills < 1 or span < timedelta(microseconds=4 * fills):
            raise ValueError("a crowd has at least one fill, and four microseconds for each")
        self.count, self.seed, self.subaccounts = fills, seed, subaccounts
        self.lanes = max(1, min(LANES, fills // 1000))
        self.start = micros(start)
        self.end = start + span
        self.step = (micros(self.end) - self.start) // ((fills + 1) // 2)
        self.settled = (fills - 1) // (LIFE * self.lanes) * self.lanes  # the last generation stays open
        self.bits = array("Q", Random(f"{seed}:crowd").randbytes(8 * fills))
        self._measure()

    def _measure(self) -> None:
        """Live through every market once, and keep running sums by fill and by settlement."""
        average, fifo, fees = (array("q", bytes(8 * self.count)) for _ in range(3))
        paid_average, paid_fifo = (array("q", bytes(8 * self.settled)) for _ in range(2))
        self.earned = [0] * self.subaccounts  # change of cash by everything here, per subaccount
        for market in range(self.settled + self.lanes):
            life = self.life(market)
            for number, gain, other, fee in life.steps:
                average[number], fifo[number], fees[number] = gain, other, fee
            change = min(life.bought) * 10_000 - sum(life.paid) - life.fees
            if market < self.settled:
                payout = self.payout(market, life.held)
                paid_average[market] = payout - life.average_cost
                paid_fifo[market] = payout - life.fifo_cost
                change += payout
            self.earned[self.owner(market)] += change
        self._average, self._fifo, self._fees = (_running(sums) for sums in (average, fifo, fees))
        self._paid_average, self._paid_fifo = _running(paid_average), _running(paid_fifo)

    # Arithmetic of places.

    def market_of(self, number: int) -> int:
        """Return the market of a fill."""
        turn, lane = divmod(number >> 1, self.lanes)
        return 2 * turn // LIFE * self.lanes + lane

    def numbers(self, market: int) -> Iterator[int]:
        """Return the fills of a market, oldest first."""
        generation, lane = divmod(market, self.lanes)
        first = generation * (LIFE // 2)
        for turn in range(first, first + LIFE // 2):
            pair = 2 * (turn * self.lanes + lane)
            for number in (pair, pair + 1):
                if number < self.count:
                    yield number

    def executed(self, market: int) -> Iterator[int]:
        """Return the fills of a market as they were executed: an order's best price for us first."""
        waiting: int | None = None
        for number in self.numbers(market):
            if waiting is not None:
                pair = (waiting, number) if self.paired(number) else None
                yield from sorted(pair, key=self._place) if pair else (waiting,)
                waiting = None if pair else number
            else:
                waiting = number
        if waiting is not None:
            yield waiting

    def paired(self, number: int) -> bool:
        """Say whether a fill is the second of an order of two, both at one moment."""
        return bool(number & self.bits[number] & 1)

    def first_of(self, number: int) -> int:
        """Return the first fill of the order that a fill belongs to."""
        return number - 1 if self.paired(number) else number

    def owner(self, market: int) -> int:
        """Return the subaccount that trades a market."""
        return market % self.lanes % self.subaccounts

    def time(self, number: int) -> int:
        """Return when a fill happened; the second of an order of two shares the microsecond."""
        moment = self.start + (number >> 1) * self.step
        return moment + (self.step >> 1) if number & 1 and not self.paired(number) else moment

    def settle_time(self, market: int) -> int:
        """Return when a market settled: right after its last fill."""
        generation, lane = divmod(market, self.lanes)
        pair = ((generation + 1) * (LIFE // 2) - 1) * self.lanes + lane
        return self.start + pair * self.step + self.step * 3 // 4

    def ticker(self, market: int) -> str:
        """Return the ticker of a market. Tickers sort as their markets do."""
        generation, lane = divmod(market, self.lanes)
        return f"KXCROWD-G{generation:05d}E{lane // EVENT_LANES:04d}-T{lane % EVENT_LANES}"

    def index(self, ticker: str) -> int | None:
        """Return the market with a ticker; None when it is not one of these."""
        found = TICKER.fullmatch(ticker)
        if found is None:
            return None
        generation, event, strike = map(int, found.groups())
        lane = event * EVENT_LANES + strike
        market = generation * self.lanes + lane
        known = strike < EVENT_LANES and lane < self.lanes and market < self.settled + self.lanes
        return market if known else None

    # One fill, one market.

    def terms(self, number: int) -> tuple[int, int, int, int]:
        """Return side (0 YES, 1 NO), hundredths of a contract, YES price and whether a taker."""
        bits = self.bits[number]
        side = self.bits[number - 1] if self.paired(number) else bits  # an order keeps its side
        count = (bits >> 8) % 2500 + 1 if bits >> 2 & 3 == 0 else ((bits >> 8) % 25 + 1) * 100
        centre = 1200 + self.market_of(number) * 7919 % 7600
        away = (bits >> 24) % 2001 - 1000
        price = centre + away
        price -= price % (10 if bits >> 4 & 7 == 0 else 100)
        return side >> 1 & 1, count, price, int((bits >> 40) % 10 < 6)

    def _place(self, number: int) -> tuple[int, str]:
        return self.own_price(number), self.fill_id(number)

    def own_price(self, number: int) -> int:
        """Return the price of the side bought."""
        side, _, price, _ = self.terms(number)
        return 10_000 - price if side else price

    def life(self, market: int) -> Life:
        """Return what the fills of a market come to, settlement not included."""
        life, owed, first = Life(), 0, -1
        for number in self.executed(market):
            side, count, price, taker = self.terms(number)
            own = 10_000 - price if side else price
            model = -(-7 * count * price * (10_000 - price) // 1_000_000) if taker else 0
            if self.first_of(number) != first:
                first, owed = self.first_of(number), 0  # another order
            fee, owed = _charge(model, count * own, owed)
            life.take(number, side, count, own, fee)
        return life

    def result(self, market: int) -> tuple[str, int]:
        """Return the result of a settled market and what a YES contract pays in 1/10000 dollar."""
        bits = self.bits[next(self.numbers(market))]
        if bits >> 48 & 15 == 0:
            return "scalar", (bits >> 52) % 10_001
        return ("yes", 10_000) if bits >> 60 & 1 else ("no", 0)

    def payout(self, market: int, held: int) -> int:
        """Return what a position was paid, cut to whole cents."""
        worth = self.result(market)[1]
        return (held * worth if held > 0 else -held * (10_000 - worth)) // 10_000 * 10_000

    # As records of the venue.

    def fill(self, number: int) -> Fill:
        """Return a fill as the account would have booked it."""
        side, count, price, taker = self.terms(number)
        market = self.market_of(number)
        return Fill(
            number - self.count,
            self.fill_id(number),
            self.order_id(number),
            self.ticker(market),
            "no" if side else "yes",
            self.action(number),
            Decimal(count).scaleb(-2),
            Decimal(price).scaleb(-4),
            dollars(self.fee(number)),
            bool(taker),
            moment(self.time(number)),
            self.owner(market),
            0,
        )

    def fee(self, number: int) -> int:
        """Return the fee of a fill in millionths."""
        return self._fees[number + 1] - self._fees[number]

    def fill_id(self, number: int) -> str:
        """Return the id of a fill."""
        return f"{self.bits[number] >> 32:08x}-0f11-{self.seed & 0xFFFF:04x}-c0de-{number:012x}"

    def order_id(self, number: int) -> str:
        """Return the id of an order: two fills at one moment belong to one."""
        first = self.first_of(number)
        return f"{self.bits[first] >> 32:08x}-0de0-{self.seed & 0xFFFF:04x}-c0de-{first:012x}"

    def action(self, number: int) -> str:
        """Return how the order was entered, which means nothing."""
        return "sell" if self.bits[number] >> 44 & 1 else "buy"

    def position(self, market: int) -> Position:
        """Return the position of a market, paid if the market has settled."""
        life = self.life(market)
        held = abs(life.held)
        position = Position(
            self.ticker(market),
            self.owner(market),
            held=hundredths(life.held),
            average=AverageCost(dollars(life.average_cost), dollars(life.average_gain), hundredths(held)),
            fifo=FirstInFirstOut(
                dollars(life.fifo_cost),
                dollars(life.fifo_gain),
                deque((hundredths(n), Decimal(p).scaleb(-4)) for n, p in life.lots),
            ),
            fees=dollars(life.fees),
            bought={"yes": hundredths(life.bought[0]), "no": hundredths(life.bought[1])},
            paid={"yes": dollars(life.paid[0]), "no": dollars(life.paid[1])},
            updated=moment(self.time(life.last)),
        )
        if market < self.settled:
            payout = dollars(self.payout(market, life.held))
            position.pay(payout, moment(self.settle_time(market)))
        return position

    def market(self, ticker: str) -> Market | None:
        """Return a settled market; those still open are the account's own."""
        index = self.index(ticker)
        if index is None or index >= self.settled:
            return None
        result, worth = self.result(index)
        opened = moment(self.time(next(self.numbers(index)))) - timedelta(hours=1)
        closed = moment(self.settle_time(index))
        return Market(
            ticker,
            f"Simulated {ticker}",
            opened,
            opened,
            closed,
            market_type="scalar" if result == "scalar" else "binary",
            status="finalized",
            result=result,
            settlement_value=Decimal(worth).scaleb(-4),
            settled_at=closed,
        )

    # Windows.

    def fills_before(self, time: int) -> int:
        """Return how many fills happened before a microsecond."""
        return bisect_left(range(self.count), time, key=self.time)

    def settled_before(self, time: int) -> int:
        """Return how many markets had settled before a microsecond."""
        return bisect_left(range(self.settled), time, key=self.settle_time)

    def ended_before(self, time: int) -> int:
        """Return how many markets, from the first, belong to events all over before a microsecond."""
        generation, lane = divmod(self.settled_before(time), self.lanes)
        return generation * self.lanes + lane // EVENT_LANES * EVENT_LANES

    def between(self, begin: datetime, end: datetime) -> Sums:
        """Return realised by both rules and fees of [begin, end), settlements included."""
        first, last = self.fills_before(micros(begin)), self.fills_before(micros(end))
        old, new = self.settled_before(micros(begin)), self.settled_before(micros(end))
        return Sums(
            dollars(
                self._average[last] - self._average[first] + self._paid_average[new] - self._paid_average[old]
            ),
            dollars(self._fifo[last] - self._fifo[first] + self._paid_fifo[new] - self._paid_fifo[old]),
            dollars(self._fees[last] - self._fees[first]),
        )


def half_even(number: int, divisor: int) -> int:
    """Divide positive whole numbers, rounding half to even."""
    quotient, rest = divmod(number, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient & 1))


def micros(time: datetime) -> int:
    """Return microseconds since 1970."""
    return (time - EPOCH) // timedelta(microseconds=1)


def moment(time: int) -> datetime:
    """Return the datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=time)


def dollars(millionths: int) -> Decimal:
    """Return dollars from millionths."""
    return Decimal(millionths).scaleb(-6)


def hundredths(count: int) -> Decimal:
    """Return contracts from hundredths."""
    return Decimal(count).scaleb(-2)


def _charge(model: int, cost: int, owed: int) -> tuple[int, int]:
    """Return fee and overcharge still owed: the rule of `fees.charge` in millionths."""
    if model == 0 and cost % 100 == 0:
        return 0, owed
    aligned = -(-(cost + model) // 100) * 100 - cost
    owed += aligned - model
    if owed >= 100 and aligned >= 100:
        return aligned - 100, owed - 100
    return aligned, owed


def _running(amounts: array[int]) -> array[int]:
    """Return the sum of the first n amounts at place n."""
    return array("q", accumulate(amounts, initial=0))
