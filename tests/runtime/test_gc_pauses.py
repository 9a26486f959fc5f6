"""What a process keeps for its life is not looked at again and again."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from exporter.runtime import gc_pauses


class Node:
    """Something that the collector watches."""

    other: Node | None = None


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_kept_is_left_out_of_collections_and_still_freed() -> None:
    """By its last reference; only a circle would stay."""
    kept = Node()
    gone = weakref.ref(kept)
    gc_pauses.keep()
    assert not any(each is kept for each in gc.get_objects())
    del kept
    assert gone() is None


def test_what_comes_later_is_collected_as_ever() -> None:
    """A circle that nobody refers to goes with the next collection."""
    gc_pauses.keep()
    one, two = Node(), Node()
    one.other, two.other = two, one
    gone = weakref.ref(one)
    del one, two
    gc.collect()
    assert gone() is None


def test_a_crowd_is_not_looked_at_while_it_comes() -> None:
    """Some hundred thousand objects, all in use: no full collection until they have come."""
    full: list[int] = []

    def note(phase: str, found: dict[str, int]) -> None:
        if phase == "start" and found["generation"] == 2:
            full.append(len(crowd))

    gc_pauses.keep()
    gc_pauses.seldom()
    crowd: list[Node] = []
    gc.callbacks.append(note)
    try:
        for _ in range(300_000):
            crowd.append(Node())
    finally:
        gc.callbacks.remove(note)
    assert full == []
