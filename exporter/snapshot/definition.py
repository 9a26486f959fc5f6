"""How the parts of a snapshot are defined: structs whose fields say what they mean and who may see them."""

from __future__ import annotations

from msgspec import Meta, Struct


class Stated(Struct, frozen=True, omit_defaults=True, gc=False):
    """A part of a snapshot. None refers to a whole that it is in, so garbage collection may leave it out."""


def totals(meaning: str, *, only: tuple[str, ...] = ()) -> Meta:
    """Describe a field that every reader may see; of an object of many keys `only` these, where given."""
    return Meta(description=meaning, extra={"seen_by": "totals", "only": only})


def private(meaning: str) -> Meta:
    """Describe a field that only those see who may read everything."""
    return Meta(description=meaning, extra={"seen_by": "all"})
