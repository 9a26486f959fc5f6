"""Prometheus' side of remote read, made from the formats' descriptions and not from our code."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

KINDS = ("=", "!=", "=~", "!~")

Series = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]


def number(value: int) -> bytes:
    """Return a varint."""
    value %= 1 << 64
    out = b""
    while value > 127:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def part(field: int, body: bytes) -> bytes:
    """Return a field that has a length."""
    return number(field * 8 + 2) + number(len(body)) + body


def matcher(text: str) -> bytes:
    """Return a LabelMatcher from `name=~pattern`."""
    name, kind = next(
        (text[:at], kind)
        for at in range(len(text))
        for kind in ("!=", "=~", "!~", "=")
        if text[at:].startswith(kind)
    )
    value = text[len(name) + len(kind) :]
    return b"\x08" + number(KINDS.index(kind)) + part(2, name.encode()) + part(3, value.encode())


def query(start: int, end: int, *matchers: str) -> bytes:
    """Return a Query as a field of its request, with hints that mean nothing to us."""
    found = b"".join(part(3, matcher(each)) for each in matchers)
    return part(1, b"\x08" + number(start) + b"\x10" + number(end) + found + part(4, b"\x12\x03sum"))


def stored(data: bytes) -> bytes:
    """Return a snappy block of literals of sixty bytes at most."""
    pieces = [data[at : at + 60] for at in range(0, len(data), 60)]
    return number(len(data)) + b"".join(bytes([len(piece) - 1 << 2]) + piece for piece in pieces)


def request(*queries: bytes) -> bytes:
    """Return the body of a request."""
    return stored(b"".join(queries) + b"\x10\x01\x10\x00")


def response(body: bytes) -> list[Series]:
    """Return the series of each query of an answer, which is one literal or nothing."""
    length, at = _read(body, 0)
    if length:
        assert body[at] == 63 << 2
        assert int.from_bytes(body[at + 1 : at + 5], "little") == length - 1
        body = body[at + 5 :]
    else:
        body = body[at:]
    assert len(body) == length
    return [
        dict(_series(each) for _, each in _parts(result) if isinstance(each, bytes))
        for _, result in _parts(body)
        if isinstance(result, bytes)
    ]


def _series(data: bytes) -> tuple[tuple[tuple[str, str], ...], list[tuple[int, float]]]:
    labels, samples = [], []
    for field, body in _parts(data):
        assert isinstance(body, bytes)
        found = dict(_parts(body))
        if field == 1:
            name, value = found[1], found[2]
            assert isinstance(name, bytes)
            assert isinstance(value, bytes)
            labels.append((name.decode(), value.decode()))
        else:
            value, at = found[1], found[2]
            assert isinstance(value, bytes)
            assert isinstance(at, int)
            samples.append((at - (1 << 64) if at >> 63 else at, struct.unpack("<d", value)[0]))
    return tuple(labels), samples


def _parts(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _read(data, at)
        if tag % 8 == 0:
            value, at = _read(data, at)
            yield tag // 8, value
            continue
        size, at = (8, at) if tag % 8 == 1 else _read(data, at)
        yield tag // 8, data[at : at + size]
        at += size


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value += byte % 128 << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def named(found: Iterable[Series]) -> list[set[str]]:
    """Return the names of the series of each query."""
    return [{dict(labels)["__name__"] for labels in series} for series in found]
