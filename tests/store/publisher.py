"""Snapshots that follow one another, put into a store one by one."""

from __future__ import annotations

from datetime import timedelta

from exporter.snapshot import COMPONENTS, WINDOWS, Tree
from exporter.store import Store
from exporter.times import stamp
from tests.builders import NOW


class Publisher:
    """A store, and by its sequence every snapshot that was put into it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trees: dict[int, Tree] = {}

    def add(self) -> Tree:
        """Publish the next one; its figures are its own."""
        number = self.store.snapshots.last_sequence() + 1
        figure = {"usd": f"{number}.00", "grade": "final"}
        windows = {name: {"net": figure, "components": dict.fromkeys(COMPONENTS, figure)} for name in WINDOWS}
        tree = {
            "epoch": self.store.snapshots.epoch,
            "sequence": number,
            "as_of": stamp(NOW + timedelta(seconds=number)),
            "windows": windows,
            "unrealised": figure,
        }
        self.store.snapshots.append(tree)
        self.trees[number] = tree
        return tree
