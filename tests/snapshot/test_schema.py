"""What the OpenAPI document says of a snapshot is what snapshots are."""

from __future__ import annotations

import copy
from random import Random
from typing import Annotated, Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from exporter.snapshot.breakdown import WindowGroups
from exporter.snapshot.definition import Stated
from exporter.snapshot.patch import plain_json
from exporter.snapshot.schema import schemas
from exporter.snapshot.shape import fields, parts
from exporter.snapshot.tree import Snapshot
from tests.examples import examples
from tests.snapshot.trees import made


def closed(schema: Any) -> Any:
    """Return a schema that allows no key which it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if "properties" in schema else {}
    return {**shut, **{key: closed(value) for key, value in schema.items()}}


COMPONENTS = closed(copy.deepcopy(schemas()))
DOCUMENT = {"$ref": "#/components/schemas/Snapshot", "components": {"schemas": COMPONENTS}}


@settings(max_examples=examples(30))
@given(st.integers(0, 2**32))
def test_every_snapshot_is_as_the_document_says(seed: int) -> None:
    """With no key that it does not name, and none that it asks for missing."""
    jsonschema.validate(plain_json(made(Snapshot, Random(seed))), DOCUMENT)


def test_null_is_not_allowed() -> None:
    """What is absent has no key."""
    snapshot = plain_json(made(Snapshot, Random(1)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**snapshot, "exposure": None}, DOCUMENT)


def test_every_part_and_every_field_is_described() -> None:
    """A field is explained where it is defined, and a part is named once."""
    described = schemas()
    assert described.keys() == {part.__name__ for of in (Snapshot, WindowGroups) for part in parts(of)}
    for schema in described.values():
        assert isinstance(schema, dict)
        assert schema["description"]
        properties = schema["properties"]
        assert isinstance(properties, dict)
        assert all(isinstance(each, dict) and each["description"] for each in properties.values())


class Undescribed(Stated):
    """A part with a field that does not say what it means."""

    amount: str


class Unseen(Stated):
    """A part with a field that does not say who may see it."""

    amount: Annotated[str, Meta(description="What it comes to.")]


@pytest.mark.parametrize("part", [Undescribed, Unseen])
def test_a_field_that_does_not_say_who_may_see_it_is_refused(part: type[Stated]) -> None:
    """So that nothing is shown to a token for totals because somebody forgot."""
    with pytest.raises(TypeError, match=r"\.amount does not say what it means and who may see it"):
        fields(part)
