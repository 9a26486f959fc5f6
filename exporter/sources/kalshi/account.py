"""Kalshi fills, settlements, cash movements, positions and quotes, as records.

Source: Kalshi trade API v2, REST (read 2026-11).
Units:  records hold Decimal dollars and contracts; see `rows` for what comes in.
History: a reading covers what the live lists still hold; all that was before is `history`.
Quirk:  an omitted `subaccount` means all of them for fills and settlements, but the primary one for
        balance and positions. Settlement rows carry no subaccount, so each one is walked by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from math import floor
from typing import TypeVar

import httpx
from pydantic import SecretStr

from exporter.errors import SourceError
from exporter.money import plain
from exporter.records import VENUE_POSITIONS, Aside, Mark, Observation, Record, subaccount_of, ticker_of
from exporter.sources.contract import AskedAgain, Reading, Window
from exporter.sources.credential import usable
from exporter.sources.http import Endpoint, HttpClient, Observer
from exporter.sources.kalshi.history import ARCHIVE, KalshiHistory
from exporter.sources.kalshi.key import load_key, signer
from exporter.sources.kalshi.limits import TokenBucket
from exporter.sources.kalshi.owners import ABSENT, Owners
from exporter.sources.kalshi.rows import (
    DEPOSITS,
    FILLS,
    INSTANCE_TRANSFERS,
    MARKETS,
    WITHDRAWALS,
    ApiKeys,
    BalanceAnswer,
    CursorPage,
    Deposits,
    Fills,
    InstanceTransfers,
    MarketRow,
    Markets,
    PositionRow,
    Positions,
    SettlementRow,
    Settlements,
    Withdrawals,
    positions_of,
    reread,
    settlements_of,
)
from exporter.sources.kalshi.settings import BASE_URL, NAME, TITLE
from exporter.sources.listing import ANY_TIME, Bounds, ListOf, Row
from exporter.sources.paging import Collector, Params, room_for
from exporter.sources.redaction import REMOVED

PAGE_ROWS = 1_000
MOVEMENT_ROWS = 500  # the most the lists of cash movements take
TICKERS_AT_ONCE = 100  # a hundred tickers keep the URL under 8 kB, which every proxy lets through
HINTS = {
    401: "check that key id and private key belong together and to this host, and that the clock is right",
    403: "give the key the scope `read`",
}


Page = TypeVar("Page", bound=CursorPage)


class Kalshi:
    """Reads one account. The private key lives in the closure that signs, nowhere else.

    `clock` (aware UTC) is used to sign and to measure the venue's clock; every window is an argument.
    Raises SettingsError when the key cannot be read.
    """

    def __init__(
        self,
        key_id: str,
        private_key_pem: SecretStr | str,
        *,
        name: str = NAME,
        title: str = TITLE,
        clock: Callable[[], datetime],
        base_url: str = BASE_URL,
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        interval: timedelta = timedelta(seconds=10),
        overlap: timedelta = timedelta(hours=1),
        freshness: timedelta = timedelta(seconds=60),
    ) -> None:
        self.name = name
        self.interval, self.overlap, self.freshness = interval, overlap, freshness
        secret_id = usable(key_id, "The Kalshi key id")
        identity = secret_id.get_secret_value
        self.allowance = TokenBucket()
        endpoint = Endpoint(
            source=name, title=title, base_url=base_url, pace=self.allowance.spend, hints=HINTS
        )
        self.client = HttpClient(
            endpoint,
            signer(identity(), load_key(private_key_pem), clock),
            clock,
            observer=observer,
            transport=transport,
            secrets=lambda: (identity(),),
        )
        self.owners = Owners()
        self.history = KalshiHistory(self.name, self.client, self.allowance, self.owners)

    def __repr__(self) -> str:
        return f"<Kalshi {self.client!r}>"

    async def aclose(self) -> None:
        await self.client.aclose()

    async def fetch(self, window: Window) -> Reading:
        """Return everything of the window, and how the account stands now.

        Fills come before positions and positions before settlements, so that a market which moves
        while we read is at worst there twice, never nowhere: its fill has a position with a mark, or
        it has settled.
        """
        collector = Collector(self.client, room_for(window))
        span, within = _span(window), Bounds(window.start, window.end)
        fills = await self._fills(collector, "/portfolio/fills", span)
        records: list[Record] = []
        observations: list[Observation] = []
        opened: set[str] = set()
        for owner in await self.owners.all(collector):
            which, number = owner.params, owner.number
            positions = await self._positions(collector, which, number)
            observations += [row.observation(self.name, number) for row in positions]
            opened |= {row.ticker for row in positions if row.position_fp}
            settlements = await self._settlements(collector, [*which, *span], number, within)
            records += [row.record(self.name, number) for row in settlements]
            balance = await collector.one("/portfolio/balance", BalanceAnswer, which)
            observations.append(balance.observation(self.name, number))
        known = collector.rows.distinct(FILLS, fills, within)
        records += [row.record(self.name) for row in known]
        records += await self._transfers(collector, Bounds(None, window.end))
        # A position that cannot be read may be open: its market is known by the row's ticker all the same.
        opened |= {ticker_of(each.scope) for each in collector.aside if each.listed == VENUE_POSITIONS} - {""}
        observations += await self._marks(collector, sorted(opened), window.end)
        collector.went_through("fills", window.start)
        if not any(each.listed == "subaccounts" for each in collector.aside):
            collector.went_through("settlements", window.start)
        skew = self.client.skew
        await self.allowance.refresh(collector)
        return Reading(
            source=self.name,
            as_of=window.end,
            records=tuple(records),
            observations=tuple(observations),
            answers=tuple(collector.answers),
            skew=skew,
            aside=collector.aside,
            listed=tuple(collector.listed),
        )

    def reread(self, aside: Aside) -> Sequence[Record]:
        """Return what a row that was set aside is read as now."""
        return reread(aside)

    async def ask_again(self, scopes: Sequence[str], at: datetime) -> AskedAgain:
        """Return every fill and settlement of some markets, from the live lists and the archive."""
        collector = Collector(self.client)
        tickers = list(dict.fromkeys(ticker_of(scope) for scope in scopes))
        rows: list[object] = []
        for start in range(0, len(tickers), TICKERS_AT_ONCE):
            asked = [("ticker", ",".join(tickers[start : start + TICKERS_AT_ONCE]))]
            rows += await self._fills(collector, "/portfolio/fills", asked)
        kept_back: set[str] = set()
        for ticker in tickers:
            rows += await self._fills(collector, ARCHIVE, [("ticker", ticker)], tolerate=ABSENT)
            if collector.answers[-1].status in ABSENT:
                kept_back.add(ticker)
        known = collector.rows.distinct(FILLS, rows)
        records: list[Record] = [row.record(self.name) for row in known if row.ticker in tickers]
        owners = {owner.number: owner for owner in await self.owners.all(collector)}
        for scope in scopes:
            owner = owners.get(subaccount_of(scope))
            if owner is None:
                continue
            params = [*owner.params, ("ticker", ticker_of(scope))]
            listed = await self._settlements(collector, params, owner.number, ANY_TIME)
            settled = (row.record(self.name, owner.number) for row in listed)
            records += [record for record in settled if record.scope == scope]
        # A row that is set aside may be one that seems to be gone.
        kept_back |= set(tickers) if collector.aside else set()
        whole = frozenset(scope for scope in scopes if ticker_of(scope) not in kept_back)
        answers, aside = tuple(collector.answers), collector.aside
        reading = Reading(source=self.name, as_of=at, records=tuple(records), answers=answers, aside=aside)
        return AskedAgain(reading=reading, whole=whole)

    async def probe(self) -> str:
        """Return how the account answers, and whether its key could do more than we need."""
        balance = await Collector(self.client).one("/portfolio/balance", BalanceAnswer)
        sentence = f"{self.client.title} answers: cash {plain(balance.balance_dollars)} USD."
        if await self._can_trade():
            sentence += " This key may also trade; a key with the scope `read` is enough."
        return sentence

    async def _can_trade(self) -> bool:
        """Say whether our key is known to have a scope that writes; not knowing is no reason to fail."""
        try:
            answer = await Collector(self.client).one_or_none("/api_keys", ApiKeys, tolerate=ABSENT)
        except SourceError:
            return False
        keys = answer.api_keys if answer else []
        ours = [key for key in keys if key.api_key_id == REMOVED]  # our id was cut out of the answer
        return any(scope in ("write", "write::trade") for key in ours for scope in key.scopes or ())

    async def _fills(
        self, collector: Collector, path: str, span: Params, *, tolerate: Collection[int] = ()
    ) -> list[object]:
        return await _rows(collector, path, Fills, lambda p: p.fills, span, tolerate=tolerate)

    async def _settlements(
        self, collector: Collector, params: Params, subaccount: int, within: Bounds
    ) -> list[SettlementRow]:
        rows = await _rows(collector, "/portfolio/settlements", Settlements, lambda p: p.settlements, params)
        return collector.rows.distinct(settlements_of(subaccount), rows, within)

    async def _positions(self, collector: Collector, params: Params, subaccount: int) -> list[PositionRow]:
        rows = await _rows(collector, "/portfolio/positions", Positions, lambda p: p.market_positions, params)
        collector.went_through(VENUE_POSITIONS)
        return collector.rows.distinct(positions_of(subaccount), rows)

    async def _transfers(self, collector: Collector, within: Bounds) -> list[Record]:
        """Return the cash on its way in and out, however it stands; none when this key may not see it."""
        came = await self._moved(collector, "/portfolio/deposits", Deposits, lambda p: p.deposits)
        left = await self._moved(collector, "/portfolio/withdrawals", Withdrawals, lambda p: p.withdrawals)
        crossed = await self._moved(
            collector,
            "/portfolio/intra_exchange_instance_transfers",
            InstanceTransfers,
            lambda p: p.transfers,
        )
        moved: list[Record | None] = [
            row.record(self.name, "deposit") for row in _each(collector, DEPOSITS, came, within)
        ]
        moved += [row.record(self.name, "withdrawal") for row in _each(collector, WITHDRAWALS, left, within)]
        moved += [row.record(self.name) for row in _each(collector, INSTANCE_TRANSFERS, crossed, within)]
        return [transfer for transfer in moved if transfer is not None]

    async def _moved(
        self,
        collector: Collector,
        path: str,
        model: type[Page],
        rows_of: Callable[[Page], list[object]],
    ) -> list[object]:
        return await _rows(collector, path, model, rows_of, limit=MOVEMENT_ROWS, tolerate=ABSENT)

    async def _marks(self, collector: Collector, tickers: Sequence[str], at: datetime) -> list[Mark]:
        """Return the quotes of `tickers`; a market the venue leaves out has no mark, which is not zero."""
        found: list[MarketRow] = []
        for start in range(0, len(tickers), TICKERS_AT_ONCE):
            chunk = tickers[start : start + TICKERS_AT_ONCE]
            rows = await _rows(
                collector, "/markets", Markets, lambda p: p.markets, [("tickers", ",".join(chunk))]
            )
            found += [row for row in collector.rows.distinct(MARKETS, rows) if row.ticker in chunk]
        collector.went_through("markets")
        return [row.observation(self.name, at) for row in found]


def _each(
    collector: Collector, listed: ListOf[Row], rows: Sequence[object], within: Bounds = ANY_TIME
) -> list[Row]:
    """Return the rows of a list that has all there ever were."""
    collector.went_through(listed.name)
    return collector.rows.distinct(listed, rows, within)


async def _rows(
    collector: Collector,
    path: str,
    model: type[Page],
    rows_of: Callable[[Page], list[object]],
    params: Params = (),
    *,
    limit: int = PAGE_ROWS,
    tolerate: Collection[int] = (),
) -> list[object]:
    """Return all rows of a list, as they came."""

    def follow(page: Page) -> str | None:
        if "cursor" not in page.model_fields_set and len(rows_of(page)) >= limit:
            # Some lists may leave out the cursor on their last page. A full page without one is more
            # likely a cursor that got another name, and the rest of the list would be lost.
            raise collector.malformed("cursor", "is missing")
        return page.cursor or None

    pages = await collector.pages(
        path,
        model,
        [("limit", str(limit)), *params],
        cursor="cursor",
        field="cursor",
        follow=follow,
        tolerate=tolerate,
    )
    return [row for page in pages for row in rows_of(page)]


def _span(window: Window) -> Params:
    """Return where the window starts in whole Unix seconds, rounded down: no document says if it counts.

    It has no end: that would be by our clock, and what is newer by the venue's would wait for it.
    """
    return [] if window.start is None else [("min_ts", str(floor(window.start.timestamp())))]
