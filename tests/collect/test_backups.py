"""When a backup is made, what is said and counted when it is not, and what is known after a restart."""

from __future__ import annotations

import asyncio
import logging
from argparse import Namespace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter.collect import backups as module
from exporter.collect.backups import AGAIN, FIRST, Backups
from exporter.commands.backup import back_up_now, restore_from
from exporter.metrics.backups import BackupCollector
from exporter.metrics.catalogue import BACKUPS
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.sources.registry import read_settings
from exporter.store import Store
from exporter.store.backup import back_up
from exporter.store.copies import Copies
from exporter.wiring import build_backups
from tests.builders import NOW
from tests.e2e.pipeline import until
from tests.store.publisher import Publisher

DAY = timedelta(days=1)


class Desk:
    """A database, a folder, and the exporter's backups on a clock that a test sets."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "northstar.sqlite3"
        self.folder = folder / "backups"
        self.now = NOW
        with Store.write(self.database) as store:
            Publisher(store).add()
        self.start()

    def start(self) -> None:
        """Begin anew, as a restarted exporter does."""
        self.registry = CollectorRegistry()
        metrics = ExporterMetrics(self.registry)
        metrics.backups_on()
        self.backups = Backups(self.database, self.folder, metrics, lambda: self.now, every=DAY, kept=2)
        self.registry.register(BackupCollector(self.backups))

    def after(self, passed: timedelta) -> list[datetime]:
        """Let time pass and the exporter look; return when the copies in the folder were made."""
        self.look(passed)
        return [copy.made for copy in self.copies.all(self.now)]

    def look(self, passed: timedelta) -> None:
        """Let time pass and the exporter look."""
        self.now += passed
        self.backups.turn()

    @property
    def copies(self) -> Copies:
        return Copies(self.folder, self.database)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"northstar_backup_{name}", labels)

    def block(self) -> None:
        """Have something in the folder's place."""
        self.folder.write_text("")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_first_one_is_made_when_the_start_is_over_and_then_one_an_interval(desk: Desk) -> None:
    """Neither earlier nor later; as many stay as are to be kept."""
    assert desk.after(timedelta(0)) == []
    first = NOW + FIRST
    assert desk.after(FIRST) == [first]
    assert desk.after(DAY - timedelta(seconds=1)) == [first]
    assert desk.after(timedelta(seconds=1)) == [first + DAY, first]
    assert desk.after(DAY) == [first + 2 * DAY, first + DAY]


def test_restart_neither_forgets_the_newest_nor_makes_one_too_many(desk: Desk) -> None:
    """What is known is read from the disk, before anything is made."""
    made = desk.after(FIRST)
    desk.start()
    assert desk.metric("timestamp_seconds") is None
    assert desk.after(timedelta(hours=1)) == made
    assert desk.metric("timestamp_seconds") == made[0].timestamp()
    assert desk.metric("bytes") == desk.copies.all(desk.now)[0].size
    assert desk.metric("seconds") is None, "this run has made none"


def test_one_made_by_hand_counts(desk: Desk) -> None:
    """The next is due an interval later."""
    desk.after(FIRST)
    by_hand = back_up(desk.database, desk.copies, desk.now + DAY / 2)
    assert len(desk.after(DAY)) == 2
    assert desk.metric("timestamp_seconds") == (NOW + FIRST + DAY / 2).timestamp()
    by_hand.path.unlink()
    assert len(desk.after(timedelta(minutes=1))) == 2
    assert desk.metric("timestamp_seconds") == desk.now.timestamp()


def test_failure_is_one_sentence_and_one_count_and_is_tried_again_within_the_hour(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """And then it is made good."""
    desk.block()
    desk.look(FIRST)
    assert desk.backups.newest is None
    desk.look(AGAIN - timedelta(seconds=1))
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.getMessage().startswith("backup failed reason=folder No copy can be kept in ")
    assert line.exc_info is None
    assert desk.metric("failures_total", reason="folder") == 1
    assert desk.metric("failures_total", reason="no_room") == 0
    assert desk.metric("failures_total", reason="stopped") is None, "nothing failed then"
    desk.look(timedelta(seconds=1))
    assert desk.metric("failures_total", reason="folder") == 2
    desk.folder.unlink()
    assert len(desk.after(AGAIN)) == 1


def test_failure_deletes_no_older_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are kept may lie there; they go when a newer one is verified."""
    desk.after(FIRST)
    for hours in (1, 2, 3):
        back_up(desk.database, desk.copies, desk.now + timedelta(hours=hours))
    with monkeypatch.context() as patched:
        patched.setattr("exporter.store.backup.ROOM_BYTES", 2**62)
        assert len(desk.after(2 * DAY)) == 4
    assert desk.metric("failures_total", reason="no_room") == 1
    assert len(desk.after(AGAIN)) == 2


def test_surprise_is_counted_and_ends_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody thought of is told with its trace, and the next turn comes."""

    def surprise(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(module, "back_up", surprise)
        desk.after(FIRST)
    assert desk.metric("failures_total", reason="unexpected") == 1
    assert "nobody thought of this" in caplog.text
    assert len(desk.after(AGAIN)) == 1


def test_when_the_exporter_stops_a_copy_under_way_ends_without_a_failure(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is left, and nothing is said to be wrong."""
    desk.now += FIRST

    async def stopped() -> None:
        running = asyncio.create_task(desk.backups.run())
        monkeypatch.setattr("exporter.store.backup.BREATH_SECONDS", 0.01)
        monkeypatch.setattr("exporter.store.backup.STEP_PAGES", 1)
        await asyncio.to_thread(until, lambda: list(desk.folder.glob("*.partial")))
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(stopped())
    until(lambda: [each.name for each in desk.folder.iterdir()] == [".northstar.lock"])
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def families(registry: CollectorRegistry) -> dict[str, str]:
    """Return what a scrape shows of backups: names and types."""
    return {
        line.split()[2]: line.split()[3]
        for line in generate_latest(registry).decode().splitlines()
        if line.startswith("# TYPE northstar_backup_")
    }


def test_every_metric_of_the_catalogue_is_shown(desk: Desk) -> None:
    """With its type, once there is a backup."""
    desk.after(FIRST)
    own = families(desk.registry)
    assert {metric.name: metric.kind for metric in BACKUPS}.items() <= own.items()
    assert desk.metric("on") == 1
    assert (desk.metric("seconds") or 0) > 0


@pytest.fixture
def off() -> CollectorRegistry:
    """What is shown when no folder is set."""
    registry = CollectorRegistry()
    assert build_backups(read_settings({}), registry, ExporterMetrics(registry)) is None
    return registry


def test_where_backups_are_off_nothing_but_that_is_shown(off: CollectorRegistry) -> None:
    """An age of something that is not wanted would be wrong, whatever it is."""
    assert off.get_sample_value("northstar_backup_on") == 0
    shown = {
        sample.name
        for family in off.collect()
        for sample in family.samples
        if sample.name.startswith("northstar_backup_")
    }
    assert shown == {"northstar_backup_on"}


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({}, None),
        ({"NORTHSTAR_LIMIT_BACKUP_AGE_SECONDS": "5"}, None),
        ({"NORTHSTAR_BACKUP_FOLDER": "b"}, 49 * 3_600),
        ({"NORTHSTAR_BACKUP_FOLDER": "b", "NORTHSTAR_BACKUP_HOURS": "6"}, 13 * 3_600),
        ({"NORTHSTAR_BACKUP_FOLDER": "b", "NORTHSTAR_LIMIT_BACKUP_AGE_SECONDS": "5"}, 5),
    ],
)
def test_limit_is_two_intervals_and_an_hour_unless_set_and_off_without_backups(
    settings: dict[str, str], limit: int | None
) -> None:
    """One may fail and be made an interval later, and the hour is for making it."""
    assert read_settings(settings).limits["seconds"].get("backup_age") == limit


def test_commands_say_what_they_did(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Where, how large, up to which cursor, how verified; and what a restore set aside."""
    settings = read_settings({"DB_PATH": str(desk.database)})
    assert back_up_now(settings, Namespace(to=None)) == 0
    said = capsys.readouterr().out
    (copy,) = desk.copies.all(datetime.max.replace(tzinfo=NOW.tzinfo))
    with Store.read(desk.database) as store:
        epoch = store.snapshots.epoch
    assert said.startswith(f"{copy.path} holds the database up to snapshot {epoch}-1, 0.")
    assert "every row is the database's (0 records, 1 snapshots)" in said
    assert restore_from(settings, Namespace(file=copy.path)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{desk.database} is restored up to snapshot {epoch}-1 of {copy.path.name}")
    assert f"{desk.database}.replaced-" in said
    assert said.count("\n") == 1


def test_command_takes_the_folder_it_is_given_else_the_one_that_is_set(desk: Desk, tmp_path: Path) -> None:
    """And none of them is emptied by it."""
    for number in range(3):
        back_up(desk.database, desk.copies, NOW + timedelta(hours=number))
    settings = read_settings(
        {
            "DB_PATH": str(desk.database),
            "NORTHSTAR_BACKUP_FOLDER": str(desk.folder),
            "NORTHSTAR_BACKUPS_KEPT": "1",
        }
    )
    far = datetime.max.replace(tzinfo=NOW.tzinfo)
    back_up_now(settings, Namespace(to=tmp_path / "other"))
    back_up_now(settings, Namespace(to=None))
    assert len(Copies(tmp_path / "other", desk.database).all(far)) == 1
    assert len(desk.copies.all(far)) == 4
