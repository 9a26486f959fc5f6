"""Which tests are slow, what a quick one may not do, which tests one worker runs, and what all begin with."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import httpx
import pytest
from hypothesis import settings
from sqlalchemy import Engine
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from exporter.store import database, schema

TESTS = Path(__file__).parent

SLOW = ("benchmarks", "e2e", "grafana", "prometheus", "simulator")
"""Folders whose tests start programs, or wait for them, one and all; elsewhere a file or a test is marked."""

SLOW_FILE = re.compile(r"^pytestmark = .*\bpytest\.mark\.slow\b", re.MULTILINE)

SLOW_TEST = re.compile(r"\bpytest\.mark\.slow\b")

NAMEABLE = 60
"""Characters of a parameter that a test is called by."""

READS = {"git"}
"""What a quick test may start: it only reads, and answers at once."""

TOGETHER = {
    "tests/e2e/test_alerting.py",
    "tests/e2e/test_containers.py",
    "tests/e2e/test_messages.py",
    "tests/e2e/test_remote_read.py",
    "tests/grafana/test_missing.py",
    "tests/grafana/test_queries.py",
}
"""Files whose tests share a whole stack: a second one would only keep the first from answering in time."""

# An example that takes long on a busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.register_profile("few", settings.get_profile("patient"), max_examples=20, derandomize=True)
settings.load_profile("patient")

_quick: list[str] = []
"""The quick test that runs, if one does."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read only files that have tests of the kind that is to run: every worker reads them all."""
    unread = {"not slow": _is_slow_throughout, "slow": _is_quick_throughout}.get(config.getoption("markexpr"))
    return True if unread is not None and unread(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in a slow folder."""
    for item in items:
        if _in_slow_folder(item.path):
            item.add_marker(pytest.mark.slow)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Number what is no short text: a body or a hash may be another in each process, which xdist refuses."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > NAMEABLE) else None


@cache
def _in_slow_folder(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / folder) for folder in SLOW)


def _is_slow_throughout(path: Path) -> bool:
    return _in_slow_folder(path) or (path.suffix == ".py" and SLOW_FILE.search(path.read_text()) is not None)


def _is_quick_throughout(path: Path) -> bool:
    if path.suffix != ".py" or path.name == "conftest.py" or _in_slow_folder(path):
        return False
    return SLOW_TEST.search(path.read_text()) is None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Note whether the test that runs is a quick one."""
    _quick[:] = [] if item.get_closest_marker("slow") else [item.nodeid]
    try:
        return (yield)
    finally:
        _quick.clear()


def refuse_programs(event: str, arguments: tuple[object, ...]) -> None:
    """Let no quick test start a program: that is what makes a test slow, and fail on a busy machine."""
    if event == "subprocess.Popen" and _quick and Path(str(arguments[0])).name not in READS:
        message = f"{_quick[0]} starts {arguments[0]}: mark it with pytest.mark.slow, see CONTRIBUTING.md"
        raise PermissionError(message)


sys.addaudithook(refuse_programs)


@pytest.fixture(scope="session", autouse=True)
def made_once() -> Iterator[None]:
    """Give a new database the tables of the first one that was migrated here, and a name of its own.

    Nothing else of a test's set-up takes as long as nine migrations of nothing. A database that has any table
    is migrated step by step.
    """
    with (
        closing(sqlite3.connect(":memory:", check_same_thread=False)) as first,
        pytest.MonkeyPatch.context() as own,
    ):
        migrate = database.migrate

        def made(engine: Engine, to: str = schema.HEAD) -> None:
            with engine.connect() as opened:
                connection = opened.connection.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            if to != schema.HEAD or _has_tables(connection):
                migrate(engine, to)
            elif _has_tables(first):
                first.backup(connection)
                connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (database.new_epoch(),))
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                migrate(engine, to)
                connection.backup(first)

        own.setattr(database, "migrate", made)
        yield


@pytest.fixture(scope="session", autouse=True)
def trusted_once() -> Iterator[None]:
    """Read whom to trust once: each `httpx.get` does it anew, for thirty times as long as its answer takes.

    A test that asks again and again until something happens would take the time from what it waits for.
    """
    with pytest.MonkeyPatch.context() as own:
        own.setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))
        yield


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,)


class ByStack(LoadScopeScheduling):
    """Gives the tests of such a file to one worker, and every other test to the next one that is free.

    What pytest-xdist has for it, marks of a group, is lost on the way with pytest 9.2: it writes the group
    where that version no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByStack | None:
    """Spread the tests by stack when they are to be spread by group."""
    return ByStack(config, log) if config.getvalue("dist") == "loadgroup" else None
