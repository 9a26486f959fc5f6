"""Sales and refunds of John's API, as records. Everything particular to this contract stays in this file.

Source: docs/sales-api.yaml (our own contract).
Units:  decimal strings of dollars; gross and refunds exclude tax, every amount is positive.
Quirk:  a list goes by the time of the last change, so a sale that changes while we read appears twice:
        the later one counts, and of two of one moment the one that is listed later. Most shops state a refund
        with the tax that goes back with it, so that it may exceed the price.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
from pydantic import SecretStr

from exporter.errors import OddRow, SourceMalformed
from exporter.records import Aside, Record, Refund, Sale
from exporter.sources.contract import Reading, Window
from exporter.sources.credential import usable
from exporter.sources.http import Endpoint, HttpClient, Observer
from exporter.sources.listing import Bounds, ListOf, text_in
from exporter.sources.paging import Collector, Params, room_for
from exporter.sources.sales.settings import NAME, TITLE
from exporter.sources.shapes import Label, Moment, MoreThanZero, NoLessThanZero, Shape, Text, parse_time

PATH = "/v1/sales"
HOUR = timedelta(hours=1)
PAGE_ROWS = 500
REQUESTS_PER_SECOND = 5.0  # John runs one small server
REVIEW = timedelta(days=3)
"""How much is asked for once more each hour: a list that lags shows a change when it has shown later ones."""

AHEAD = timedelta(minutes=1)
"""How far a change may be dated ahead of the shop's own clock, which is stated in whole seconds, before that
is a contradiction."""

HINTS = {401: "check the token", 403: "check the token", 404: "check the base URL, it ends before /v1/sales"}


class RefundRow(Shape):
    id: Text
    refunded_at: Moment
    amount: MoreThanZero


class SaleRow(Shape):
    id: Text
    created_at: Moment
    updated_at: Moment
    status: Literal["pending", "paid", "void"]
    gross: NoLessThanZero
    fee: NoLessThanZero
    tax: NoLessThanZero
    currency: Literal["USD"]
    customer: Label
    product: Label
    refunds: list[RefundRow]

    def check(self) -> None:
        if len({refund.id for refund in self.refunds}) < len(self.refunds):
            raise OddRow("refunds", "names one refund twice")

    def record(self, source: str) -> Sale:
        """Return the sale with its refunds."""
        return Sale(
            source=source,
            sale_id=self.id,
            at=self.created_at,
            updated_at=self.updated_at,
            status=self.status,
            gross=self.gross,
            fee=self.fee,
            tax=self.tax,
            customer=self.customer,
            product=self.product,
            refunds=tuple(Refund(refund_id=r.id, amount=r.amount, at=r.refunded_at) for r in self.refunds),
        )


class SalesPage(Shape):
    sales: list[object]
    next_cursor: Text | None


SALES = ListOf(
    name="sales",
    path="sales",
    shape=SaleRow,
    kind=Sale.kind,
    identity=lambda raw: text_in(raw, "id"),
    # What happened to a sale happened before its last change; and the list goes by it.
    times=(("updated_at", parse_time),),
)


class Sales:
    """Reads one shop.

    `clock` (aware UTC) is only used to measure the shop's clock; every window is an argument.
    Raises SettingsError when the token cannot be one.
    """

    def __init__(
        self,
        base_url: str,
        token: SecretStr | str,
        *,
        name: str = NAME,
        title: str = TITLE,
        clock: Callable[[], datetime],
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        interval: timedelta = timedelta(seconds=30),
        overlap: timedelta = timedelta(hours=1),
        freshness: timedelta = timedelta(minutes=5),
    ) -> None:
        self.name = name
        self.interval, self.overlap, self.freshness = interval, overlap, freshness
        secret = usable(token, "The sales API token")
        endpoint = Endpoint(
            source=name,
            title=title,
            base_url=base_url,
            requests=REQUESTS_PER_SECOND,
            per_seconds=1.0,
            hints=HINTS,
        )
        self.client = HttpClient(
            endpoint,
            lambda method, path: {"Authorization": f"Bearer {secret.get_secret_value()}"},
            clock,
            observer=observer,
            transport=transport,
            secrets=lambda: (secret.get_secret_value(),),
        )

    def __repr__(self) -> str:
        return f"<Sales {self.client!r}>"

    async def aclose(self) -> None:
        await self.client.aclose()

    async def fetch(self, window: Window) -> Reading:
        """Return every sale that changed since the window's start, and once an hour since REVIEW before."""
        collector = Collector(self.client, room_for(window))
        start = window.start
        if start is not None and window.begins(HOUR):
            start -= REVIEW
        since = [] if start is None else [("updated_since", _rfc3339(start))]
        pages = await collector.pages(
            PATH,
            SalesPage,
            [*since, ("limit", str(PAGE_ROWS))],
            cursor="cursor",
            field="next_cursor",
            follow=lambda page: page.next_cursor,
        )
        within = Bounds(start, window.end)
        rows = latest(collector.rows.read(SALES, (row for page in pages for row in page.sales), within))
        collector.went_through("sales", start)
        return Reading(
            source=self.name,
            as_of=window.end,
            records=tuple(row.record(self.name) for row in rows),
            answers=tuple(collector.answers),
            skew=self.client.skew,
            troubles=self._contradiction(rows),
            aside=collector.aside,
            listed=tuple(collector.listed),
        )

    def _contradiction(self, rows: Iterable[SaleRow]) -> tuple[SourceMalformed, ...]:
        """Return what is wrong with a change that is dated ahead of the shop's own clock."""
        newest = max(rows, key=lambda row: row.updated_at, default=None)
        if newest is None or self.client.skew is None:
            return ()
        there = self.client.now() + self.client.skew
        if newest.updated_at - there <= AHEAD:
            return ()
        sentence = (
            f"{self.client.title} dates the change of a sale {_rfc3339(newest.updated_at)}, "
            f"and its own clock says {_rfc3339(there)}: one of them is wrong."
        )
        return (SourceMalformed(self.name, "sales.updated_at", sentence),)

    def reread(self, aside: Aside) -> Sequence[Record]:
        """Return the sale of a row that was set aside, as it is read now."""
        return [SALES.again(aside).record(aside.source)]

    async def probe(self) -> str:
        """Return that the shop answers; one sale is asked for."""
        params: Params = [("limit", "1")]
        await Collector(self.client).one(PATH, SalesPage, params)
        return f"{self.client.title} answers."


def latest(rows: Iterable[SaleRow]) -> list[SaleRow]:
    """Return each sale once, as it was last changed; of two truths of one moment the later one."""
    kept: dict[str, SaleRow] = {}
    for row in rows:
        known = kept.get(row.id)
        if known is None or row.updated_at >= known.updated_at:
            kept[row.id] = row
    return list(kept.values())


def _rfc3339(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
