"""Authorization: the scope of a token, and the figures cut down to what it may see. Pure.

A projection keeps keys by their path and drops the rest, so it does the same to a merge patch as to the
snapshot that the patch leads to. Each event is projected once for everybody with that scope. The definition
of the snapshot says which keys those are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, TypeAlias, get_origin

from exporter.snapshot import WINDOWS, Json, JsonObject
from exporter.snapshot.definition import Stated
from exporter.snapshot.shape import Field, fields, keys_of, part_of
from exporter.snapshot.tree import Snapshot

Scope = Literal["all", "totals", "ingest"]
SCOPES: dict[Scope, str] = {
    "all": "read everything",
    "totals": "read totals: no positions, tickers or customers",
    "ingest": "send in sales; read nothing",
}

Rule: TypeAlias = "Mapping[str, Rule] | Callable[[Json], Json]"
"""What is kept of a value: of an object its keys by their own rules, of anything else what comes back."""

ANY = "*"
"""Stands for every key of an object."""


def _plain(value: Json) -> Json:
    """Keep text, numbers and truth values."""
    return None if isinstance(value, dict | list) else value


def _rules(part: type[Stated]) -> dict[str, Rule]:
    """Return the rules of a part of the snapshot: those of the fields that every reader may see."""
    return {field.key: _rule(field) for field in fields(part) if field.seen_by == "totals"}


def _rule(field: Field) -> Rule:
    part, origin = part_of(field.type), get_origin(field.type)
    rule: Rule = _plain if part is None else _rules(part)
    if origin is dict:
        return dict.fromkeys(field.only or keys_of(field.type) or (ANY,), rule)
    return partial(_each, rule) if origin is tuple else rule


def _each(rule: Rule, items: Json) -> Json:
    """Keep of each item of a list what the rule keeps of it, and equal ones once."""
    if not isinstance(items, list):
        return None
    kept: list[Json] = []
    for item in items:
        found = rule(item) if callable(rule) else _kept(rule, item) if isinstance(item, dict) else None
        if found is not None and found not in kept:
            kept.append(found)
    return kept


def project(tree: JsonObject, scope: Scope, *, patch: bool = False) -> JsonObject:
    """Return of a snapshot, or of a merge patch, what the scope may see.

    `apply(project(a), project(diff(a, b), patch=True)) == project(b)`.
    """
    if scope == "all":
        return dict(tree)
    seen = _kept(TOTALS, tree, patch)
    if tree.get("epoch") is not None:
        # A whole snapshot, or the patch that begins the numbering: says that something is left out.
        seen["scope"] = scope
    return seen


def _kept(rules: Mapping[str, Rule], tree: JsonObject, patch: bool = False) -> JsonObject:
    kept: JsonObject = {}
    for key, value in tree.items():
        rule = rules.get(key, rules.get(ANY))
        if rule is None:
            continue
        if callable(rule):
            found = None if value is None else rule(value)
        else:
            found = _kept(rule, value, patch) if isinstance(value, dict) else None
        if found is not None or patch:
            kept[key] = found  # in a patch, None deletes what stood there
    return kept


def readable(field: str, scope: Scope) -> bool:
    """Tell whether the scope may see a field of the history."""
    return scope == "all" or field.partition(".")[0] in (*WINDOWS, "unrealised")


TOTALS = _rules(Snapshot)
"""All that the definition of the snapshot does not mark is not seen, whatever is added to it later."""
