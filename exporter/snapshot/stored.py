"""A snapshot from its JSON, also from that of an earlier version."""

from __future__ import annotations

import msgspec

from exporter.snapshot.patch import Json, JsonObject
from exporter.snapshot.tree import Snapshot

FIRST_SOURCES: dict[str, tuple[str, str]] = {
    "kalshi": ("Kalshi", "venue"),
    "anthropic": ("Anthropic", "api_cost"),
    "sales": ("Sales", "sales"),
}
"""Title and kind of the only sources there were before a snapshot said them itself."""

SENTENCE = "sentence"
"""The code of a reason that was stored as a sentence, which no program reads."""


def from_json(stored: JsonObject) -> Snapshot:
    """Return the snapshot that was stored. Raises msgspec.ValidationError for what is none."""
    return msgspec.convert(_upgraded(stored), Snapshot)


def _upgraded(stored: JsonObject) -> JsonObject:
    """Return a snapshot of before as it would be stated now: reasons as data, sources with title and kind.

    One of now comes back as it is. This is the only place that knows how it was.
    """
    new: JsonObject = {"lot_rule": "average", **stored}
    new["windows"] = {
        window: {
            **stated,
            "net": _figure(stated["net"]),
            "components": {name: _figure(part) for name, part in _object(stated["components"]).items()},
        }
        for window, stated in _objects(stored["windows"])
    }
    if "unrealised" in stored:
        new["unrealised"] = _figure(stored["unrealised"])
    new["sources"] = {
        name: {"title": title, "kind": kind, **source}
        for name, source in _objects(stored["sources"])
        for title, kind in [FIRST_SOURCES.get(name, (name, "other"))]
    }
    if "positions" in stored:
        new["positions"] = {
            key: {"source": "kalshi", **position} for key, position in _objects(stored["positions"])
        }
    if new.get("api_cost") == {}:
        del new["api_cost"]
    return new


def _figure(stated: Json) -> Json:
    figure = _object(stated)
    because = figure.get("because")
    if not isinstance(because, list):
        return figure
    return {**figure, "because": [_reason(reason) for reason in because]}


def _reason(stated: Json) -> Json:
    if not isinstance(stated, str):
        return stated
    source, _, text = stated.partition(": ")
    return {"source": source, "code": SENTENCE, "text": text}


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _objects(value: Json) -> list[tuple[str, JsonObject]]:
    return [(key, _object(inner)) for key, inner in _object(value).items()]
