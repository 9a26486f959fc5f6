"""Written from the definition of the snapshot: the types of client.d.ts, the shape of the statement for the
page, and the table of docs/snapshot.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from exporter.snapshot.components import KIND_COMPONENTS, KIND_TITLES, STATEMENT, Window
from exporter.snapshot.definition import Stated
from exporter.snapshot.figure import GradeWord
from exporter.snapshot.shape import Field, fields, part_of, parts
from exporter.snapshot.texts import Contracts, Day, Moment, Ratio, Usd
from exporter.snapshot.tree import Snapshot

NAMED = {
    GradeWord: ("Grade", "Worst first. Every figure has one; a sum has the worst of its parts."),
    Window: (
        "Window",
        "What a statement is of. All end now.",
    ),
}
"""Choices with a name of their own in TypeScript."""

KEPT = {"as_of", "currency", "timezone", "demo", "windows", "sources"}
"""What `last_snapshot.js` keeps of a snapshot for a visit without a network."""

SCALARS = {str: "string", int: "number", bool: "boolean"}
TEXTS = {
    Usd: "decimal",
    Contracts: "decimal",
    Ratio: "decimal",
    Moment: "time",
    Day: "date",
    str: "text",
    int: "integer",
    bool: "boolean",
}


def typescript() -> str:
    """Return the types of the snapshot and of all its parts."""
    blocks = [
        f"/** {meaning} */\nexport type {name} = {_choice(choice)};"
        for choice, (name, meaning) in NAMED.items()
    ]
    return "\n\n".join([*blocks, *map(_interface, parts())])


def _interface(part: type[Stated]) -> str:
    lines = [f"/** {_first(part)} */", f"export interface {part.__name__} {{"]
    for field in fields(part):
        absent = field.optional or (part is Snapshot and field.key not in KEPT)
        lines += [f"  /** {field.meaning} */", f"  {field.key}{'?' * absent}: {_type(field.type)};"]
    if part is Snapshot:
        lines.append("  [key: string]: unknown;")
    return "\n".join([*lines, "}"])


def _first(part: type[Stated]) -> str:
    return (part.__doc__ or "").partition("\n")[0]


def _type(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is dict:
        key, value = get_args(hint)
        return f"Record<{_type(key)}, {_type(value)}>"
    if origin is tuple:
        return f"{_type(get_args(hint)[0])}[]"
    if hint in NAMED:
        return NAMED[hint][0]
    if origin is Literal:
        return _choice(hint)
    if part_of(hint) is not None:
        return str(hint.__name__)
    return SCALARS[getattr(hint, "__supertype__", hint)]


def _choice(hint: Any) -> str:
    return " | ".join(f'"{choice}"' for choice in get_args(hint))


def statement() -> str:
    """Return the groups of the income statement with their lines, as the page reads them."""
    groups = [
        {
            "kind": kind,
            "title": KIND_TITLES[kind],
            "lines": {line.name: line.title for line in STATEMENT if line.kind == kind},
        }
        for kind in KIND_COMPONENTS
    ]
    return f"export const STATEMENT = {json.dumps(groups, indent=2)};"


def table() -> str:
    """Return the table of all paths of a snapshot; a part that occurs in several places is told once."""
    rows = ["| path | type | what it says | totals |", "|---|---|---|---|"]
    told: dict[type[Stated], str] = {}
    rows += _rows(Snapshot, "", told, seen=True)
    return "\n".join(rows)


def _rows(part: type[Stated], path: str, told: dict[type[Stated], str], *, seen: bool) -> Iterator[str]:
    told[part] = path
    for field in fields(part):
        here = f"{path}{field.key}"
        inner = part_of(field.type)
        shown = seen and field.seen_by == "totals"
        whom = ", ".join(f"`{key}`" for key in field.only) or "yes" if shown else ""
        before = told.get(inner) if inner is not None else None
        meaning = field.meaning + (f" As `{before.rstrip('.')}`." if before is not None else "")
        yield f"| `{here}` | {_word(field)} | {meaning} | {whom} |"
        if inner is not None and before is None:
            many = {dict: ".*.", tuple: "[].", None: "."}[get_origin(field.type)]
            yield from _rows(inner, here + many, told, seen=shown)


def _word(field: Field) -> str:
    origin = get_origin(field.type)
    if origin is Literal:
        word = ", ".join(f"`{choice}`" for choice in get_args(field.type))
    elif origin is dict:
        word = "object" if part_of(field.type) else f"object of {TEXTS[get_args(field.type)[1]]}s"
    elif origin is tuple:
        word = "list"
    else:
        word = TEXTS.get(field.type, "object")
    return word + (", may be absent" if field.optional else "")
