"""A database of an older layout is brought to today's in place, says what it said, and survives any kill."""

from __future__ import annotations

import io
import json
import logging
import lzma
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exporter.errors import SchemaTooNew, StoreUnavailable
from exporter.explain import explain_day, explain_figure
from exporter.store import Store, moving, outdated, schema
from exporter.store.backup import back_up
from exporter.store.copies import Copies
from exporter.store.restore import restore
from exporter.times import unstamp

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 11, 25, tzinfo=UTC)

KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from exporter.store import Store, moving

moving.BATCH = 150
left = int(sys.argv[2])

@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

Store.write(Path(sys.argv[1])).close()
"""
"""Opens a database as the exporter does, and is killed before its n-th statement."""


class Older(NamedTuple):
    """A database that commit 60fe7b9 wrote, and what it answered."""

    path: Path
    answers: dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Older:
    path = tmp_path_factory.mktemp("older") / "northstar.sqlite3"
    path.write_bytes(lzma.decompress((FIXTURES / "layout-0004.sqlite3.xz").read_bytes()))
    answers = json.loads(lzma.decompress((FIXTURES / "layout-0004.json.xz").read_bytes()))
    return Older(path, answers)


@pytest.fixture
def older(written: Older, tmp_path: Path) -> Older:
    path = tmp_path / "northstar.sqlite3"
    shutil.copy(written.path, path)
    return Older(path, written.answers)


@pytest.fixture(scope="module")
def migrated(written: Older) -> Iterator[Store]:
    path = written.path.with_name("migrated.sqlite3")
    shutil.copy(written.path, path)
    with Store.write(path) as store:
        yield store


def rows(path: Path) -> dict[str, list[Any]]:
    """Return everything that a database holds."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def killed(path: Path, statement: int) -> bool:
    """Open a database in a process that is killed before a statement; tell whether it came so far."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path, str(statement)], capture_output=True, text=True
    )
    assert done.returncode in (0, -9), done.stderr
    return done.returncode == -9


def test_every_stored_snapshot_is_what_it_was(written: Older, migrated: Store) -> None:
    """Whole, at every sequence, with the reasons in the words of then."""
    told = written.answers["snapshots"]
    kept = range(migrated.snapshots.first_sequence(), migrated.snapshots.last_sequence() + 1)
    assert [tree for number in kept if (tree := migrated.snapshots.at(number)) is not None] == told
    assert len(told) > 150


def test_every_point_of_history_is_what_it_was(written: Older, migrated: Store) -> None:
    """By the name of each figure, from the snapshots and from the roll-ups."""
    start, end = datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
    for count, told in written.answers["history"].items():
        found = migrated.snapshots.history(start, end, int(count))
        assert [(point.as_of.isoformat(), point.sequence) for point in found] == [
            (at, n) for at, n, _ in told
        ]
        for point, (_, _, figures) in zip(found, told, strict=True):
            assert {name: point[name] for name in figures} == figures
    with migrated.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM rollups").scalar_one() > 50


def test_every_explanation_is_what_it_was(written: Older, migrated: Store) -> None:
    """Each figure of each window down to the raw answers, and each day of API cost. Reasons were sentences
    then, and are data now that say the same."""
    for told in written.answers["explained"]:
        asked = {"window": told["window"], "figure": told["figure"], "at": unstamp(told["as_of"])}
        explained = explain_figure(migrated, **asked, limit=20)
        sentences = [f"{reason.source}: {reason.text}" for reason in explained.because]
        assert explained.tree() | {"because": sentences} == told, asked
    for day, told in written.answers["days"].items():
        assert explain_day(migrated, date.fromisoformat(day)).tree() == told, day
    assert len(written.answers["explained"]) == 189


def test_every_record_has_the_source_of_its_reading(written: Older, migrated: Store) -> None:
    """And is otherwise as it was, but for transfers, which are scopes of their own now."""
    kinds = {
        "kalshi": {"fill", "settlement", "transfer"},
        "anthropic": {"billed_day", "usage_hour", "key_usage", "landing"},
        "sales": {"sale"},
    }
    with closing(sqlite3.connect(written.path)) as before:
        was = before.execute(
            "SELECT id, kind, key, revision, scope, at, reading, body FROM records"
        ).fetchall()
    with migrated.engine.connect() as connection:
        now = connection.exec_driver_sql(
            "SELECT id, kind, key, revision, scope, at, reading, body, source FROM records"
        ).all()
    assert len(was) == len(now) > 1_000
    for old, new in zip(sorted(was), sorted(now), strict=True):
        assert new.kind in kinds[new.source]
        scope = new.key if new.kind == "transfer" else new.scope
        assert tuple(new)[:-1] == (*old[:4], scope, *old[5:])


def test_killed_at_any_statement_it_goes_on_and_ends_the_same(
    older: Older, migrated: Store, tmp_path: Path
) -> None:
    """Killed again and again, a little further each time: until it is done the old program finds all."""
    records = len(older.answers["snapshots"]), rows(older.path)["records"]
    kills = 0
    for statement in (7, 16, 24, 31, 38, 44, 50, 60, 75):
        if not killed(older.path, statement):
            break
        kills += 1
        now = rows(older.path)
        if now["alembic_version"] == [(schema.HEAD,)]:  # killed as it was about to say that it is done
            break
        assert now["alembic_version"] == [("0004",)]
        assert (len(now["snapshots"]), now["records"]) == records
        with pytest.raises(StoreUnavailable, match=f"migrated from layout 0004 to {schema.HEAD}: wait"):
            Store.read(older.path)
    assert kills >= 5
    Store.write(older.path).close()
    ended, expected = rows(older.path), rows(Path(migrated.engine.url.database or ""))
    assert ended == expected


def test_what_the_program_of_before_books_in_between_is_not_lost(older: Older) -> None:
    """Killed half-way somebody may go back to it for a day: it finds its database, and so do we."""
    assert killed(older.path, 30)
    with closing(sqlite3.connect(older.path)) as connection:
        assert connection.execute("SELECT count(*) FROM records_0005").fetchone()[0] > 0
        connection.execute(
            "INSERT INTO records (kind, key, revision, scope, at, reading, body) "
            "SELECT kind, key, revision + 1, scope, at, reading, body FROM records "
            "WHERE kind = 'sale' ORDER BY id DESC LIMIT 1"
        )
        connection.commit()
        (key,) = connection.execute("SELECT key FROM records ORDER BY id DESC LIMIT 1").fetchone()
    with Store.write(older.path) as store:
        assert len(store.records.revisions("sales", "sale", key)) >= 2


def test_a_copy_made_half_way_is_whole_and_goes_on_where_it_is_restored(
    older: Older, migrated: Store, tmp_path: Path
) -> None:
    """A backup is of one moment, whatever moment that is."""
    assert killed(older.path, 30)
    made = back_up(older.path, Copies(tmp_path / "backups", older.path), NOW)
    assert made.contents.layout == "0004"
    assert made.contents.records == len(rows(older.path)["records"])
    restored = tmp_path / "elsewhere" / "northstar.sqlite3"
    restore(made.path, restored, NOW)
    expected = rows(Path(migrated.engine.url.database or ""))
    assert rows(restored)["records"] == expected["records"]


def test_without_room_it_is_refused_before_anything_is_changed(
    older: Older, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with both amounts; the database is what it was."""
    before = rows(older.path)
    with monkeypatch.context() as patched:
        patched.setattr(
            moving.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 100_000)
        )
        with pytest.raises(
            StoreUnavailable, match=r"Migrating 1,\d\d\d records .* takes \d\.\d MB, and the disk"
        ):
            Store.write(older.path)
    assert rows(older.path) == before
    Store.write(older.path).close()
    assert rows(older.path)["alembic_version"] == [(schema.HEAD,)]


def test_a_reader_says_which_way_the_layouts_differ(older: Older) -> None:
    """An older one is being migrated, a newer one asks for an upgrade."""
    with pytest.raises(StoreUnavailable, match="start the exporter if it does not run"):
        Store.read(older.path)
    with closing(sqlite3.connect(older.path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaTooNew, match=f"has layout 9999, this version reads {schema.HEAD}"):
        Store.read(older.path)


def test_only_an_older_layout_is_outdated(older: Older, migrated: Store, tmp_path: Path) -> None:
    """What `northstar up` migrates itself; what is wrong with another file is said by whoever opens it."""
    (tmp_path / "text").write_text("no database at all\n" * 100)
    for path, told in (
        (older.path, True),
        (Path(migrated.engine.url.database or ""), False),
        (tmp_path / "nothing", False),
        (tmp_path / "text", False),
    ):
        assert outdated(path) == told, path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar(older: Older, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing to all records."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    Store.write(older.path).close()
    assert "Migrating the database: 100%" in terminal.getvalue()
    assert terminal.getvalue().endswith("Indexing ...\n")


def test_in_a_log_there_are_lines(
    older: Older, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One every few seconds."""
    caplog.set_level(logging.INFO, "northstar")
    monkeypatch.setattr(moving, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(moving, "BATCH", 500)
    Store.write(older.path).close()
    said = [record.getMessage() for record in caplog.records if record.name == "northstar"]
    assert said.pop() == "migrating the database: indexing"
    assert len(said) == 3
    assert said[0].startswith("migrating the database: 500 of 1,")


def test_a_new_database_is_set_up_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader finds it whole or not at all: there is nothing to be moved, so nothing is committed early."""
    monkeypatch.setattr(moving, "commit", lambda connection: pytest.fail("a commit before the last one"))
    Store.write(tmp_path / "new.sqlite3").close()
    Store.read(tmp_path / "new.sqlite3").close()
