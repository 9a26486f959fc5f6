"""JSON Merge Patch (RFC 7396) between two snapshots, and their bytes.

Rule:   no null anywhere in a snapshot. A merge patch deletes on null, so what is absent has no key: a field
        of a struct that stands at its default (None, an empty tuple, False) is not written, and a patch
        to it deletes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

import msgspec
from msgspec import NODEFAULT, Struct

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
"""What JSON text becomes: a patch that was read, a snapshot that is stored, of whatever version."""

JsonObject: TypeAlias = dict[str, Json]

Value: TypeAlias = "str | int | float | bool | Struct | Sequence[Value] | Mapping[str, Value] | None"
"""What becomes JSON text: structs and plain objects in any mixture; never changed once built."""

_JSON = msgspec.json.Encoder()
_OBJECT: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict)


def diff(old: Struct | Mapping[str, Value], new: Struct | Mapping[str, Value]) -> dict[str, Value]:
    """Return the merge patch that turns the JSON of `old` into that of `new`; empty when they are equal.

    Parts the two share by identity are skipped unread, so the cost is that of what changed. Two structs are
    of one type; a struct is compared with a plain object after `plain_json`.
    """
    if isinstance(new, Struct):
        return _of_structs(old, new)
    assert not isinstance(old, Struct)
    patch: dict[str, Value] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif (before := old[key]) is not value:
            _compare(patch, key, before, value)
    return patch


def _of_structs(old: object, new: Struct) -> dict[str, Value]:
    assert type(old) is type(new)
    patch: dict[str, Value] = {}
    for name, key, default in _fields(type(new)):
        before, value = getattr(old, name), getattr(new, name)
        if before is value:
            continue
        if value is default:
            patch[key] = None
        elif before is default:
            patch[key] = value
        else:
            _compare(patch, key, before, value)
    return patch


def _compare(patch: dict[str, Value], key: str, before: Value, value: Value) -> None:
    if type(value) is str:  # what most values are
        if before != value:
            patch[key] = value
    elif isinstance(value, Struct) and type(before) is type(value):
        if inner := _of_structs(before, value):
            patch[key] = inner
    elif isinstance(value, Mapping) and isinstance(before, Mapping):
        if inner := diff(before, value):
            patch[key] = inner
    elif not _same(before, value):
        patch[key] = value


@cache
def _fields(kind: type[Struct]) -> tuple[tuple[str, str, object], ...]:
    """Return name, key in JSON and default of each field; msgspec leaves out what is the default itself."""
    defaults = kind.__struct_defaults__
    required = len(kind.__struct_fields__) - len(defaults)
    padded = (NODEFAULT,) * required + defaults
    return tuple(zip(kind.__struct_fields__, kind.__struct_encode_fields__, padded, strict=True))


def _same(one: Value, other: Value) -> bool:
    # JSON tells true from 1, Python does not.
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def apply(old: Mapping[str, Json], patch: Mapping[str, Json]) -> JsonObject:
    """Return `old` with the merge patch applied; neither argument is changed (RFC 7396)."""
    new = dict(old)
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, dict):
            before = new.get(key)
            new[key] = apply(before if isinstance(before, dict) else {}, value)
        else:
            new[key] = value
    return new


def encode(value: Struct | Mapping[str, Value]) -> bytes:
    """Return the compact JSON; the same value gives the same bytes."""
    return _JSON.encode(value)


def decode(body: bytes) -> JsonObject:
    """Return the object that `encode` wrote."""
    return _OBJECT.decode(body)


def plain_json(value: Struct) -> JsonObject:
    """Return what `decode(encode(value))` returns."""
    return decode(encode(value))
