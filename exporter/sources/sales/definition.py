"""The sales API as a source: one shop."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from exporter.sources.definition import Definition, Setup
from exporter.sources.sales.settings import NAME, TITLE, SalesSettings

if TYPE_CHECKING:
    from exporter.sources.sales.shop import Sales


def build(settings: SalesSettings, setup: Setup) -> Sales:
    """Return the source of one shop."""
    from exporter.sources.sales.shop import Sales

    return Sales(
        settings.base_url,
        settings.token,
        name=setup.name,
        title=setup.title,
        clock=setup.clock,
        observer=setup.observer,
        interval=setup.interval,
        freshness=setup.freshness,
    )


SALES = Definition(
    name=NAME,
    title=TITLE,
    kind="sales",
    settings=SalesSettings,
    build=build,
    freshness=timedelta(minutes=5),
    simulator={"interval_seconds": "2"},
)
