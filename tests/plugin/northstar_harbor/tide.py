"""Tide: an API that bills each finished UTC day by model.

Units:  dollars as decimal strings.
"""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import Field, SecretStr

from exporter.records import BilledDay, BilledLine
from exporter.settings.fields import Seconds, SourceSettings, Url
from exporter.sources.contract import Reading, Window
from exporter.sources.definition import Definition, Setup
from exporter.sources.http import Endpoint, HttpClient
from exporter.sources.paging import Collector
from exporter.sources.shapes import NoLessThanZero, Shape, Text


class TideSettings(SourceSettings):
    """How the bill is reached."""

    base_url: Url = Field(description="Address of the Tide API.")
    key: SecretStr = Field(description="Key that may read the bill of Tide.")
    interval_seconds: Seconds = Field(30, description="Time between two readings of Tide.")


class Day(Shape):
    day: Text
    models: dict[str, NoLessThanZero]


class Bill(Shape):
    days: list[Day]


class Tide:
    """Reads one bill."""

    overlap = timedelta(days=3)

    def __init__(self, settings: TideSettings, setup: Setup) -> None:
        self.name, self.interval, self.freshness = setup.name, setup.interval, setup.freshness
        key = settings.key.get_secret_value
        self.client = HttpClient(
            Endpoint(source=setup.name, title=setup.title, base_url=settings.base_url, requests=5.0),
            lambda method, path: {"X-Key": key()},
            setup.clock,
            observer=setup.observer,
            secrets=lambda: (key(),),
        )

    async def fetch(self, window: Window) -> Reading:
        """Return all days of the bill."""
        collected = Collector(self.client)
        bill = await collected.one("/v1/bill", Bill)
        return Reading(
            source=self.name,
            as_of=window.end,
            records=tuple(self._billed(day) for day in bill.days),
            answers=tuple(collected.answers),
            skew=self.client.skew,
        )

    async def probe(self) -> str:
        """Return how many days are billed."""
        bill = await Collector(self.client).one("/v1/bill", Bill)
        return f"{self.client.title} answers: {len(bill.days)} days are billed."

    async def aclose(self) -> None:
        await self.client.aclose()

    def _billed(self, stated: Day) -> BilledDay:
        return BilledDay(
            source=self.name,
            day=date.fromisoformat(stated.day),
            lines=tuple(
                BilledLine(
                    workspace="default",
                    description=model,
                    amount=amount,
                    cost_type="tokens",
                    model=model,
                    token_type="output_tokens",
                )
                for model, amount in stated.models.items()
            ),
        )


TIDE = Definition(
    name="tide",
    title="Tide",
    kind="api_cost",
    settings=TideSettings,
    build=Tide,
    freshness=timedelta(minutes=5),
)
