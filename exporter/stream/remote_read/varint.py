"""Numbers of as many bytes as they need: what both snappy and protobuf are made of."""

from __future__ import annotations

from exporter.stream.remote_read.bad_read import BadRead

BITS = 64
LONGEST = 10
"""Bytes of a number of 64 bits, seven in each."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it. Raises BadRead."""
    number = 0
    for index, byte in enumerate(data[at : at + LONGEST]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if number >> BITS:
                break
            return number, at + index + 1
    raise BadRead("A number in the request is cut off, or has more than 64 bits.")


def varint(number: int) -> bytes:
    """Return the bytes of a number; one below zero is written as its complement in 64 bits."""
    number &= (1 << BITS) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
