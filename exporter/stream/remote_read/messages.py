"""Prometheus' messages of remote read, in protobuf's wire format: ReadRequest comes, ReadResponse goes.

Only the fields that mean something here are read; Prometheus' remote.proto and types.proto have all of them.
A message within a message is looked into where one is expected and nowhere else: nesting has no depth.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from exporter.stream.remote_read.bad_read import BadRead
from exporter.stream.remote_read.varint import BITS, read_varint, varint

Operator = Literal["=", "!=", "=~", "!~"]
"""In the order of their numbers in LabelMatcher."""
OPERATORS: tuple[Operator, ...] = get_args(Operator)

MOST_QUERIES = 16
"""Prometheus sends one; the protocol allows several."""

MOST_MATCHERS = 32
"""Our series have four labels at most."""

SAMPLES = 0
"""The kind of answer that we give, of those that a reader may name."""

_NUMBER, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}

Labels = tuple[tuple[str, str], ...]
"""Names and values, by name."""

Sample = tuple[int, float]
"""Milliseconds since 1970, and what was then."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a label must be, or not be."""

    operator: Operator
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which series, from when to when in milliseconds since 1970, both included."""

    start: int
    end: int
    matchers: tuple[Matcher, ...]


def read_request(data: bytes) -> list[Query]:
    """Return the queries of a ReadRequest. Raises BadRead."""
    queries: list[Query] = []
    kinds: set[int] = set()
    for number, value in _fields(data):
        if number == 1:
            if len(queries) == MOST_QUERIES:
                raise BadRead(f"More than {MOST_QUERIES} queries in one request.")
            queries.append(_query(_message(value)))
        elif number == 2:
            kinds |= {value} if isinstance(value, int) else set(_numbers(value))
    if kinds and SAMPLES not in kinds:
        raise BadRead("Only samples are answered, and the request takes none of that kind.")
    return queries


def read_response(results: Iterable[Iterable[tuple[Labels, Sequence[Sample]]]]) -> bytes:
    """Return a ReadResponse: of each query its series."""
    return b"".join(
        _field(1, b"".join(_field(1, _series(labels, samples)) for labels, samples in result))
        for result in results
    )


def _query(data: bytes) -> Query:
    start = end = 0
    matchers: list[Matcher] = []
    for number, value in _fields(data):
        if number == 1:
            start = _time(value)
        elif number == 2:
            end = _time(value)
        elif number == 3:
            if len(matchers) == MOST_MATCHERS:
                raise BadRead(f"More than {MOST_MATCHERS} matchers in one query.")
            matchers.append(_matcher(_message(value)))
    return Query(start, end, tuple(matchers))


def _matcher(data: bytes) -> Matcher:
    kind, name, wanted = 0, "", ""
    for number, value in _fields(data):
        if number == 1:
            kind = value if isinstance(value, int) else len(OPERATORS)
        elif number == 2:
            name = _text(value)
        elif number == 3:
            wanted = _text(value)
    if kind >= len(OPERATORS):
        raise BadRead("A matcher is of no kind that there is.")
    return Matcher(OPERATORS[kind], name, wanted)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message: their number and what they hold."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == _NUMBER:
            number, at = read_varint(data, at)
            yield tag >> 3, number
            continue
        if kind == _BYTES:
            size, at = read_varint(data, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise BadRead("The request is no protobuf that is read here.")
        if size > len(data) - at:
            raise BadRead("The request ends in the middle.")
        yield tag >> 3, data[at : at + size]
        at += size


def _numbers(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = read_varint(data, at)
        yield number


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise BadRead("There is a number in the request where a message belongs.")
    return value


def _time(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise BadRead("There is text in the request where a time belongs.")
    return value - (value >> BITS - 1 << BITS)


def _text(value: int | bytes) -> str:
    try:
        return _message(value).decode()
    except UnicodeDecodeError:
        raise BadRead("A label in the request is no UTF-8.") from None


def _series(labels: Labels, samples: Sequence[Sample]) -> bytes:
    parts = [_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels]
    parts += (
        _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(milliseconds))
        for milliseconds, value in samples
    )
    return b"".join(parts)


def _field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | _BYTES) + varint(len(data)) + data
