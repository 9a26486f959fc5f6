"""What is set for an organization, list prices included."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from exporter.settings.entries import calendar_day
from exporter.settings.fields import Seconds, Semicolons, SourceSettings, Url

NAME, TITLE = "anthropic", "Anthropic"
BASE_URL = "https://api.anthropic.com"
PRICE_KINDS = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "all")
_PRICE = re.compile(r"\d{1,5}(\.\d{1,4})?", re.ASCII)

FamilyName = Literal["auto", "reports", "analytics"]


class StatedPrice(NamedTuple):
    """A list price that the user states: dollars per million tokens of a kind, from a UTC day on."""

    model: str
    kind: str
    since: date
    price: Decimal


def stated_price(text: Any) -> StatedPrice:
    """Read `claude-nova-1 output 2026-11-01 30`."""
    words = str(text).split()
    if len(words) != 4:
        raise ValueError(f'"{text}" is not model, kind, first day and dollars per million tokens')
    model, kind, since, price = words
    if kind not in PRICE_KINDS:
        raise ValueError(f'"{kind}" in "{text}" is none of {", ".join(PRICE_KINDS)}')
    day = calendar_day(since)
    if not _PRICE.fullmatch(price) or not Decimal(price):
        raise ValueError(f'"{price}" in "{text}" is no price above zero with at most four decimals')
    return StatedPrice(model, kind, day, Decimal(price))


Price = Annotated[StatedPrice, BeforeValidator(stated_price)]


class AnthropicSettings(SourceSettings):
    """What an organization is reached and read by."""

    api_key: SecretStr = Field(
        description="Anthropic Admin key (sk-ant-admin...), or another credential that may read costs.",
        json_schema_extra={"names": ["ANTHROPIC_API_KEY"]},
    )
    base_url: Url = Field(
        BASE_URL, description="Anthropic address.", json_schema_extra={"names": ["ANTHROPIC_BASE_URL"]}
    )
    interval_seconds: Seconds = Field(60, description="Time between two readings of Anthropic.")
    family: FamilyName = Field(
        "auto",
        description="Which of Anthropic's reports are read: the stable `reports`, the beta `analytics`, or "
        "`auto` for what the key may read.",
    )
    prices: Annotated[tuple[Price, ...], Semicolons] = Field(
        (),
        description="List prices that go before the published ones: entries of model, kind (or `all`), first "
        "UTC day and dollars per million tokens, separated by `;`.",
    )

    @field_validator("prices")
    @classmethod
    def _once(cls, value: tuple[StatedPrice, ...]) -> tuple[StatedPrice, ...]:
        said = [one[:3] for one in value]
        for model, kind, since in said:
            if said.count((model, kind, since)) > 1:
                raise ValueError(f"it states the price of {model} {kind} from {since} on more than once")
        return value
