"""Changes to a JSON document along a path, to break an answer in one place.

A path is names, list indices and `*` joined by dots, `[3]` and `[*]` meaning the same as `.3` and
`.*`. A name that meets a list means every item of the list.
"""

from __future__ import annotations

import copy
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

Operation = Callable[[Any, Any], None]  # container (dict or list), key


ONE_IN = 100
"""One row in so many is odd, where the dial does not say."""


def mutate(document: Any, path: str, operation: str, value: Any = None) -> Any:
    """Return a copy of `document` with `operation` done wherever `path` leads; nothing where it does not."""
    changed = {"": copy.deepcopy(document)}
    names = ["", *(part for part in re.split(r"\.|\[|\]", path) if part)]
    for container, key in _places(changed, names):
        _apply(container, key, operation, value)
    return changed.get("")


def odd_rows(document: Any, every: int = ONE_IN) -> Any:
    """Return a copy of `document` with one row in so many of its lists odd: always the same ones.

    A row keeps what it is told apart and dated by, and has null for everything else. What groups rows, as the
    bucket of a report does, is none.
    """
    if isinstance(document, list):
        return [_odd(item, every) if _is_row(item) else odd_rows(item, every) for item in document]
    if isinstance(document, dict):
        return {name: odd_rows(value, every) for name, value in document.items()}
    return document


def _is_row(item: Any) -> bool:
    return isinstance(item, dict) and "results" not in item


def _odd(row: dict[str, Any], every: int) -> dict[str, Any]:
    kept = {
        name: value for name, value in row.items() if name.endswith(("id", "ticker", "_at", "_ts", "_time"))
    }
    if zlib.crc32(json.dumps(kept or row, sort_keys=True).encode()) % every:
        return row
    return {name: kept.get(name) for name in row}


def _places(node: Any, names: list[str]) -> list[tuple[Any, Any]]:
    """Return (container, key) of everything that the path names, last items first."""
    name, rest = names[0], names[1:]
    if isinstance(node, list) and name != "*" and not name.lstrip("-").isdigit():
        return [place for item in reversed(node) for place in _places(item, names)]
    keys = _keys(node, name)
    if not rest:
        return [(node, key) for key in keys]
    found = []
    for key in keys:
        if isinstance(node, list) or key in node:
            found += _places(node[key], rest)
    return found


def _keys(node: Any, name: str) -> list[Any]:
    if isinstance(node, list):
        if name == "*":
            return list(range(len(node) - 1, -1, -1))  # backwards: removing one must not move the rest
        return [int(name)] if -len(node) <= int(name) < len(node) else []
    if isinstance(node, dict):
        return list(node) if name == "*" else [name]
    return []


def _apply(container: Any, key: Any, operation: str, value: Any) -> None:
    if operation == "set":
        container[key] = value
    elif isinstance(container, dict) and key not in container:
        return
    elif operation == "remove":
        del container[key]
    elif operation == "rename" and isinstance(container, dict):
        container[value] = container.pop(key)
    elif operation == "null":
        container[key] = None
    elif operation == "retype":
        container[key] = other_type(container[key]) if value is None else value
    elif operation == "empty":
        container[key] = type(container[key])() if container[key] is not None else None
    elif operation == "duplicate":
        _duplicate(container, key)
    elif operation == "reverse" and isinstance(container[key], list):
        container[key].reverse()


def _duplicate(container: Any, key: Any) -> None:
    """Repeat a list item, or every item of a list field."""
    if isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    elif isinstance(container[key], list):
        container[key] = [copy.deepcopy(item) for item in container[key] for _ in range(2)]


def other_type(value: Any) -> Any:
    """Return `value` as another JSON type, as near to it as possible."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return 7
    if isinstance(value, list):
        return {"items": value}
    return [value] if isinstance(value, dict) else {}
