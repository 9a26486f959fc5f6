"""What a token may see, and the figures cut down to that. Pure.

A projection keeps keys by their path and drops the rest, so it does the same to a merge patch as to the
snapshot that the patch leads to. Each event is projected once for everybody with that scope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from exporter.snapshot import COMPONENTS, COUNTS, WINDOWS, Tree

Scope = Literal["all", "totals", "ingest"]
SCOPES: dict[Scope, str] = {
    "all": "read everything",
    "totals": "read totals: no positions, tickers or customers",
    "ingest": "send in sales; read nothing",
}

Rule = Mapping[str, Any] | Callable[[Any], Any]
ANY = "*"
"""Stands for every key of an object."""


def _plain(value: Any) -> Any:
    """Keep text, numbers and truth values."""
    return None if isinstance(value, (Mapping, list)) else value


def _codes(value: Any) -> Any:
    """Keep of each reason its source and its code: texts name markets."""
    if not isinstance(value, list):
        return None
    told = [reason for reason in value if isinstance(reason, Mapping)]
    kept = [{"source": reason["source"], "code": reason["code"]} for reason in told]
    return [reason for number, reason in enumerate(kept) if reason not in kept[:number]]


FIGURE: Rule = {"usd": _plain, "grade": _plain, "as_of": _plain, "because": _codes}

WINDOW: Rule = {
    "from": _plain,
    "to": _plain,
    "net": FIGURE,
    "components": dict.fromkeys(COMPONENTS, FIGURE),
    "by_source": {ANY: {"net": FIGURE, "components": dict.fromkeys(COMPONENTS, FIGURE)}},
}
SALES: Rule = {
    **dict.fromkeys(COUNTS, _plain),
    "per_order": {ANY: {"value": _plain, "grade": _plain}},
    "by_source": {ANY: dict.fromkeys(COUNTS, _plain)},
}
SOURCE: Rule = {
    **dict.fromkeys(("title", "kind", "grade", "as_of", "last_success", "live", "live_since"), _plain),
    "error": {"reason": _plain, "since": _plain},
}

TOTALS: Mapping[str, Any] = {
    **dict.fromkeys(
        ("epoch", "sequence", "as_of", "currency", "timezone", "mark_rule", "lot_rule", "demo"), _plain
    ),
    "windows": dict.fromkeys(WINDOWS, WINDOW),
    "sales": dict.fromkeys(WINDOWS, SALES),
    "limits": {"snapshot_age_seconds": _plain},
    "unrealised": FIGURE,
    "sources": {ANY: SOURCE},
    "checks": {ANY: {"ok": _plain, "usd": _plain, "contracts": _plain}},
}
"""All that is not named here is not seen, whatever is added to the snapshot later."""


def project(tree: Tree, scope: Scope, *, patch: bool = False) -> dict[str, Any]:
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


def _kept(rules: Mapping[str, Any], tree: Tree, patch: bool) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in tree.items():
        rule = rules.get(key, rules.get(ANY))
        if rule is None:
            continue
        if callable(rule):
            found = None if value is None else rule(value)
        else:
            found = _kept(rule, value, patch) if isinstance(value, Mapping) else None
        if found is not None or patch:
            kept[key] = found  # in a patch, None deletes what stood there
    return kept


def readable(field: str, scope: Scope) -> bool:
    """Tell whether the scope may see a field of the history."""
    return scope == "all" or field.partition(".")[0] in (*WINDOWS, "unrealised")
