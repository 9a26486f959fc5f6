"""Harbor: an exchange that answers with its whole account at once.

Units:  dollars and contracts as decimal strings; times in RFC 3339.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from exporter.records import Balance, Fill, Mark, Observation, Record, Settlement, VenuePosition
from exporter.settings.fields import Seconds, Url, VenueSettings
from exporter.sources.contract import Reading, Window
from exporter.sources.definition import Definition, Setup
from exporter.sources.http import Endpoint, HttpClient
from exporter.sources.paging import Collector
from exporter.sources.shapes import Dollars, Moment, MoreThanZero, NoLessThanZero, Price, Shape, Text


class HarborSettings(VenueSettings):
    """How one account is reached."""

    base_url: Url = Field(description="Address of the Harbor exchange.")
    token: SecretStr = Field(description="Read token of the Harbor account.")
    interval_seconds: Seconds = Field(5, description="Time between two readings of Harbor.")


class Trade(Shape):
    id: Text
    market: Text
    side: Literal["yes", "no"]
    contracts: MoreThanZero
    price: Price
    fee: NoLessThanZero
    at: Moment


class Settled(Shape):
    market: Text
    result: Literal["yes", "no"]
    yes: NoLessThanZero
    yes_cost: NoLessThanZero
    no: NoLessThanZero
    no_cost: NoLessThanZero
    paid: NoLessThanZero
    at: Moment


class Held(Shape):
    market: Text
    contracts: Dollars
    cost: NoLessThanZero
    realised: Dollars
    fees: NoLessThanZero
    bid: Price
    ask: Price


class Account(Shape):
    trades: list[Trade]
    settled: list[Settled]
    held: list[Held]
    cash: Dollars
    value: NoLessThanZero


class Harbor:
    """Reads one account."""

    overlap = timedelta(hours=1)

    def __init__(self, settings: HarborSettings, setup: Setup) -> None:
        self.name, self.interval, self.freshness = setup.name, setup.interval, setup.freshness
        token = settings.token.get_secret_value
        self.client = HttpClient(
            Endpoint(source=setup.name, title=setup.title, base_url=settings.base_url, requests=5.0),
            lambda method, path: {"Authorization": f"Bearer {token()}"},
            setup.clock,
            observer=setup.observer,
            secrets=lambda: (token(),),
        )

    async def fetch(self, window: Window) -> Reading:
        """Return the whole account: it is small, and what is known already changes nothing."""
        collected = Collector(self.client)
        account = await collected.one("/v1/account", Account)
        records: list[Record] = [self._fill(trade) for trade in account.trades]
        records += [self._settlement(settled) for settled in account.settled]
        observations: list[Observation] = [
            Balance(
                source=self.name,
                subaccount=0,
                cash=account.cash,
                portfolio_value=account.value,
                at=window.end,
            )
        ]
        for held in account.held:
            observations += [self._position(held, window), self._mark(held, window)]
        return Reading(
            source=self.name,
            as_of=window.end,
            records=tuple(records),
            observations=tuple(observations),
            answers=tuple(collected.answers),
            skew=self.client.skew,
        )

    async def probe(self) -> str:
        """Return that the exchange answers."""
        account = await Collector(self.client).one("/v1/account", Account)
        return f"{self.client.title} answers: cash {account.cash} USD."

    async def aclose(self) -> None:
        await self.client.aclose()

    def _fill(self, trade: Trade) -> Fill:
        return Fill(
            source=self.name,
            fill_id=trade.id,
            ticker=trade.market,
            subaccount=0,
            side=trade.side,
            count=trade.contracts,
            price=trade.price,
            fee=trade.fee,
            at=trade.at,
        )

    def _settlement(self, settled: Settled) -> Settlement:
        return Settlement(
            source=self.name,
            ticker=settled.market,
            subaccount=0,
            result=settled.result,
            yes_count=settled.yes,
            yes_cost=settled.yes_cost,
            no_count=settled.no,
            no_cost=settled.no_cost,
            payout=settled.paid,
            value=None,
            fee=settled.paid * 0,
            at=settled.at,
        )

    def _position(self, held: Held, window: Window) -> VenuePosition:
        return VenuePosition(
            source=self.name,
            ticker=held.market,
            subaccount=0,
            position=held.contracts,
            exposure=held.cost,
            realised=held.realised,
            fees=held.fees,
            at=window.end,
        )

    def _mark(self, held: Held, window: Window) -> Mark:
        return Mark(
            source=self.name,
            ticker=held.market,
            yes_bid=held.bid,
            yes_ask=held.ask,
            last=None,
            settled_value=None,
            at=window.end,
        )


HARBOR = Definition(
    name="harbor",
    title="Harbor",
    kind="venue",
    settings=HarborSettings,
    build=Harbor,
    freshness=timedelta(minutes=1),
)
