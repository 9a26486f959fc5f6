"""Credentials of the simulated services: key pairs made at run time, ids and tokens for show.

Nothing here opens anything real, and no key is ever part of the repository: `make_keys` writes
fresh ones into a folder of the caller's choice, and finds them there the next time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

PublicKey = RSAPublicKey | Ed25519PublicKey
PrivateKey = RSAPrivateKey | Ed25519PrivateKey

RSA_KEY_ID = "5151c0de-0000-4000-8000-000000000001"
ED25519_KEY_ID = "5151c0de-0000-4000-8000-000000000002"
RSA_FILE = "kalshi-rsa.pem"
ED25519_FILE = "kalshi-ed25519.pem"

ADMIN_KEY = "sk-ant-admin01-simulated-0000000000000000"
ORDINARY_KEY = "sk-ant-api03-simulated-0000000000000000"  # a real kind of key, but not for reports
SCOPED_KEY = "sk-ant-api01-simulated-0000000000000000"  # may read the analytics and nothing else
SALES_TOKEN = "john-simulated-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What the services accept: public keys by id, admin and scoped keys and sales tokens by value."""

    kalshi: dict[str, PublicKey] = field(default_factory=dict)
    admin: frozenset[str] = frozenset({ADMIN_KEY})
    scoped: frozenset[str] = frozenset({SCOPED_KEY})
    sales: frozenset[str] = frozenset({SALES_TOKEN})


@cache
def _fresh(name: str) -> PrivateKey:
    """Return a new private key; one per process, since an RSA pair takes a tenth of a second."""
    return generate_private_key(65537, 2048) if name == RSA_FILE else Ed25519PrivateKey.generate()


def make_keys(folder: Path) -> Keys:
    """Write both private keys (PEM) into `folder` unless they are there; return what they open."""
    folder.mkdir(parents=True, exist_ok=True)
    kalshi = {RSA_KEY_ID: _public(folder / RSA_FILE), ED25519_KEY_ID: _public(folder / ED25519_FILE)}
    return Keys(kalshi=kalshi)


def environment(url: str, folder: Path, *, ed25519: bool = False) -> dict[str, str]:
    """Return the settings that point a program at the simulator at `url`, with keys kept in `folder`."""
    make_keys(folder)
    root = url.rstrip("/")
    return {
        "KALSHI_API_KEY": ED25519_KEY_ID if ed25519 else RSA_KEY_ID,
        "KALSHI_PRIVATE_KEY_PATH": str(folder / (ED25519_FILE if ed25519 else RSA_FILE)),
        "KALSHI_BASE_URL": f"{root}/trade-api/v2",
        "ANTHROPIC_API_KEY": ADMIN_KEY,
        "ANTHROPIC_BASE_URL": root,
        "JOHN_API_BASE_URL": root,
        "JOHN_API_TOKEN": SALES_TOKEN,
    }


def _public(path: Path) -> PublicKey:
    if not path.exists():
        pem = _fresh(path.name).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # Two processes may start at once: the first file to be linked into place is the one both use.
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(pem)
        draft.chmod(0o600)
        try:
            os.link(draft, path)
        except FileExistsError:
            pem = path.read_bytes()
        finally:
            draft.unlink()
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise TypeError(f"{path} holds a key of another kind")
    return key.public_key()
