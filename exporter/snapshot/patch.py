"""JSON Merge Patch (RFC 7396) between two snapshots, and their bytes.

Rule:   no null anywhere in a snapshot. A merge patch deletes on null, so a figure graded `missing` has no
        `usd` key and a source without trouble no `error` key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Tree = Mapping[str, Any]
"""A JSON object of strings, numbers, booleans, lists and objects; never changed once built."""


def diff(old: Tree, new: Tree) -> dict[str, Any]:
    """Return the merge patch that turns `old` into `new`; empty when they are equal.

    Parts the two share by identity are skipped unread, so the cost is that of what changed.
    """
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        if key not in old:
            patch[key] = value
            continue
        before = old[key]
        if before is value:
            continue
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            if inner := diff(before, value):
                patch[key] = inner
        elif not _same(before, value):
            patch[key] = value
    return patch


def _same(one: Any, other: Any) -> bool:
    # JSON tells true from 1, Python does not.
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def apply(old: Tree, patch: Tree) -> dict[str, Any]:
    """Return `old` with the merge patch applied; neither argument is changed (RFC 7396)."""
    new = dict(old)
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, Mapping):
            before = new.get(key)
            new[key] = apply(before if isinstance(before, Mapping) else {}, value)
        else:
            new[key] = value
    return new


def encode(tree: Tree) -> bytes:
    """Return the tree as compact JSON; the same tree gives the same bytes."""
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def decode(body: bytes) -> dict[str, Any]:
    """Return the tree that `encode` wrote."""
    tree: dict[str, Any] = json.loads(body)
    return tree
