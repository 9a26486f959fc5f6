"""Lost and restored: the stream follows, old cursors start over, the books are what they would have been."""

from __future__ import annotations

import signal
import sqlite3
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse

from exporter.simulator import examples
from exporter.simulator.clock import SettableClock
from exporter.simulator.server import serve_in_thread
from exporter.simulator.stories import seeded
from exporter.store.backup import back_up
from exporter.store.copies import Copies
from exporter.store.restore import restore
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import PATIENCE, figures, until
from tests.e2e.processes import Process, finish
from tests.e2e.test_kill import Stand


def test_running_stream_follows_a_restore_and_no_old_cursor_goes_on(tmp_path: Path) -> None:
    """Numbers that were published after the backup come again, under another epoch."""
    with serve_in_thread(examples.company()) as simulator:
        stand = Stand(tmp_path, simulator)
        with stand.sidecar() as url:
            deltas = f"{url}/api/pnl/deltas"
            with stand.exporter() as exporter:
                until(lambda: exporter.running and _sequence(url) > 3, what=exporter.output)
                made = finish(tmp_path, stand.settings, "backup")
                assert made.code == 0, made.output
                (copy,) = (tmp_path / "backups").glob("*.sqlite3")
                assert made.output.startswith(str(copy))
                refused = finish(tmp_path, stand.settings, "restore", str(copy))
                assert (refused.code, len(refused.sentences)) == (1, 1)
                assert "Another exporter writes" in refused.output
                copied = _newest(copy)
                until(lambda: _sequence(url) > copied + 10)
                exporter.send(signal.SIGTERM)
                assert exporter.wait() == 0, exporter.output
            lost = httpx.get(f"{url}/api/pnl/current").json()
            cursors = [f"{lost['epoch']}-{n}" for n in (copied - 1, copied, copied + 2, lost["sequence"])]
            with (
                httpx.Client(timeout=PATIENCE) as client,
                connect_sse(
                    client, "GET", f"{url}/api/pnl/stream", headers={"Last-Event-ID": cursors[-1]}
                ) as follower,
            ):
                events = (event for event in follower.iter_sse() if event.data)
                done = finish(tmp_path, stand.settings, "restore", str(copy))
                assert done.code == 0, done.output
                told = next(events)
                assert (told.event, told.json()) == ("resync", {"reason": "other_epoch"})
                restored = next(events)
                assert restored.event == "snapshot"
                tree = restored.json()
                assert restored.id == f"{tree['epoch']}-{tree['sequence']}"
                assert (tree["epoch"] != lost["epoch"], tree["sequence"]) == (True, copied + 1)
                with stand.exporter() as again:
                    following = next(events)
                    assert following.event == "delta", again.output
                    assert following.id == f"{tree['epoch']}-{copied + 2}"
                    until(lambda: _sequence(url) > lost["sequence"], what=again.output)
                    for cursor in cursors:
                        answer = httpx.get(deltas, params={"since": cursor}).json()
                        assert (answer["resync"], answer["reason"]) == (True, "other_epoch"), cursor
                        assert answer["snapshot"]["epoch"] == tree["epoch"]
                    answer = httpx.get(deltas, params={"since": restored.id}).json()
                    assert answer["resync"] is False
                    assert answer["deltas"][0]["sequence"] == copied + 2
    (aside,) = tmp_path.glob("northstar.sqlite3.replaced-*Z")
    assert _newest(aside) == lost["sequence"]


def _sequence(url: str) -> int:
    answer = httpx.get(f"{url}/api/pnl/current")
    return int(answer.json()["sequence"]) if answer.status_code == 200 else 0


def _newest(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        (found,) = connection.execute("SELECT max(sequence) FROM snapshots").fetchone()
    connection.close()
    return int(found)


@pytest.mark.parametrize("hours", [1, 30])
def test_books_after_a_restore_and_one_reading_are_those_without_the_loss(
    simulate: Simulate, pipeline: Build, tmp_path: Path, hours: int
) -> None:
    """Everything that the sources still list is booked again, once; only what was published is gone."""
    clock = SettableClock(examples.NOW)
    world = seeded(7, days=3, speed=0.1, clock=clock)
    simulator = simulate(world)
    running = pipeline(simulator)
    running.collect()
    copies = Copies(tmp_path / "backups", running.database)
    made = back_up(running.database, copies, clock())
    before = figures(running.latest)
    for _ in range(4):
        clock.advance(timedelta(hours=hours) / 4)
        world.advance()
        running.collect()
    running.collect()
    expected, keys = figures(running.latest), _records(running.database)
    assert expected != before
    running.close()
    restore(made.path, running.database, clock())
    assert _records(running.database) != keys
    again = pipeline(simulator, DB_PATH=str(running.database))
    assert figures(again.latest) == before
    again.collect()
    assert figures(again.latest) == expected
    assert _records(running.database) == keys
    assert again.latest["checks"] == running.latest["checks"]


def _records(database: Path) -> list[tuple[str, str]]:
    """Return kind and key of everything booked that never changes."""
    with sqlite3.connect(database) as connection:
        found = connection.execute(
            "SELECT kind, key FROM records WHERE kind IN ('fill', 'settlement', 'transfer', 'sale') "
            "AND revision = 1 ORDER BY kind, key"
        ).fetchall()
    connection.close()
    return found


def test_exporter_makes_its_backups_and_says_so(tmp_path: Path) -> None:
    """Off or on is a line at the start and a metric; what is on the disk is known at once."""
    with serve_in_thread(examples.company()) as simulator:
        stand = Stand(tmp_path, simulator)
        with stand.exporter() as exporter:
            page = until(lambda: _page(stand.metrics), what=exporter.output)
            assert "northstar_backup_on 0.0" in page
            assert "northstar_backup_timestamp_seconds" not in page
            until(lambda: "backups off: NORTHSTAR_BACKUP_FOLDER is not set" in exporter.output)
        assert finish(tmp_path, stand.settings, "backup", "--to", "kept").code == 0
        on = stand.settings | {"NORTHSTAR_BACKUP_FOLDER": "kept"}
        with Process(tmp_path, on, "exporter") as exporter:
            until(lambda: "backups on folder=kept hours=24 kept=7" in exporter.output)
            page = until(
                lambda: (
                    (text := _page(stand.metrics))
                    and "\nnorthstar_backup_timestamp_seconds " in text
                    and text
                )
            )
            assert "northstar_backup_on 1.0" in page
            assert 'northstar_limit_seconds{limit="backup_age"} 176400.0' in page
            assert 'northstar_backup_failures_total{reason="no_room"} 0.0' in page


def _page(url: str) -> str:
    try:
        return httpx.get(url).text
    except httpx.TransportError:
        return ""
