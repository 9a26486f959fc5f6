"""Fixtures: a way to ask any world without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.simulator.app import create_app
from exporter.simulator.faults import Faults
from exporter.simulator.keys import make_keys
from exporter.simulator.world import World
from tests.simulator.callers import Ask, Caller, Direct


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both private keys."""
    place = tmp_path_factory.mktemp("keys")
    make_keys(place)
    return place


@pytest.fixture
def faults() -> Faults:
    """A fault dial with everything off."""
    return Faults()


@pytest.fixture
def ask(folder: Path, faults: Faults) -> Iterator[Ask]:
    """Return a caller for a world; its token buckets refill by `pace`."""
    opened: list[Direct] = []

    def caller(world: World, pace: Callable[[], float] | None = None) -> Caller:
        app = create_app(world, faults, make_keys(folder), **({"pace": pace} if pace else {}))
        opened.append(Direct(app))
        return Caller(opened[-1], folder, world)

    yield caller
    for client in opened:
        client.close()
