"""What is set for a Kalshi account."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from exporter.errors import SettingsError
from exporter.settings.fields import LocalPath, Seconds, SocketUrl, Url, VenueSettings
from exporter.settings.section import unreadable
from exporter.sources.definition import Setup

NAME, TITLE = "kalshi", "Kalshi"
BASE_URL = "https://external-api.kalshi.com/trade-api/v2"


class KalshiSettings(VenueSettings):
    """What an account is reached and read by."""

    api_key: SecretStr = Field(
        description="Kalshi key id. The scope `read` suffices.",
        json_schema_extra={"names": ["KALSHI_API_KEY"]},
    )
    private_key: SecretStr | None = Field(
        None,
        description="Kalshi private key, PEM text (RSA or Ed25519).",
        json_schema_extra={"names": ["KALSHI_PRIVATE_KEY"]},
    )
    private_key_path: LocalPath | None = Field(
        None,
        description="File that holds the Kalshi private key.",
        json_schema_extra={"names": ["KALSHI_PRIVATE_KEY_PATH"]},
        validate_default=True,
    )
    base_url: Url = Field(
        BASE_URL,
        description="Kalshi REST address; the demo account has another one.",
        json_schema_extra={"names": ["KALSHI_BASE_URL"]},
    )
    interval_seconds: Seconds = Field(10, description="Time between two readings of Kalshi.")
    live: bool = Field(
        True, description="Hear Kalshi's quotes and fills over its WebSocket, between the readings."
    )
    ws_url: SocketUrl | None = Field(
        None,
        description="Kalshi WebSocket address; that of the REST address's host, when not set.",
        json_schema_extra={"names": ["KALSHI_WS_URL"]},
    )

    @field_validator("private_key_path")
    @classmethod
    def _either(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and info.data.get("private_key") is None:
            raise PydanticCustomError("missing", "the private key is in neither of its settings")
        return value

    @property
    def socket(self) -> str:
        """The WebSocket address: what is set, else the one that belongs to the REST address.

        The venue's own hosts differ in one word; its other hosts, a proxy and a simulator serve both.
        """
        if self.ws_url is not None:
            return self.ws_url
        parts = urlsplit(self.base_url)
        host = parts.netloc
        if host.startswith("external-api."):
            host = host.replace("external-api.", "external-api-ws.", 1)
        before = parts.path.rstrip("/").removesuffix("/trade-api/v2")
        return f"{'wss' if parts.scheme == 'https' else 'ws'}://{host}{before}/trade-api/ws/v2"

    def pem(self, setup: Setup) -> str:
        """Return the private key's text. Raises SettingsError when its file cannot be read."""
        if self.private_key is not None:
            return self.private_key.get_secret_value()
        assert self.private_key_path is not None
        try:
            return self.private_key_path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                [
                    f"{setup.setting('private_key_path')} names {self.private_key_path}, which cannot be read"
                    f" ({unreadable(error)}): check the path and its permissions."
                ]
            ) from error
