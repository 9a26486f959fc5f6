"""What stands before the venue's answers: signature check and token bucket.

Source: Kalshi trade API, "Quick Start: Authenticated Requests" and "Rate Limits and Tiers"
        (read 2026-11); bodies as seen live.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from exporter.simulator.keys import PublicKey

REFILL = 200.0  # tokens a second
CAPACITY = 600.0  # real basic accounts report three seconds' worth, the documentation says two
COST = 10.0
SKEW_LIMIT = 60.0  # seconds; the real limit is undocumented


def failure(status: int, code: str, message: str, details: str | None = None) -> Response:
    """Return an error in the nested form that the live service uses."""
    error = {"code": code, "message": message}
    return JSONResponse({"error": error | ({"details": details} if details else {})}, status)


def too_many() -> Response:
    """Return the venue's 429: a string body and no header that says when to come back."""
    return JSONResponse({"error": "too many requests"}, 429)


def refused(details: str) -> Response:
    """Return the venue's 401."""
    return failure(401, "authentication_error", "authentication failed", details)


def check_signature(
    headers: Headers,
    method: str,
    path: str,
    keys: Mapping[str, PublicKey],
    now: datetime,
    tolerance: float | None,
) -> Response | None:
    """Return None when the request is signed by a known key, else the 401 to send.

    The signed text is timestamp, method and path without query. With `tolerance` a timestamp
    further than that many seconds from `now` is refused too.
    """
    key = keys.get(headers.get("kalshi-access-key", ""))
    if key is None:
        return refused("INVALID_PARAMETER")
    timestamp = headers.get("kalshi-access-timestamp", "")
    try:
        signature = base64.b64decode(headers.get("kalshi-access-signature", ""), validate=True)
        verify(key, signature, f"{timestamp}{method}{path}".encode())
        late = abs(int(timestamp) / 1000 - now.timestamp())
    except (InvalidSignature, binascii.Error, ValueError):
        return refused("INCORRECT_API_KEY_SIGNATURE")
    return refused("INCORRECT_API_KEY_SIGNATURE") if tolerance is not None and late > tolerance else None


def verify(key: PublicKey, signature: bytes, message: bytes) -> None:
    """Raise InvalidSignature unless `signature` is RSA-PSS (SHA-256, salt 32) or Ed25519 over `message`."""
    if isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
    else:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        key.verify(signature, message, pss, hashes.SHA256())


@dataclass
class Bucket:
    """A token bucket for one key. `pace` gives seconds that only go forward."""

    pace: Callable[[], float]
    tokens: float = CAPACITY
    seen: float | None = field(default=None)

    def spend(self, cost: float = COST) -> bool:
        """Take `cost` tokens; False when they are not there."""
        now = self.pace()
        if self.seen is not None:
            self.tokens = min(CAPACITY, self.tokens + (now - self.seen) * REFILL)
        self.seen = now
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True
