"""The desk's past and present.

Past days follow from the seed and their date alone, so a simulator that is started again tells the
same past. Every market settles on the day it was listed: nothing is open at midnight UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from heapq import heappop, heappush
from random import Random

from exporter.simulator.clock import DAY, midnight, real_clock
from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.desk import Desk
from exporter.simulator.kalshi.gate import SKEW_LIMIT
from exporter.simulator.kalshi.market import Market

Step = Callable[[datetime], None]
OPEN_MARKETS = 8
CURTAIN = timedelta(seconds=20)  # before midnight: time to settle everything that is open
HISTORY_COUNTS = ("8", "10", "12", "15", "20", "25", "7.5", "12.25", "15.27")
ENTRY_COUNTS = ("3", "4", "5", "6.5")
LIVE_COUNTS = ("0.5", "1", "1", "1.5", "2", "2", "3", "1.25", "2.37")


class Trading:
    """The story of the desk, told up to any moment."""

    def __init__(self, account: Account, seed: int, start: datetime, days: int, speed: float) -> None:
        self.desk, self.seed, self.speed = Desk(account, seed), seed, speed
        self.account = account
        self.open: list[Market] = []
        self.steps: list[tuple[datetime, int, Step]] = []
        self.number = 0
        self.rng = Random(f"{seed}:trading:{start.isoformat()}")
        self.day, self.opening = midnight(start), Decimal(0)
        account.opened = midnight(start) - days * DAY
        # Programs sign with the machine's time, which a settable clock does not follow.
        account.clock_tolerance = SKEW_LIMIT if account.clock is real_clock else None
        account.extra_fields = True
        self._fund(account.opened, days)
        for number in range(days, 0, -1):
            self._past_day(midnight(start) - number * DAY)
        self._today(start)

    def play(self, until: datetime) -> None:
        """Do every step due by `until`, in the order of time."""
        while self.steps and self.steps[0][0] <= until:
            at, _, step = heappop(self.steps)
            step(at)

    def _at(self, moment: datetime, step: Step) -> None:
        self.number += 1
        heappush(self.steps, (moment, self.number, step))

    def _fund(self, opened: datetime, days: int) -> None:
        account = self.account
        account.deposit("2500.00", opened + timedelta(minutes=1), id="deposit-opening")
        if days > 20:
            account.deposit("500.00", opened + timedelta(days=9, hours=15), id="deposit-second")
            account.deposit(
                "250.00", opened + timedelta(days=12, hours=10), id="deposit-failed", status="failed"
            )
            account.withdraw("300.00", opened + timedelta(days=20, hours=11), id="withdrawal-first")

    # Past.

    def _past_day(self, day: datetime) -> None:
        rng = Random(f"{self.seed}:trading:{day.date()}")
        target, earned = rng.gauss(25, 45), self._earned()
        for _ in range(rng.randint(6, 10)):
            opens = day + timedelta(minutes=rng.uniform(10, 1000))
            closes = min(
                opens + timedelta(minutes=rng.uniform(40, 400)), day + timedelta(hours=23, minutes=40)
            )
            self._round_trip(rng, opens, closes, lambda: target, earned)
        self.play(day + DAY)

    def _round_trip(
        self, rng: Random, opens: datetime, closes: datetime, target: Callable[[], float], earned: Decimal
    ) -> None:
        """Plan one market from entry to settlement; one in forty is never traded."""
        market = self.desk.list_market(rng, opens)
        if rng.random() > 1 / 40:
            self._plan_trades(rng, market, opens, closes)
        self._at(closes, lambda at: self.desk.settle(rng, market, at, target(), self._earned() - earned))

    def _plan_trades(self, rng: Random, market: Market, opens: datetime, closes: datetime) -> None:
        side = rng.choice(("yes", "no"))
        span = (closes - opens) * 0.9
        for moment in sorted(opens + span * rng.random() for _ in range(rng.randint(1, 3))):
            count, taker = Decimal(rng.choice(HISTORY_COUNTS)), rng.random() < 0.6
            self._at(_whole(moment), partial(self.desk.trade, rng, market, side, count, taker))
        if rng.random() < 0.6:
            share, taker = rng.choice((0.3, 0.5, 1.0)), rng.random() < 0.5
            self._at(_whole(opens + span * 1.05), partial(self.desk.reduce, rng, market, share, taker))

    def _earned(self) -> Decimal:
        """Return realised less fees since the account was opened."""
        return self.account.earned

    # Today.

    def _today(self, start: datetime) -> None:
        """Fill the day up to `start`: some markets come and gone, about eight still open."""
        self.opening = self._earned()
        elapsed = start - self.day
        for _ in range(round(7 * (elapsed / DAY)) if elapsed > timedelta(hours=2) else 0):
            opens = self.day + elapsed * self.rng.uniform(0.02, 0.6)
            closes = opens + (start - opens) * self.rng.uniform(0.3, 0.95)
            self._round_trip(self.rng, _whole(opens), _whole(closes), lambda: 15.0, self.opening)
        self.play(start)
        curtain = self.day + DAY - CURTAIN
        if start < curtain:
            moments = sorted(self.day + elapsed * self.rng.uniform(0.05, 0.97) for _ in range(OPEN_MARKETS))
            for moment in moments:
                self._enter(HISTORY_COUNTS, _whole(moment))
        self._at(max(curtain, start), self._curtain)
        self._at(self._later(start, 5, 10), self._trade)
        self._at(self._later(start, 60, 120), self._settle_one)

    def _enter(self, counts: tuple[str, ...], at: datetime) -> None:
        market = self.desk.list_market(self.rng, at)
        self.open.append(market)
        count = sum((Decimal(self.rng.choice(counts)) for _ in range(2)), Decimal(0))
        side = self.rng.choice(("yes", "no"))
        self.desk.trade(self.rng, market, side, count, self.rng.random() < 0.4, at)

    def _later(self, moment: datetime, least: float, most: float) -> datetime:
        return _whole(moment + timedelta(seconds=self.rng.uniform(least, most) / self.speed))

    def _trade(self, at: datetime) -> None:
        if self.open:
            market = self.rng.choice(self.open)
            held, taker = self.desk.held(market), self.rng.random() < 0.2
            if abs(held) > 25 or (held and self.rng.random() < 0.48):
                self.desk.reduce(self.rng, market, self.rng.uniform(0.05, 0.2), taker, at)
            else:
                side = "yes" if held > 0 or (not held and self.rng.random() < 0.5) else "no"
                self.desk.trade(self.rng, market, side, Decimal(self.rng.choice(LIVE_COUNTS)), taker, at)
        self._at(self._later(at, 5, 10), self._trade)

    def _settle_one(self, at: datetime) -> None:
        if self.open:
            market = self.open.pop(self.rng.randrange(len(self.open)))
            self._pay_out(market, at)
            follows = at + timedelta(milliseconds=350)
            if follows < self.day + DAY - CURTAIN:
                self._at(follows, partial(self._enter, ENTRY_COUNTS))
        self._at(self._later(at, 60, 120), self._settle_one)

    def _curtain(self, at: datetime) -> None:
        """Settle everything before midnight, and open the next day right after it."""
        for number, market in enumerate(self.open):
            self._at(at + timedelta(seconds=number), partial(self._pay_out, market))
        self.open = []
        self.day = midnight(at) + DAY
        self._at(self.day, self._new_day)
        self._at(self.day + DAY - CURTAIN, self._curtain)

    def _pay_out(self, market: Market, at: datetime) -> None:
        self.desk.settle(self.rng, market, at, 25.0, self._earned() - self.opening)

    def _new_day(self, at: datetime) -> None:
        self.opening = self._earned()
        for number in range(OPEN_MARKETS):
            moment = at + timedelta(milliseconds=400 + 700 * number)
            self._at(moment, partial(self._enter, HISTORY_COUNTS))


def _whole(moment: datetime) -> datetime:
    """Cut to a tenth of a millisecond: times on the wire then differ in how many digits they show."""
    return moment.replace(microsecond=moment.microsecond // 100 * 100)
