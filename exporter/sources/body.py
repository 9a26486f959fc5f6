"""Response bodies: bounded before they are decompressed, while they are, and before they are parsed.

Source: RFC 9110 (Content-Encoding); gzip is asked for, so anything else is not what was agreed.
Units:  bytes; values are what a JSON text is made of: members, elements, objects.
Quirk:  an answer of a megabyte may unpack to a gigabyte, and one of ten megabytes of `[],[],` parses into
        half a gigabyte of objects: each is counted before it takes the room.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

ACCEPT_ENCODING = "gzip"

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A page of 1000 rows is under one MB, a week of hourly usage of a large organization some MB."""

MAX_VALUES = 500_000
"""What that week holds at most, doubled; parsed, each takes 50 to 100 bytes."""

_GZIP = zlib.MAX_WBITS | 16


class BodyRefused(Exception):
    """The body is not read to its end; the text says what it did, to follow the name of who sent it."""


async def read_body(chunks: AsyncIterable[bytes], encoding: str) -> bytes:
    """Return the body that arrives in chunks, unpacked. Raises BodyRefused at the first byte too many."""
    unpacker = _unpacker(encoding)
    body = bytearray()
    async for chunk in chunks:
        try:
            # One byte beyond the bound is enough to know that it goes on.
            room = MAX_BODY_BYTES + 1 - len(body)
            body += chunk if unpacker is None else unpacker.decompress(chunk, room)
        except zlib.error:
            raise BodyRefused("sent a body that cannot be decompressed") from None
        if len(body) > MAX_BODY_BYTES:
            raise BodyRefused(f"sent more than {MAX_BODY_BYTES // 1024**2} MB")
        if unpacker is not None and unpacker.eof:
            break  # whatever follows the end belongs to nothing, and may never stop
    if unpacker is not None and not unpacker.eof:
        raise BodyRefused("sent a body that cannot be decompressed: it ends too early")
    values = sum(body.count(sign) for sign in (b",", b"[", b"{"))
    if values > MAX_VALUES:
        raise BodyRefused(f"sent more than {MAX_VALUES:,} values")
    return bytes(body)


def _unpacker(encoding: str) -> zlib._Decompress | None:
    layers = [layer.strip().lower() for layer in encoding.split(",") if layer.strip()]
    if layers in ([], ["identity"]):
        return None
    if layers in (["gzip"], ["x-gzip"]):
        return zlib.decompressobj(_GZIP)
    raise BodyRefused("sent a body that is encoded in a way we did not ask for")
