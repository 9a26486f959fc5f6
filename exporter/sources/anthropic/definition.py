"""Anthropic as a source: one organization's bill and usage."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from exporter.sources.anthropic.settings import NAME, TITLE, AnthropicSettings
from exporter.sources.definition import Definition, Setup

if TYPE_CHECKING:
    from exporter.sources.anthropic.organization import Anthropic


def build(settings: AnthropicSettings, setup: Setup) -> Anthropic:
    """Return the source of one organization."""
    from exporter.sources.anthropic.organization import Anthropic
    from exporter.sources.anthropic.pricing import Override, Prices

    return Anthropic(
        settings.api_key,
        name=setup.name,
        title=setup.title,
        clock=setup.clock,
        base_url=settings.base_url,
        family=settings.family,
        prices=Prices([Override(*stated) for stated in settings.prices]),
        observer=setup.observer,
        interval=setup.interval,
        freshness=setup.freshness,
    )


ANTHROPIC = Definition(
    name=NAME,
    title=TITLE,
    kind="api_cost",
    settings=AnthropicSettings,
    build=build,
    freshness=timedelta(minutes=15),
    simulator={"interval_seconds": "5"},
)
