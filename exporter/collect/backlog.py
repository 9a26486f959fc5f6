"""Backfill: read the whole past of a source into the store, slice by slice, and find what is missing.

Order:  each slice and the place behind it are one durable commit, so a run may be stopped at any
        moment and goes on where it was. A new run begins when there was none, when the last reading
        is older than what the source still lists, or when somebody asks for it.
Rule:   a market that ended without a settlement row we could read is settled from its fills: the net
        position times what one contract paid, cut to whole cents as the venue does. A market that
        ended without saying what it paid (a void one) gives back what its open contracts have cost;
        nobody has documented that, so it stays `partial`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from exporter.collect.store_thread import StoreThread
from exporter.ledger.trading.positions import replay
from exporter.money import ZERO
from exporter.records import Fill, Record, Settlement, SourceInfo, ticker_of
from exporter.sources.contract import HasClient, HasHistory, Resolution, Slice
from exporter.sources.guard import admit
from exporter.store import ListProgress, Past, Store

ENDINGS = "endings"
"""The part that no list holds: what became of the markets whose settlement is not known."""

BOOKS_AT_ONCE = 1_000
"""Books looked at in one query: milliseconds, so that others get their turn at the database."""

STILL_LISTED = timedelta(days=14)
"""Live lists have never been seen to reach back less than a month: so short a pause leaves no hole."""

ONE, CENT = Decimal(1), Decimal("0.01")

READING = "history is still being read"


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit brought: the part as it stands, its rows, and the time of the oldest one."""

    part: ListProgress
    rows: int
    oldest: datetime | None
    booked: int


class Reader:
    """Reads the past of one source. `thread` is the one that the store lives on."""

    def __init__(
        self,
        store: Store,
        source: HasHistory,
        info: SourceInfo,
        clock: Callable[[], datetime],
        thread: StoreThread,
    ) -> None:
        self._store, self._source, self._info, self._clock = store, source, info, clock
        self._database = thread.run
        self.past: Past | None = None

    @property
    def whole(self) -> bool:
        """Whether the past was read to its end."""
        return self.past is not None and self.past.completed is not None

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to read."""
        return self.past is not None and self.past.finished and self.whole

    @property
    def doubts(self) -> tuple[str, ...]:
        """Return in words why trading figures are not whole; nothing when they are."""
        if self.past is None or self.past.completed is None:
            return (READING,)
        return self.past.missing

    @property
    def gap(self) -> timedelta | None:
        """Return how much time is missing between readings; None while the first one goes on."""
        past = self.past
        if past is None or past.completed is None:
            return None if past is None or past.bottom is None else past.until - past.bottom
        return past.gap

    async def load(self) -> None:
        """Learn from the store how far the past is read."""
        self.past = await self._database(self._store.histories.load, self._source.name)

    async def begin(self, since: datetime | None) -> None:
        """Begin a run over everything since a time. What was whole stays whole until this one is done."""
        known = self.past
        if self._there() is None:
            await self._source.history.cutoff()  # any answer tells what the time is there
        run = Past(
            until=self._there() or self._clock(),
            since=since,
            bottom=since,
            completed=known.completed if known else None,
            gap=known.gap if known else timedelta(0),
            missing=known.missing if known else (),
            parts=await self._parts(),
        )
        await self._start(run)

    async def look(self, last: datetime | None) -> datetime:
        """Return from when on the source's live lists must be read, beginning a run where one is needed.

        `last` is how far the source had come with the last reading. Everything before the result is in the
        store already, or the past that is being read. All of it is in the source's own time.
        """
        known = self.past
        if known is None:
            await self.begin(None)
            assert self.past is not None
            return (last if last is not None else self.past.until) - self._source.overlap
        seen = known.until if last is None else max(last, known.until)
        start = seen - self._source.overlap
        now = self._there()
        if now is not None and now - seen <= STILL_LISTED:
            return start
        cutoff = await self._source.history.cutoff()
        now = self._there() or self._clock()
        if now - seen <= STILL_LISTED or cutoff is None or cutoff <= seen:
            return start
        if known.completed is None:
            await self.begin(known.since)
        else:
            hole = replace(known, until=now, bottom=start, completed=None, parts=await self._parts())
            await self._start(hole)
        return now - self._source.overlap

    async def advance(
        self, *, enough: Callable[[], bool] = lambda: False, tell: Callable[[Step], None] = lambda step: None
    ) -> bool:
        """Go on with the run until it is done, or there is `enough` after a slice; tell if it is done."""
        while (past := self.past) is not None and not past.finished:
            part = next(part for part in past.parts if not part.done)
            done = await (self._endings if part.name == ENDINGS else self._list)(part, enough, tell)
            more = part is not past.parts[-1]
            if not done or (more and enough()):
                return False
        return True

    async def finish(self) -> None:
        """Say that the past is whole, but for what this run has found to be missing."""
        past = self.past
        assert past is not None
        gap, missing = await self._missing(past)
        now = self._clock()
        await self._database(self._store.histories.finish, self._source.name, now, gap, missing)
        self.past = replace(past, completed=now, gap=gap, missing=missing)

    def _there(self) -> datetime | None:
        """Return the time by the source's own clock, None before it has said what that is."""
        skew = self._source.client.skew if isinstance(self._source, HasClient) else timedelta(0)
        return None if skew is None else self._clock() + skew

    async def _parts(self) -> tuple[ListProgress, ...]:
        return tuple(ListProgress(name) for name in (*await self._source.history.parts(), ENDINGS))

    async def _start(self, run: Past) -> None:
        await self._database(self._store.histories.begin, self._source.name, run)
        self.past = run

    async def _list(
        self, part: ListProgress, enough: Callable[[], bool], tell: Callable[[Step], None]
    ) -> bool:
        assert self.past is not None
        slices = self._source.history.slices(part.name, self.past.bottom, part.place)
        async with aclosing(slices):
            async for each in slices:
                part = await self._keep(part, each, tell)
                if part.done:
                    return True
                if enough():
                    return False
        raise AssertionError("a part ends with a slice that says so")

    async def _endings(
        self, part: ListProgress, enough: Callable[[], bool], tell: Callable[[Step], None]
    ) -> bool:
        """Settle the markets that have ended without a row we could read."""
        waiting: list[str] = []
        place: str | None = part.place
        while place is not None:
            found, place = await self._database(
                self._store.histories.unsettled, self._source.name, place, BOOKS_AT_ONCE
            )
            waiting += found
            while waiting and (len(waiting) >= self._source.history.markets_at_once or place is None):
                chunk = waiting[: self._source.history.markets_at_once]
                waiting = waiting[len(chunk) :]
                end = place is None and not waiting
                each = replace(await self._settled(chunk), place=chunk[-1], done=end)
                part = await self._keep(part, each, tell)
                if not end and enough():
                    return False
        if not part.done:
            await self._keep(part, Slice(place=part.place, done=True), tell)
        return True

    async def _settled(self, books: Sequence[str]) -> Slice:
        """Return the settlements of the books whose markets ended; missed are markets that nobody knows."""
        tickers = list(dict.fromkeys(ticker_of(book) for book in books))
        found = await self._source.history.resolutions(tickers)
        ended = [book for book in books if ticker_of(book) in found.ended]
        gone = [book for book in books if ticker_of(book) in found.unknown]
        records, missed = await self._database(self._rebuilt, ended, found.ended, gone)
        return Slice(records=records, answers=found.answers, missed=missed, aside=found.aside)

    def _rebuilt(
        self, ended: Sequence[str], known: Mapping[str, Resolution], gone: Sequence[str]
    ) -> tuple[tuple[Record, ...], int]:
        listed = self._store.records.fills_of(self._source.name, [*ended, *gone])
        books = {book: [fill for fill in fills if not fill.voided] for book, fills in listed.items()}
        made = [settle(books[book], known[ticker_of(book)]) for book in ended if books[book]]
        missed = sum(settlement is None for settlement in made)
        missed += sum(bool(held(books[book])) for book in gone)
        return tuple(settlement for settlement in made if settlement is not None), missed

    async def _keep(self, part: ListProgress, each: Slice, tell: Callable[[Step], None]) -> ListProgress:
        admit(self._info, each.records, each.answers)
        after = ListProgress(
            part.name,
            each.place,
            part.rows + len(each.records),
            part.missed + each.missed,
            each.done,
        )
        booked = await self._database(self._store_slice, after, each)
        if each.redundant and not booked and not after.done:
            after = replace(after, done=True)
            await self._database(self._store_slice, after, Slice())
        assert self.past is not None
        parts = tuple(after if known.name == after.name else known for known in self.past.parts)
        self.past = replace(self.past, parts=parts)
        oldest = min((record.at for record in each.records), default=None)
        tell(Step(after, len(each.records), oldest, booked))
        return after

    def _store_slice(self, part: ListProgress, each: Slice) -> int:
        return self._store.histories.keep(
            self._source.name,
            part,
            each.records,
            each.answers,
            recorded_at=self._clock(),
            aside=each.aside,
        )

    async def _missing(self, past: Past) -> tuple[timedelta, tuple[str, ...]]:
        """Return how much time is lost for good, and what is missing in words."""
        gap, missing = timedelta(0), []
        if any(part.missed for part in past.parts if part.name == "archived fills"):
            cutoff = await self._source.history.cutoff()
            found = await self._database(self._store.histories.found, self._source.name)
            first = past.bottom or found.first
            if cutoff is not None and first is not None and first < cutoff:
                gap = cutoff - first
                missing.append(
                    f"fills before {cutoff:%Y-%m-%d} cannot be read, the archive is closed to this key"
                )
        if past.since is not None:
            missing.append(f"history is read from {past.since:%Y-%m-%d} on only")
        if lost := sum(part.missed for part in past.parts if part.name == ENDINGS):
            missing.append(f"nobody says how {_markets(lost)} ended")
        if back := await self._database(self._store.histories.taken_back, self._source.name):
            missing.append(f"{_markets(back)} ended without a value and is taken back at cost")
        if past.bottom != past.since:
            # The run has read a hole only; what was lost before it stays lost.
            gap = max(gap, past.gap)
            missing = list(dict.fromkeys((*past.missing, *missing)))
        return gap, tuple(missing)


def settle(fills: Sequence[Fill], ending: Resolution) -> Settlement | None:
    """Return the settlement that the venue's row would have stated; None when nobody says what it paid.

    Counts and costs are gross for the market's life, the payout is for the net, cut to whole cents.
    """
    yes = [fill for fill in fills if fill.side == "yes"]
    no = [fill for fill in fills if fill.side == "no"]
    net = held(fills)
    if ending.value is not None:
        exact = net * ending.value if net > 0 else -net * (ONE - ending.value)
    elif not net or ending.result in ("", "void"):
        book, _ = replay("", fills)
        exact = book.cost
    else:
        return None
    return Settlement(
        source=fills[0].source,
        ticker=ending.ticker,
        subaccount=fills[0].subaccount,
        result=ending.result or "void",
        yes_count=_sum(fill.count for fill in yes),
        yes_cost=_sum(fill.count * fill.price for fill in yes),
        no_count=_sum(fill.count for fill in no),
        no_cost=_sum(fill.count * fill.price for fill in no),
        payout=exact.quantize(CENT, ROUND_FLOOR),
        value=ending.value,
        fee=_sum(fill.fee for fill in fills),
        at=max(ending.at, max(fill.at for fill in fills)),
        origin="market",
    )


def held(fills: Sequence[Fill]) -> Decimal:
    """Return the signed contracts that fills leave: YES positive, NO negative."""
    return _sum(fill.count if fill.side == "yes" else -fill.count for fill in fills)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _markets(count: int) -> str:
    return f"{count:,} market{'s' if count > 1 else ''}"
