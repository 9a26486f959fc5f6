"""Backfill of a Kalshi account: its whole past, from the live lists and the archive, slice by slice.

Source: Kalshi trade API, "Historical Data" and the portfolio endpoints (read 2026-11).
Order:  the live list of fills is read before the archive, so that a fill which is handed over
        meanwhile is at worst there twice. Both are newest first; a place is the time down to which
        all was read, and going on from it asks for that second again, since many fills share one.
Quirk:  settlement rows have no archive. What a market paid is then in the market itself.
        `/historical/fills` has been seen to ignore `subaccount`, and whether it means all of them
        when left out is not documented: the other ones are asked for too, until nothing new comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import floor
from typing import Any

from exporter.money import ZERO
from exporter.records import Answer, Aside, Record, Settlement
from exporter.sources.contract import Resolution, Resolutions, Slice
from exporter.sources.http import HttpClient
from exporter.sources.kalshi.limits import TokenBucket
from exporter.sources.kalshi.owners import ABSENT, Owners
from exporter.sources.kalshi.rows import (
    DEPOSITS,
    FILLS,
    WITHDRAWALS,
    CursorPage,
    Deposits,
    Fills,
    Settlements,
    Withdrawals,
    settlements_of,
)
from exporter.sources.listing import Bounds, ListOf, text_in
from exporter.sources.paging import Collector, Params
from exporter.sources.shapes import ONE, Label, Moment, Price, Shape, Text

PAGE_ROWS = 1_000
MOVEMENT_ROWS = 500  # the most the deposit and withdrawal lists take
MARKETS_AT_ONCE = 200
"""Tickers in one question: the most that was seen to work, billed as one request, in a URL of 6 kB."""

MOST_PAGES = 100_000
"""A hundred million rows. Beyond that a server is more likely to walk in circles than to have more."""

ARCHIVE = "/historical/fills"

SETTLEMENTS, OWN = "settlements", "own settlements"
"""The parts of settlement rows: of a subaccount by its number, and of the one that the key is locked to."""

ENDED = "finalized"
"""The status of a market that has paid. Others may have a result that is still disputed."""


class Cutoffs(Shape):
    trades_created_ts: Moment  # RFC 3339 despite their names
    market_settled_ts: Moment
    market_positions_last_updated_ts: Moment | None = None  # settlement rows follow it


class EndedMarket(Shape):
    ticker: Text
    status: Text
    result: Label
    updated_time: Moment
    settlement_value_dollars: Price | None = None
    settlement_ts: Moment | None = None

    def resolution(self) -> Resolution:
        """Return how the market ended. What a plain yes or no pays is not always repeated."""
        value = self.settlement_value_dollars
        if value is None:
            value = {"yes": ONE, "no": ZERO}.get(self.result)
        return Resolution(
            ticker=self.ticker, result=self.result, value=value, at=self.settlement_ts or self.updated_time
        )


class EndedMarkets(CursorPage):
    cursor: str | None
    markets: list[object]


ENDED_MARKETS = ListOf(
    name="ended markets",
    path="markets",
    shape=EndedMarket,
    kind=Settlement.kind,
    identity=lambda raw: text_in(raw, "ticker"),
    market=lambda raw: text_in(raw, "ticker") or "",
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One list of the account: where it is, what its rows are, and how they become records."""

    path: str
    model: type[CursorPage]
    listed: ListOf[Any]
    record: Callable[[Any], Record]
    params: Params = ()
    limit: int | None = None  # the usual one
    by_time: bool = True
    may_lack: bool = False


class KalshiHistory:
    """Reads the past of one account. Nothing of it is kept here between two slices."""

    markets_at_once = MARKETS_AT_ONCE

    def __init__(self, source: str, client: HttpClient, allowance: TokenBucket, owners: Owners) -> None:
        self._source = source
        self._owners = owners
        self._client = client
        self._allowance = allowance

    async def cutoff(self) -> datetime | None:
        """Return the newest of the venue's cutoffs: before it something has left the live lists."""
        answer = await Collector(self._client).one_or_none("/historical/cutoff", Cutoffs, tolerate=ABSENT)
        if answer is None:
            return None
        settled = answer.market_positions_last_updated_ts
        return max(answer.trades_created_ts, answer.market_settled_ts, settled or answer.trades_created_ts)

    async def parts(self) -> Sequence[str]:
        """Return the lists to read: cash first, because its beginning tells how long the past is."""
        collector = Collector(self._client)
        await self._allowance.refresh(collector)
        owners = await self._owners.all(collector)
        return (
            "deposits",
            "withdrawals",
            "fills",
            "archived fills",
            *(f"archived fills/{owner.number}" for owner in owners if owner.number and not owner.locked),
            *(f"{OWN if owner.locked else SETTLEMENTS}/{owner.number}" for owner in owners),
        )

    async def slices(self, part: str, bottom: datetime | None, place: str) -> AsyncGenerator[Slice, None]:
        """Yield a list page by page, newest first; the next page is under way while one is kept."""
        await self._allowance.refresh(Collector(self._client))
        sheet = _sheet(self._source, part)
        walk = _Walk(sheet, bottom, datetime.fromisoformat(place) if place else None)
        page = await self._page(walk)
        while True:
            if page is None:
                yield Slice(place=place, missed=1, done=True)
                return
            follow = page.cursor or None
            if follow is None:
                yield walk.slice(page, done=True)
                return
            upcoming = asyncio.ensure_future(self._page(walk, follow))
            try:
                yield walk.slice(page)
                page = await upcoming
            finally:
                if not upcoming.done():
                    upcoming.cancel()
                    with suppress(asyncio.CancelledError):
                        await upcoming
                elif not upcoming.cancelled():
                    upcoming.exception()  # it was not asked for any more, so nobody needs to hear of it

    async def resolutions(self, tickers: Sequence[str]) -> Resolutions:
        """Return how markets ended, by the archive or, for what is not yet in there, the live list."""
        collector = Collector(self._client)
        found: dict[str, EndedMarket] = {}
        for path, lacks in (("/historical/markets", ABSENT), ("/markets", ())):
            rest = [ticker for ticker in tickers if ticker not in found]
            found |= await self._markets(collector, path, rest, lacks)
        ended = {ticker: row.resolution() for ticker, row in found.items() if row.status == ENDED}
        return Resolutions(
            ended=ended,
            unknown=frozenset(tickers) - frozenset(found),
            answers=tuple(collector.answers),
            aside=collector.aside,
        )

    async def _markets(
        self, collector: Collector, path: str, tickers: Sequence[str], lacks: Sequence[int]
    ) -> dict[str, EndedMarket]:
        """Return the markets that a list knows, by ticker."""
        if not tickers:
            return {}
        asked = [("limit", str(PAGE_ROWS)), ("tickers", ",".join(tickers))]
        answer = await collector.one_or_none(path, EndedMarkets, asked, tolerate=lacks)
        # More rows than were asked for would mean that the list was not filtered.
        if answer is not None and answer.cursor and len(answer.markets) > len(tickers):
            raise collector.malformed("markets", "is not the list of the markets that were asked for")
        rows = collector.rows.distinct(ENDED_MARKETS, answer.markets) if answer is not None else []
        wanted = frozenset(tickers)
        return {row.ticker: row for row in rows if row.ticker in wanted}

    async def _page(self, walk: _Walk, cursor: str | None = None) -> _Page | None:
        """Return one page as records; None when this account does not have the list."""
        collector, sheet = Collector(self._client), walk.sheet
        params = walk.params if cursor is None else [*walk.params, ("cursor", cursor)]
        lacks = ABSENT if sheet.may_lack and cursor is None else ()
        answer = await collector.one_or_none(sheet.path, sheet.model, params, tolerate=lacks)
        if answer is None:
            return None
        raw: list[object] = getattr(answer, sheet.listed.path)
        if "cursor" not in answer.model_fields_set and len(raw) >= walk.limit:
            raise collector.malformed("cursor", "is missing")
        rows = collector.rows.distinct(sheet.listed, raw, walk.within)
        records = tuple(sheet.record(row) for row in rows)
        if answer.cursor:
            walk.follow(answer.cursor, collector.malformed)
        return _Page(records, tuple(collector.answers), answer.cursor or "", collector.aside)


@dataclass(frozen=True, slots=True)
class _Page:
    records: tuple[Record, ...]
    answers: tuple[Answer, ...]
    cursor: str
    aside: tuple[Aside, ...]


class _Walk:
    """A reading of one list: what is asked for, the cursors so far, and how far down it is whole."""

    def __init__(self, sheet: Sheet, bottom: datetime | None, place: datetime | None) -> None:
        self.sheet = sheet
        self.place = place
        self.limit = sheet.limit or PAGE_ROWS
        self.within = Bounds(bottom if sheet.by_time else None)
        self.params: list[tuple[str, str]] = [("limit", str(self.limit)), *sheet.params]
        if sheet.by_time and bottom is not None:
            self.params.append(("min_ts", str(floor(bottom.timestamp()))))
        if sheet.by_time and place is not None:
            # The whole second again: its fills may lie on both sides of the place.
            self.params.append(("max_ts", str(floor(place.timestamp()) + 1)))
        self._in_order = sheet.by_time
        self._cursors: set[str] = set()

    def follow(self, cursor: str, complain: Callable[[str, str], Exception]) -> None:
        """Note a cursor. Raises for one that leads back, since following it never ends."""
        if cursor in self._cursors:
            raise complain("cursor", "repeats, so the list would never end")
        if len(self._cursors) >= MOST_PAGES:
            raise complain("cursor", f"goes on after {MOST_PAGES} pages")
        self._cursors.add(cursor)

    def slice(self, page: _Page, *, done: bool = False) -> Slice:
        """Return the page with the place behind it.

        A list that turns out not to be newest first has no place to go on from but the one it had:
        what comes after might belong before. Read again from there it is merely slower.
        """
        times = [record.at for record in page.records]
        if self._in_order and times:
            before = self.place
            # A going on asks for a second again, so its first rows may be newer than the place.
            first = before is None or floor(times[0].timestamp()) <= floor(before.timestamp()) + 1
            self._in_order = first and all(a >= b for a, b in pairwise(times))
            if self._in_order:
                self.place = times[-1] if before is None else min(before, times[-1])
        return Slice(
            records=page.records,
            answers=page.answers,
            place=self.place.isoformat() if self.place else "",
            done=done,
            redundant=self.sheet.path == ARCHIVE and bool(self.sheet.params),
            aside=page.aside,
        )


def _sheet(source: str, part: str) -> Sheet:
    """Return the list that a part is about."""
    name, _, number = part.partition("/")
    which = [("subaccount", number)] if number else []
    match name:
        case "deposits":
            return _movements(
                "/portfolio/deposits", Deposits, DEPOSITS, lambda row: row.record(source, "deposit")
            )
        case "withdrawals":
            return _movements(
                "/portfolio/withdrawals",
                Withdrawals,
                WITHDRAWALS,
                lambda row: row.record(source, "withdrawal"),
            )
        case "fills":
            return Sheet("/portfolio/fills", Fills, FILLS, lambda row: row.record(source))
        case "archived fills":
            return Sheet(ARCHIVE, Fills, FILLS, lambda row: row.record(source), which, may_lack=True)
    # A key that is locked to a subaccount may not name it.
    which = [] if name == OWN else which
    subaccount = int(number)
    return Sheet(
        "/portfolio/settlements",
        Settlements,
        settlements_of(subaccount),
        lambda row: row.record(source, subaccount),
        which,
    )


def _movements(
    path: str, model: type[CursorPage], listed: ListOf[Any], record: Callable[[Any], Record]
) -> Sheet:
    return Sheet(path, model, listed, record, limit=MOVEMENT_ROWS, by_time=False, may_lack=True)
