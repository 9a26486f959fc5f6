"""Small clients of the simulated services, written from the upstream documents alone."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporter.simulator.keys import (
    ADMIN_KEY,
    ED25519_FILE,
    ED25519_KEY_ID,
    RSA_FILE,
    RSA_KEY_ID,
    SALES_TOKEN,
    PrivateKey,
)
from exporter.simulator.world import World

VENUE = "/trade-api/v2"
ORGANIZATION = "/v1/organizations"


class Direct:
    """An HTTP client that calls the app without a socket; one event loop for its whole life."""

    def __init__(self, app: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator")

    def get(self, url: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
        """GET a path."""
        return self.request("GET", url, headers=headers)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send any request."""
        return self._runner.run(self._client.request(method, url, **options))

    def close(self) -> None:
        """End the event loop."""
        self._runner.close()


@cache
def private_key(path: Path) -> PrivateKey:
    """Return the key in a PEM file; reading an RSA key takes 30 ms, so each is read once."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, PrivateKey)
    return key


class Caller:
    """Asks the three services as their documents say."""

    def __init__(self, http: Direct, folder: Path, world: World) -> None:
        self.http, self.folder, self.world = http, folder, world

    def sign(self, path: str, *, method: str = "GET", ed25519: bool = False) -> dict[str, str]:
        """Return the three headers of a signed request for `path`, at the world's time."""
        stamp = str(int(self.world.clock().timestamp() * 1000))
        message = f"{stamp}{method}{path}".encode()
        key = private_key(self.folder / (ED25519_FILE if ed25519 else RSA_FILE))
        if isinstance(key, Ed25519PrivateKey):
            signature = key.sign(message)
        else:
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            signature = key.sign(message, pss, hashes.SHA256())
        return {
            "KALSHI-ACCESS-KEY": ED25519_KEY_ID if ed25519 else RSA_KEY_ID,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    def venue(self, path: str, **query: Any) -> Any:
        """GET a venue path, signed."""
        return self.http.get(_url(VENUE + path, query), headers=self.sign(VENUE + path))

    def organization(self, path: str, key: str = ADMIN_KEY, **query: Any) -> Any:
        """GET an organization path; a list in `query` becomes `name[]` repeated."""
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        return self.http.get(_url(ORGANIZATION + path, query), headers=headers)

    def sales(self, token: str = SALES_TOKEN, **query: Any) -> Any:
        """GET the sales list."""
        return self.http.get(_url("/v1/sales", query), headers={"authorization": f"Bearer {token}"})

    def venue_pages(self, path: str, field: str, **query: Any) -> Iterator[list[Any]]:
        """Walk the cursor of a venue list to its end."""
        while True:
            answer = self.venue(path, **query).json()
            yield answer[field]
            if not answer["cursor"]:
                return
            query["cursor"] = answer["cursor"]

    def report_pages(self, path: str, **query: Any) -> Iterator[list[Any]]:
        """Walk the pages of a report to the end."""
        while True:
            answer = self.organization(path, **query).json()
            yield answer["data"]
            if not answer["has_more"]:
                return
            query["page"] = answer["next_page"]


def _url(path: str, query: dict[str, Any]) -> str:
    pairs = [
        (f"{name}[]" if isinstance(value, list) else name, item)
        for name, value in query.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return f"{path}?{urlencode(pairs)}" if pairs else path


Ask = Callable[..., Caller]
