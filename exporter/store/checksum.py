"""Checksums of what is stored: written with each row, verified by whoever reads it.

A CRC-32 finds every flipped bit and every burst of up to 32 of them: it is against a disk that forgets, not
against somebody who wants to deceive. What is compressed has a checksum of its own, and what SQLite itself
finds broken is damage like any other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from exporter.errors import StoreDamaged

UNSEALED = -1
"""What stands in the place of a checksum that no version has written yet."""


def agrees(stated: Iterable[object], written: object) -> bool:
    """Tell whether a row states what it did when its checksum was written, as far as it has one."""
    return written == checksum(stated) or written == UNSEALED


def checksum(stated: Iterable[object]) -> int:
    """Return the CRC-32 of what a row states."""
    return zlib.crc32("\0".join(map(str, stated)).encode())


def unpacked(body: bytes, what: str) -> bytes:
    """Return a compressed body as it was. Raises StoreDamaged, which says `what` it was of."""
    try:
        return zlib.decompress(body)
    except zlib.error:
        raise StoreDamaged(what) from None
