"""A merge patch between two snapshots: their JSON is what it leads from and to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.snapshot.figure import StatedFigure
from exporter.snapshot.patch import apply, decode, diff, encode, plain_json
from exporter.snapshot.shape import fields, parts
from exporter.snapshot.texts import Usd
from exporter.snapshot.tree import Position, Snapshot
from tests.examples import examples
from tests.snapshot.trees import altered, made

dice = st.integers(0, 2**32).map(Random)


@settings(max_examples=examples(200))
@given(dice)
def test_patch_of_two_snapshots_leads_from_the_json_of_one_to_that_of_the_other(dice: Random) -> None:
    """Whatever changed, came or went, and whatever they share by identity."""
    old = made(Snapshot, dice)
    for new in (altered(old, dice), made(Snapshot, dice)):
        patch = decode(encode(diff(old, new)))
        assert encode(apply(plain_json(old), patch)) == encode(diff({}, apply(plain_json(old), patch)))
        assert apply(plain_json(old), patch) == plain_json(new)
        assert patch == diff(plain_json(old), plain_json(new))


@settings(max_examples=examples(50))
@given(dice)
def test_equal_snapshots_have_an_empty_patch(dice: Random) -> None:
    """Also when no part of theirs is the same object."""
    state = dice.getstate()
    one = made(Snapshot, dice)
    dice.setstate(state)
    assert diff(one, made(Snapshot, dice)) == {}


@given(dice)
def test_bytes_are_those_of_compact_json(dice: Random) -> None:
    """What is stored can be read with any tool, and by a version that had no structs."""
    body = encode(made(Snapshot, dice))
    plain = json.loads(body)
    assert json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode() == body
    assert None not in _leaves(plain)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


class Unread(dict[str, Position]):
    """Positions that nobody may look at."""

    def keys(self) -> Any:
        raise AssertionError("was read")

    def items(self) -> Any:
        raise AssertionError("was read")


def test_what_two_snapshots_share_is_not_read() -> None:
    """So a patch costs what changed, not what there is."""
    whole = made(Snapshot, Random(1))
    shared = Unread()
    old, new = (_with(whole, sequence=number, positions=shared) for number in (1, 2))
    assert diff(old, new) == {"sequence": 2}
    with pytest.raises(AssertionError, match="was read"):
        diff(old, _with(whole, sequence=2, positions=Unread()))


def _with(snapshot: Snapshot, **changes: Any) -> Snapshot:
    fields = {name: getattr(snapshot, name) for name in Snapshot.__struct_fields__}
    return Snapshot(**{**fields, **changes})


def test_a_figure_that_goes_missing_loses_its_amount() -> None:
    """A patch deletes what is absent; it never says null of what was not there."""
    known, missing = StatedFigure(grade="final", usd=Usd("1.00")), StatedFigure(grade="missing")
    assert diff(known, missing) == {"grade": "missing", "usd": None}
    assert diff(missing, known) == {"grade": "final", "usd": "1.00"}


def test_every_default_is_one_that_is_recognised_by_identity() -> None:
    """The encoder leaves a field out by identity, and so does the patch: an empty list would be another."""
    for part in parts():
        assert {repr(field.default) for field in fields(part)} <= {"NODEFAULT", "None", "False", "()"}
