"""Kalshi as a source: one trading account."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from exporter.sources.definition import Definition, Listening, Setup
from exporter.sources.kalshi.settings import NAME, TITLE, KalshiSettings

if TYPE_CHECKING:
    from exporter.sources.kalshi.account import Kalshi
    from exporter.sources.kalshi.feed import KalshiLive


def build(settings: KalshiSettings, setup: Setup) -> Kalshi:
    """Return the source of one account."""
    from exporter.sources.kalshi.account import Kalshi

    return Kalshi(
        settings.api_key.get_secret_value(),
        settings.pem(setup),
        name=setup.name,
        title=setup.title,
        clock=setup.clock,
        base_url=settings.base_url,
        observer=setup.observer,
        interval=setup.interval,
        freshness=setup.freshness,
    )


def live(settings: KalshiSettings, setup: Setup, listening: Listening) -> KalshiLive | None:
    """Return the account's live feed; None where it is switched off."""
    from exporter.sources.kalshi.feed import KalshiLive

    if not settings.live:
        return None
    return KalshiLive(
        settings.socket,
        settings.api_key.get_secret_value(),
        settings.pem(setup),
        setup.clock,
        listening.observer,
        listening.tickers,
        name=setup.name,
    )


KALSHI = Definition(
    name=NAME,
    title=TITLE,
    kind="venue",
    settings=KalshiSettings,
    build=build,
    freshness=timedelta(seconds=60),
    live=live,
    simulator={"interval_seconds": "1"},
)
