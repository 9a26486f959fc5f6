"""The definitions of snapshot and breakdown as JSON Schema, for the OpenAPI document."""

from __future__ import annotations

import msgspec

from exporter.snapshot.breakdown import WindowGroups
from exporter.snapshot.patch import Json, JsonObject
from exporter.snapshot.tree import Snapshot

REFERENCE = "#/components/schemas/{name}"


def schemas() -> JsonObject:
    """Return the schemas of the snapshot, of the groups of a window, and of each of their parts, by name.

    What may be absent is merely not required: msgspec would allow null, and there is none.
    """
    _, found = msgspec.json.schema_components([Snapshot, WindowGroups], ref_template=REFERENCE)
    return {name: _without_null(schema) for name, schema in sorted(found.items())}


def _without_null(schema: Json) -> Json:
    if isinstance(schema, list):
        return [_without_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_null(value) for key, value in schema.items() if key != "default"}
    choices = kept.get("anyOf")
    if isinstance(choices, list):
        present = [choice for choice in choices if choice != {"type": "null"}]
        del kept["anyOf"]
        kept |= present[0] if len(present) == 1 and isinstance(present[0], dict) else {"anyOf": present}
    words = kept.get("enum")
    if isinstance(words, list):
        kept["enum"] = [word for word in words if word is not None]
    return kept
