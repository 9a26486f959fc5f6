"""The wall clock of a running exporter and of a running stream is set, back and forward: by faketime."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.stories import seeded
from exporter.times import unstamp
from tests.e2e.pipeline import HOST, PATIENCE, until
from tests.e2e.processes import Process
from tests.ports import held_port

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
"""Debian's package `faketime`; `tests/install-tools` installs it."""

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed: no clock can be set")

HOUR = 3_600
FAST = {
    "NORTHSTAR_KALSHI_INTERVAL_SECONDS": "0.5",
    "NORTHSTAR_ANTHROPIC_INTERVAL_SECONDS": "1",
    "NORTHSTAR_SALES_INTERVAL_SECONDS": "0.5",
    "AGGREGATION_INTERVAL_MS": "500",
}


class Stand:
    """An exporter and a stream on one machine, whose wall clock a test sets."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder, self.database, self._time = folder, folder / "pnl.sqlite3", folder / "time"
        metrics, stream = held_port(), held_port()
        self.pages = (f"http://{HOST}:{metrics}/metrics", f"http://{HOST}:{stream}/metrics")
        self.stream = f"http://{HOST}:{stream}"
        self.settings = {
            **simulator.environment(ed25519=True),
            **FAST,
            "DB_PATH": str(self.database),
            "NORTHSTAR_METRICS_PORT": str(metrics),
            "PORT": str(stream),
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._time),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set the clock of both so far from the true time."""
        aside = self._time.with_suffix(".new")
        aside.write_text(f"{seconds:+d}\n")
        aside.rename(self._time)

    def current(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.stream}/api/pnl/current").json()
        return found

    def moved(self, before: dict[str, Any]) -> float:
        """Return how much later than a snapshot of before the newest is dated."""
        return (unstamp(self.current()["as_of"]) - unstamp(before["as_of"])).total_seconds()

    def reasons(self) -> set[str]:
        net = self.current()["windows"]["today"]["net"]
        return {reason["code"] for reason in net.get("because", ())}

    def steps(self) -> list[int]:
        """Return how many steps each of both has counted."""
        lines = [line for page in self.pages for line in httpx.get(page).text.splitlines()]
        return [
            int(float(line.split()[1])) for line in lines if line.startswith("northstar_clock_steps_total ")
        ]

    def ready(self) -> bool:
        return httpx.get(f"{self.stream}/api/health/ready").status_code == 200

    def sequences(self) -> list[int]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            found = connection.execute("SELECT sequence FROM snapshots ORDER BY sequence").fetchall()
        connection.close()
        return [sequence for (sequence,) in found]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with serve_in_thread(seeded(), folder=tmp_path) as simulator:
        yield Stand(tmp_path, simulator)


def answers(stand: Stand) -> bool:
    try:
        return stand.ready()
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("off", [-HOUR, HOUR, -40 * 24 * HOUR])
def test_a_clock_that_is_set_and_put_right_again_stops_nothing(stand: Stand, off: int) -> None:
    """Readings go on, snapshots follow the clock, both processes say so once, and no figure is certain for as
    long as the sources contradict the clock."""
    with (
        Process(stand.folder, stand.settings, "exporter") as exporter,
        Process(stand.folder, stand.settings, "stream") as stream,
    ):
        until(lambda: answers(stand), what=exporter.output + stream.output)
        until(lambda: "clock" not in stand.reasons())
        before = stand.current()
        stand.set(off)
        until(lambda: abs(stand.moved(before)) >= HOUR / 2)
        until(lambda: stand.steps() == [1, 1])
        until(lambda: "clock" in stand.reasons())
        assert stand.current()["windows"]["today"]["net"]["grade"] not in ("final", "estimated")
        until(stand.ready)
        assert off <= stand.moved(before) <= off + PATIENCE
        read = stand.current()["sources"]["sales"]["last_success"]
        until(lambda: stand.current()["sources"]["sales"]["last_success"] > read)
        stand.set(0)
        until(lambda: stand.steps() == [2, 2])
        until(lambda: "clock" not in stand.reasons())
        until(stand.ready)
        assert 0 < stand.moved(before) <= PATIENCE
        way = "back" if off < 0 else "forward"
        for process in (exporter, stream):
            assert process.output.count(f"clock was set {way}") == 1
            assert "Traceback" not in process.output
    numbers = stand.sequences()
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
