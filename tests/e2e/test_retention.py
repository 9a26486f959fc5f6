"""What retention takes out is gone for nobody who can still use it."""

from __future__ import annotations

from datetime import timedelta

import httpx

from exporter.simulator.clock import SettableClock
from exporter.simulator.examples import NOW
from exporter.simulator.world import World
from tests.e2e.conftest import Build, Simulate


def test_a_cursor_of_thinned_snapshots_starts_over_and_a_fresh_one_goes_on(
    simulate: Simulate, pipeline: Build
) -> None:
    """By the settings; history keeps its points, and the newest snapshot is what it was."""
    clock = SettableClock(NOW)
    running = pipeline(
        simulate(World(clock)),
        NORTHSTAR_SOURCES="kalshi",
        NORTHSTAR_FULL_MINUTES="1",
        NORTHSTAR_THIN_SECONDS="5",
    )
    running.collect()
    for seconds in (*[1] * 40, 300, *[1] * 10):
        clock.advance(timedelta(seconds=seconds))
        running.publish()
    before = running.current()
    url, epoch = f"{running.stream_url}/api/pnl", before["epoch"]
    asked = {"from": "2026-11-22T11:59:00Z", "to": "2026-11-22T12:10:00Z", "step": 5, "fields": "equity"}
    shown = httpx.get(f"{url}/history", params=asked).json()["points"]
    running.run(running.cycle.upkeep.run())
    store = running.cycle.store.snapshots
    kept = [sequence for sequence in range(1, 53) if store.at(sequence) is not None]
    assert kept == [*range(5, 41, 5), *range(41, 53)]
    assert running.current() == before
    assert httpx.get(f"{url}/history", params=asked).json()["points"] == shown
    # The sidecar that ran before remembers what it read; one that starts now has the database alone.
    url = f"{running.another_stream()}/api/pnl"
    old = httpx.get(f"{url}/deltas", params={"since": f"{epoch}-7"}).json()
    assert (old["resync"], old["reason"], old["snapshot"]) == (True, "pruned", before)
    fresh = httpx.get(f"{url}/deltas", params={"since": f"{epoch}-45"}).json()
    assert [delta["sequence"] for delta in fresh["deltas"]] == list(range(46, 53))
