"""The two kinds of lines that everything is made of: tokens that were used, and money that was billed.

Units:  tokens are integers; amounts are Decimal cents, as the cost report serves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CostLine:
    """One billed line. (day, workspace, description) is its identity; parsed fields may repeat."""

    amount: Decimal
    description: str
    cost_type: str = "tokens"
    workspace_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    token_type: str | None = None
    context_window: str | None = None
    inference_geo: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used within one minute by one key and model.

    `long_prompt` is true above 100k tokens: the price depends on it, yet no report shows it.
    """

    minute: datetime
    model: str
    uncached_input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0
    web_searches: int = 0
    api_key_id: str | None = None
    workspace_id: str | None = None
    account_id: str | None = None
    service_account_id: str | None = None
    service_tier: str = "standard"
    context_window: str = "0-200k"
    inference_geo: str = "global"
    speed: str = "standard"
    long_prompt: bool = False
    visible_at: datetime | None = None  # None: at once
