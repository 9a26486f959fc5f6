"""Authentication at the venue: the request signature, and a loader that forgives how keys get pasted.

Source: Kalshi trade API, "Quick Start: Authenticated Requests" (read 2026-11).
Quirk:  RSA keys sign with PSS and a salt as long as the digest; Ed25519 keys sign the bytes as they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from exporter.errors import SettingsError

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)

_BEGUN = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")


def load_key(secret: SecretStr | str) -> PrivateKey:
    """Return the private key in a PEM text; literal \\n, CRLF, quotes and lost line ends are forgiven.

    Raises SettingsError with one sentence that never quotes the text.
    """
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    text = text.replace("\\r", "").replace("\\n", "\n").replace("\r", "")
    found = _PEM.search(text)
    if found is None:
        raise _problem(_instead(text))
    label, middle = found.group(1), "".join(found.group(2).split())
    if label.startswith("OPENSSH"):
        raise _problem("is in OpenSSH's own form; use the file as Kalshi handed it out")
    if label.startswith("ENCRYPTED") or "Proc-Type" in middle:
        raise _problem("is protected by a password; use the file as Kalshi handed it out")
    lines = "\n".join(middle[start : start + 64] for start in range(0, len(middle), 64))
    pem = f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _problem("is damaged; download or paste it again") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise _problem("is of a kind that Kalshi does not accept; use RSA or Ed25519")
    return key


def _instead(text: str) -> str:
    """Return what a text is, or lacks, that holds no private key."""
    begun = _BEGUN.search(text)
    if begun is None:
        return "is not a PEM text; a key file starts with -----BEGIN and ends with -----"
    label = begun.group(1)
    if label.endswith("PRIVATE KEY"):
        return f"is cut off: it has no line -----END {label}-----; copy the whole file"
    article = "an" if label[:1] in "AEIOU" else "a"
    return f"is {article} {label.lower()}; the one that begins with -----BEGIN ... PRIVATE KEY----- is needed"


def _problem(what: str) -> SettingsError:
    return SettingsError([f"The Kalshi private key {what}."])


def signer(
    key_id: str, key: PrivateKey, clock: Callable[[], datetime]
) -> Callable[[str, str], dict[str, str]]:
    """Return what makes the three headers of one attempt; the key stays inside the closure."""

    def headers(method: str, path: str) -> dict[str, str]:
        timestamp = str(int(clock().timestamp() * 1000))
        message = f"{timestamp}{method.upper()}{path}".encode()
        return {
            "KALSHI-ACCESS-KEY": key_id,
            "KALSHI-ACCESS-TIMESTAMP": timestamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(_sign(key, message)).decode("ascii"),
        }

    return headers


def _sign(key: PrivateKey, message: bytes) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return key.sign(message, scheme, hashes.SHA256())
