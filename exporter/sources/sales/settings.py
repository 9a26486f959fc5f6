"""What is set for a shop."""

from __future__ import annotations

from pydantic import Field, SecretStr

from exporter.settings.fields import Seconds, SourceSettings, Url

NAME, TITLE = "sales", "Sales"


class SalesSettings(SourceSettings):
    """What a shop is reached and read by."""

    base_url: Url = Field(
        description="Address of the sales API, without /v1/sales.",
        json_schema_extra={"names": ["JOHN_API_BASE_URL", "NORTHSTAR_JOHN_API_BASE_URL"]},
    )
    token: SecretStr = Field(
        description="Bearer token of the sales API.",
        json_schema_extra={"names": ["JOHN_API_TOKEN", "NORTHSTAR_JOHN_API_TOKEN"]},
    )
    interval_seconds: Seconds = Field(30, description="Time between two readings of the sales API.")
