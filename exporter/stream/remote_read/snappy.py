"""Snappy's block format, as far as remote read needs it: read with a bound, written as one literal.

A library would bring half a dozen other formats along, in megabytes of compiled code, for these lines. What
is written is not packed: it goes to a Prometheus beside us, and a literal is what the format has for that.
"""

from __future__ import annotations

from exporter.stream.remote_read.bad_read import BadRead
from exporter.stream.remote_read.varint import read_varint, varint

_LITERAL, _SHORT_COPY, _COPY = 0, 1, 2
"""The two low bits of a tag; the fourth kind has a longer offset than a copy."""

_LONGEST_IN_TAG = 60
"""Literals up to so long have their length in the tag; above it the tag says how many bytes follow for it."""

_CUT = BadRead("The snappy block ends in the middle.")


def unpacked(block: bytes, most: int) -> bytes:
    """Return what a block holds. Raises BadRead, also for a block that would become longer than `most`."""
    length, at = read_varint(block, 0)
    if length > most:
        raise BadRead(f"The request unpacks to {length:,} bytes; {most:,} is the limit.")
    out = bytearray()
    while at < len(block):
        tag = block[at]
        at += 1
        if tag & 3 == _LITERAL:
            count, at = _literal(block, tag >> 2, at)
            if at + count > len(block):
                raise _CUT
            if len(out) + count > length:
                break
            out += block[at : at + count]
            at += count
        else:
            count, offset, at = _copy(block, tag, at)
            if not 0 < offset <= len(out):
                raise BadRead("The snappy block copies from before its beginning.")
            if len(out) + count > length:
                break
            # A copy may reach into what it writes itself: that is how a repetition is said.
            start = len(out) - offset
            piece = out[start : start + count]
            out += (piece * (count // len(piece) + 1))[:count]
    if len(out) != length or at < len(block):
        raise BadRead("The snappy block is not as long as it says.")
    return bytes(out)


def packed(data: bytes) -> bytes:
    """Return a block that holds the data."""
    if not data:
        return varint(0)
    return varint(len(data)) + b"\xfc" + (len(data) - 1).to_bytes(4, "little") + data


def _literal(block: bytes, size: int, at: int) -> tuple[int, int]:
    if size < _LONGEST_IN_TAG:
        return size + 1, at
    count = size - _LONGEST_IN_TAG + 1
    return _number(block, at, count) + 1, at + count


def _copy(block: bytes, tag: int, at: int) -> tuple[int, int, int]:
    if tag & 3 == _SHORT_COPY:
        return (tag >> 2 & 7) + 4, (tag >> 5 << 8) | _number(block, at, 1), at + 1
    count = 2 if tag & 3 == _COPY else 4
    return (tag >> 2) + 1, _number(block, at, count), at + count


def _number(block: bytes, at: int, count: int) -> int:
    if at + count > len(block):
        raise _CUT
    return int.from_bytes(block[at : at + count], "little")
