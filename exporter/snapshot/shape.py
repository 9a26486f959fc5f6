"""The definition of the snapshot, read back: what fields a part has, what they mean, who may see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import NODEFAULT, Meta, structs

from exporter.snapshot.definition import Stated
from exporter.snapshot.tree import Snapshot

SeenBy = Literal["totals", "all"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a part: `attribute` in Python, `key` in JSON. `type` leaves out that it may be absent.

    `default` is what stands for absent, NODEFAULT where it never is. `only` are the keys of an object
    that a reader of totals may see; all of them where there is none.
    """

    attribute: str
    key: str
    type: Any
    default: Any
    meaning: str
    seen_by: SeenBy
    only: tuple[str, ...]

    @property
    def optional(self) -> bool:
        return self.default is not NODEFAULT


@cache
def fields(part: type[Stated]) -> tuple[Field, ...]:
    """Return the fields of a part in order. Raises TypeError for one that does not say who may see it."""
    return tuple(_field(part, found) for found in structs.fields(part))


def _field(part: type[Stated], found: structs.FieldInfo) -> Field:
    described, *metas = get_args(found.type) if get_origin(found.type) is Annotated else (found.type,)
    if len(metas) != 1 or not isinstance(metas[0], Meta) or metas[0].extra is None:
        raise TypeError(f"{part.__name__}.{found.name} does not say what it means and who may see it.")
    return Field(
        attribute=found.name,
        key=found.encode_name,
        type=_present(described),
        default=found.default,
        meaning=metas[0].description or "",
        seen_by=metas[0].extra["seen_by"],
        only=metas[0].extra.get("only", ()),
    )


def _present(hint: Any) -> Any:
    """Return a type without `None`."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    (kept,) = (each for each in get_args(hint) if each is not NoneType)
    return kept


def part_of(hint: Any) -> type[Stated] | None:
    """Return the part that a type is, or that its items or values are; None where there is none."""
    origin = get_origin(hint)
    if origin in (dict, tuple):
        hint = get_args(hint)[1 if origin is dict else 0]
    return hint if isinstance(hint, type) and issubclass(hint, Stated) else None


def keys_of(hint: Any) -> tuple[str, ...]:
    """Return the keys that an object of a type has, none where they are free."""
    key = get_args(hint)[0]
    return get_args(key) if get_origin(key) is Literal else ()


def parts(start: type[Stated] = Snapshot) -> Iterator[type[Stated]]:
    """Yield a part and all that it is made of, each once, the whole before its parts."""
    found: dict[type[Stated], None] = {}

    def look(part: type[Stated]) -> None:
        if part not in found:
            found[part] = None
            for field in fields(part):
                inner = part_of(field.type)
                if inner is not None:
                    look(inner)

    look(start)
    yield from found
