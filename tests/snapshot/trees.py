"""Snapshots made up from the definition: every part, every field, now there and now absent."""

from __future__ import annotations

from random import Random
from typing import Any, Literal, TypeVar, get_args, get_origin

from msgspec import structs

from exporter.snapshot.definition import Stated
from exporter.snapshot.shape import Field, fields, keys_of
from exporter.snapshot.texts import Day, Moment

Part = TypeVar("Part", bound=Stated)

TEXTS: dict[Any, tuple[str, ...]] = {
    str: ("", "1.00", "SECRET \u00e9\n\u2028"),
    Moment: ("2026-11-22T12:00:00.000000Z", "2026-11-22T12:00:00.000001Z"),
    Day: ("2026-11-22", "2026-11-23"),
}
NUMBERS = ("1.00", "-2.5", "0.00")
KEYS = ("a", "b", "SECRET")


def made(part: type[Part], dice: Random) -> Part:
    """Return a part with random fields."""
    there = (field for field in fields(part) if not field.optional or dice.random() < 0.6)
    return part(**{field.attribute: made_of(field.type, dice) for field in there})


def altered(part: Part, dice: Random) -> Part:
    """Return the part with some fields of it, or of its parts, changed, gone or come; the rest is shared."""
    changes: dict[str, Any] = {}
    for field in fields(type(part)):
        before = getattr(part, field.attribute)
        if dice.random() < 0.3:
            changes[field.attribute] = _altered(field, before, dice)
    return structs.replace(part, **changes)


def _altered(field: Field, before: Any, dice: Random) -> Any:
    if isinstance(before, Stated):
        return altered(before, dice)
    if isinstance(before, dict):
        kept = {key: value for key, value in before.items() if dice.random() < 0.7}
        new = {key: made_of(get_args(field.type)[1], dice) for key in keys_of(field.type) or KEYS}
        return {**kept, **{key: value for key, value in new.items() if dice.random() < 0.3}}
    if field.optional and dice.random() < 0.3:
        return field.default
    return made_of(field.type, dice)


def made_of(hint: Any, dice: Random) -> Any:
    """Return a random value of a type."""
    origin = get_origin(hint)
    if origin is dict:
        value = get_args(hint)[1]
        return {key: made_of(value, dice) for key in keys_of(hint) or KEYS if dice.random() < 0.6}
    if origin is tuple:
        return tuple(made_of(get_args(hint)[0], dice) for _ in range(dice.randrange(3)))
    if origin is Literal:
        return dice.choice(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Stated):
        return made(hint, dice)
    return {bool: dice.random() < 0.5, int: dice.randrange(3)}.get(
        hint, dice.choice(TEXTS.get(hint, NUMBERS))
    )
