"""Redaction: secrets that an answer echoes are cut out before it is kept, however they are written.

A server that repeats a request writes it as JSON, HTML, a URL or base64 would: each character may stand as
itself or escaped, and base64 begins at any of three places in a group of three bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache

REMOVED = "[removed]"
"""What stands in an answer where it echoed a secret."""

SHORTEST_SECRET = 12
"""Characters; a shorter one could be a word of the answer itself."""

ESCAPES = (b"\\", b"%", b"&#")
"""How an escaped character begins. A body without any of them is looked through for plain text alone."""


def redacted(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return the body without any of the secrets."""
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        for written in _encoded(secret):
            body = body.replace(written, REMOVED.encode())
        if any(escape in body for escape in ESCAPES):
            body = _escaped(secret).sub(REMOVED.encode(), body)
    return body


@lru_cache(maxsize=64)
def _encoded(secret: str) -> tuple[bytes, ...]:
    """Return the secret as it is, in hexadecimal, and what it has in common in every base64 text."""
    plain = secret.encode()
    found = [plain, plain.hex().encode(), plain.hex().upper().encode()]
    for shift in range(3):
        # Neighbours share the first group and the last one with the secret: what is between is its own.
        padded = b"\0" * shift + plain
        whole = len(padded) // 3 * 3
        first = 4 if shift else 0
        found += [encode(padded[:whole])[first:] for encode in (b64encode, urlsafe_b64encode)]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=64)
def _escaped(secret: str) -> re.Pattern[bytes]:
    """Return what matches the secret with any of its characters escaped as JSON, HTML or URLs do."""
    return re.compile(b"".join(_written(character) for character in secret))


def _written(character: str) -> bytes:
    code = ord(character)
    escapes = (
        re.escape(character),
        rf"\\{re.escape(character)}" if character == "/" else None,
        rf"\\u00(?i:{code:02x})",
        rf"\\x(?i:{code:02x})",
        rf"%(?i:{code:02x})",
        rf"&#0*{code};",
        rf"&#[xX]0*(?i:{code:02x});",
    )
    return f"(?:{'|'.join(each for each in escapes if each)})".encode()
