"""Anthropic: an organization as records, from the stable reports or the newer analytics, and list prices."""

from exporter.sources.anthropic.organization import Anthropic
from exporter.sources.anthropic.pricing import Override, Prices

__all__ = ["Anthropic", "Override", "Prices"]
