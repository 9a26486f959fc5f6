"""Snapshots that follow one another, put into a store one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from exporter.snapshot import from_json
from exporter.store import Store
from tests.builders import NOW, bare


class Publisher:
    """A store, and by its sequence every snapshot that was put into it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trees: dict[int, dict[str, Any]] = {}

    def add(self) -> dict[str, Any]:
        """Publish the next one; its figures are its own."""
        number = self.store.snapshots.last_sequence() + 1
        tree = bare(self.store.snapshots.epoch, number, NOW + timedelta(seconds=number), usd=f"{number}.00")
        self.store.snapshots.append(from_json(tree))
        self.trees[number] = tree
        return tree
