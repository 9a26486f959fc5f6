"""Kalshi: an account as records (`account`), its past (`history`), and its quotes as they move (`feed`)."""

from exporter.sources.kalshi.account import Kalshi
from exporter.sources.kalshi.feed import KalshiLive

__all__ = ["Kalshi", "KalshiLive"]
