"""What trading has made by event and by series, in every window, however many of them there are.

Rule:   an event is a market's ticker without its last part, a series the first part of it.
        Realised P&L, fees and round trips count in the windows in which they fell, as in the
        totals: the groups of a window sum to it exactly.
Method: calendar windows are sums of whole days of the reporting zone. Rolling ones begin at any
        moment, so each amount of the last weeks is kept, in 22 bytes, to be taken out when a
        window has passed it. Work is what enters and what leaves, as everywhere in the ledger.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from exporter.ledger.journal import Entry
from exporter.ledger.timeline import pack, unpack
from exporter.ledger.windows import ROLLING
from exporter.money import ZERO
from exporter.snapshot import Window
from exporter.times import from_us, midnight, to_us

TAPE_KEPT = (max(ROLLING.values()) + timedelta(days=2)) // timedelta(microseconds=1)
"""How long before the newest amount the tape reaches: the longest rolling window, and two days for
a clock that is set back or a late record."""

TAPE_SLACK = 4_096
"""Amounts past their time before they are cut off: a cut moves the whole tape."""

REALISED, FEES, TRIP, TRIP_TAKEN_BACK = range(4)


def event_of(ticker: str) -> str:
    """Return the event of a market."""
    return ticker.rpartition("-")[0] or ticker


def series_of(ticker: str) -> str:
    """Return the series of a market or an event."""
    return ticker.partition("-")[0]


@dataclass(slots=True)
class Tally:
    """One group in one stretch of time; realised and fees are signed contributions to the net."""

    realised: Decimal = ZERO
    fees: Decimal = ZERO
    wins: int = 0
    losses: int = 0
    even: int = 0
    won: Decimal = ZERO
    lost: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return self.realised + self.fees

    def add(self, what: int, amount: Decimal, times: int = 1) -> None:
        """Count one amount; `times` is -1 for one that leaves."""
        if what == REALISED:
            self.realised += times * amount
        elif what == FEES:
            self.fees += times * amount
        else:
            self._trip(amount, times if what == TRIP else -times)

    def _trip(self, result: Decimal, times: int) -> None:
        if result > 0:
            self.wins += times
            self.won += times * result
        elif result < 0:
            self.losses += times
            self.lost += times * result
        else:
            self.even += times

    def __iadd__(self, other: Tally) -> Tally:
        self.realised += other.realised
        self.fees += other.fees
        self.wins += other.wins
        self.losses += other.losses
        self.even += other.even
        self.won += other.won
        self.lost += other.lost
        return self

    def __bool__(self) -> bool:
        trips = self.wins or self.losses or self.even
        return bool(trips or self.realised or self.fees or self.won or self.lost)


@dataclass(slots=True)
class Tallies:
    """The groups of one window that begins at `start` (microseconds; None: at the beginning of time)."""

    start: int | None
    events: dict[str, Tally] = field(default_factory=dict)
    series: dict[str, Tally] = field(default_factory=dict)

    def add(self, event: str, what: int, amount: Decimal, times: int = 1) -> None:
        for groups, name in ((self.events, event), (self.series, series_of(event))):
            tally = groups.get(name)
            if tally is None:
                tally = groups[name] = Tally()
            tally.add(what, amount, times)
            if times < 0 and not tally:
                del groups[name]

    def merge(self, event: str, other: Tally) -> None:
        """Add all that an event came to in another stretch of time."""
        for groups, name in ((self.events, event), (self.series, series_of(event))):
            groups[name] = groups.get(name) or Tally()
            groups[name] += other


class Tape:
    """The amounts of the last weeks in order of time."""

    def __init__(self) -> None:
        self.floor = -(2**62)
        """From when on every amount is here."""
        self._times, self._digits = array("q"), array("q")
        self._events, self._exponents, self._what = array("i"), array("b"), array("b")
        self._wide: list[Decimal] = []

    def add(self, at: int, event: int, what: int, amount: Decimal) -> None:
        """Put an amount at its time; one of before the floor is left out."""
        if at < self.floor:
            return
        digits, exponent = pack(amount, self._wide)
        place = bisect_right(self._times, at) if self._times and at < self._times[-1] else len(self._times)
        self._times.insert(place, at)
        self._digits.insert(place, digits)
        self._events.insert(place, event)
        self._exponents.insert(place, exponent)
        self._what.insert(place, what)
        if len(self._times) > TAPE_SLACK:
            self._cut(self._times[-1] - TAPE_KEPT)

    def between(self, start: int, end: int | None) -> Iterator[tuple[int, int, Decimal]]:
        """Yield event, what and amount of everything in [start, end)."""
        lower = bisect_left(self._times, start)
        upper = len(self._times) if end is None else bisect_left(self._times, end)
        for place in range(lower, upper):
            amount = unpack(self._digits[place], self._exponents[place], self._wide)
            yield self._events[place], self._what[place], amount

    def cut_after(self, end: int) -> list[tuple[int, int, int, Decimal]]:
        """Take everything after a moment from the tape, and return it with its times."""
        place = bisect_right(self._times, end)
        times = self._times[place:]
        cut = [(at, *each) for at, each in zip(times, self.between(end + 1, None), strict=True)]
        for column in self._columns:
            del column[place:]
        return cut

    @property
    def _columns(self) -> tuple[MutableSequence[int], ...]:
        return self._times, self._digits, self._events, self._exponents, self._what

    def _cut(self, floor: int) -> None:
        if self._times[TAPE_SLACK] < floor:
            gone = bisect_left(self._times, floor)
            for column in self._columns:
                del column[:gone]
            self.floor = floor


class Groups:
    """All groups of one account, kept up with the entries of its books."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._days: dict[int, dict[int, Tally]] = {}
        self._tape = Tape()
        self._windows: dict[Window, Tallies] = {}
        self._now = 2**62
        self._ahead: list[tuple[int, int, int, Decimal]] = []
        """What is dated ahead of now: its time, its event, what it is and how much."""
        self._today = (0, 0, 0)
        """The day that was asked for last: its number, its first moment, and that of the next."""

    def take(self, ticker: str, entries: Iterable[Entry]) -> None:
        """Take entries of a market's book; a reversed one takes its amounts and its round trip back."""
        event = event_of(ticker)
        for entry in entries:
            for what, amount in _amounts(entry):
                self._add(entry.at, event, what, amount)

    def until(self, now: int) -> None:
        """Let windows end now: what is dated ahead waits, also what was counted by a clock that was ahead."""
        if now < self._now:
            for at, number, what, amount in self._tape.cut_after(now):
                self._count(at, number, what, amount, -1)
                self._ahead.append((at, number, what, amount))
        self._now = now
        due = [each for each in self._ahead if each[0] <= now]
        if due:
            self._ahead = [each for each in self._ahead if each[0] > now]
            for at, number, what, amount in due:
                self._count(at, number, what, amount)
                self._tape.add(at, number, what, amount)

    def stated(self, starts: Mapping[Window, datetime | None]) -> dict[Window, Tallies]:
        """Return the groups of every window, given when each starts.

        A rolling window that begins before the tape does is left out: the clock is off by days then.
        """
        for window, start in starts.items():
            since = None if start is None else to_us(start)
            known = self._windows.get(window)
            if window in ROLLING and since is not None:
                self._roll(window, known, since)
            elif known is None or known.start != since:
                self._windows[window] = self._summed(since)
        return dict(self._windows)

    def _add(self, at: int, event: str, what: int, amount: Decimal) -> None:
        number = self._numbers.get(event)
        if number is None:
            number = self._numbers[event] = len(self._names)
            self._names.append(event)
        if at > self._now:
            self._ahead.append((at, number, what, amount))
            return
        self._count(at, number, what, amount)
        self._tape.add(at, number, what, amount)

    def _count(self, at: int, number: int, what: int, amount: Decimal, times: int = 1) -> None:
        event = self._names[number]
        day = self._days.setdefault(self._day(at), {})
        tally = day.get(number)
        if tally is None:
            tally = day[number] = Tally()
        tally.add(what, amount, times)
        for window in self._windows.values():
            if window.start is None or at >= window.start:
                window.add(event, what, amount, times)

    def _roll(self, window: Window, known: Tallies | None, since: int) -> None:
        if since < self._tape.floor:
            self._windows.pop(window, None)
        elif known is None or known.start is None or since < known.start:
            fresh = self._windows[window] = Tallies(since)
            for number, what, amount in self._tape.between(since, None):
                fresh.add(self._names[number], what, amount)
        else:
            for number, what, amount in self._tape.between(known.start, since):
                known.add(self._names[number], what, amount, -1)
            known.start = since

    def _summed(self, since: int | None) -> Tallies:
        first = None if since is None else self._day(since)
        found = Tallies(since)
        for day, tallies in self._days.items():
            if first is None or day >= first:
                for number, tally in tallies.items():
                    found.merge(self._names[number], tally)
        return found

    def _day(self, at: int) -> int:
        number, begins, ends = self._today
        if not begins <= at < ends:
            here = from_us(at).astimezone(self._zone).date()
            number = here.toordinal()
            begins, ends = (to_us(midnight(day, self._zone)) for day in (here, here + timedelta(days=1)))
            self._today = number, begins, ends
        return number


def _amounts(entry: Entry) -> Iterator[tuple[int, Decimal]]:
    for what, account in ((REALISED, "trading_realised"), (FEES, "trading_fees")):
        amount = entry.amounts.get(account)
        if amount:
            yield what, -amount
    if entry.round_trip is not None:
        yield TRIP if entry.forward else TRIP_TAKEN_BACK, entry.round_trip
