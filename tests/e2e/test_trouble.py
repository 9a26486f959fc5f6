"""Everything a person can get wrong: one sentence each, an exit code, and never a stack."""

from __future__ import annotations

import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from exporter.simulator import examples
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.store import Store
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import HOST, figures, until
from tests.e2e.processes import Process, environment, finish
from tests.ports import held_port

COMMANDS = ("exporter", "check")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The company of examples; nobody changes it here."""
    with serve_in_thread(examples.company()) as served:
        yield served


@pytest.fixture
def settings(simulator: Simulator, tmp_path: Path) -> dict[str, str]:
    """Settings with which everything works."""
    return {
        **simulator.environment(),
        "DB_PATH": str(tmp_path / "northstar.sqlite3"),
        "NORTHSTAR_METRICS_PORT": str(held_port()),
        "PORT": str(held_port()),
        "NORTHSTAR_SIMULATOR_PORT": str(held_port()),
    }


def is_said(folder: Path, settings: dict[str, str], command: str, *words: str) -> list[str]:
    """Run a command that cannot work; return its lines after seeing that they say why, once."""
    left = finish(folder, settings, command)
    assert left.code == 1, left.output
    assert "Traceback" not in left.output, left.output
    assert "Error" not in left.output, left.output
    about = [line for line in left.sentences if all(word in line for word in words)]
    assert len(about) == 1, left.output
    assert re.search(r"[.)?]$", about[0]), about
    if command != "check":
        assert len(left.sentences) == 1, left.output
    return left.sentences


def test_check_finds_all_well_and_prints_a_line_per_part(tmp_path: Path, settings: dict[str, str]) -> None:
    """The database, one real call per source and what is read again, a sentence each, and exit code 0."""
    left = finish(tmp_path, settings, "check")
    assert left.code == 0, left.output
    # The venue of this test lives in another year, which the check notices.
    said = [line for line in left.sentences if not line.startswith("notice   The clock of ")]
    assert [line.split()[0] for line in said] == ["ok"] * 4 + ["info", "All"]


@pytest.mark.parametrize(
    ("name", "value", "source", "words"),
    [
        ("KALSHI_API_KEY", "00000000-0000-4000-8000-00000000dead", "kalshi", "HTTP 401"),
        ("ANTHROPIC_API_KEY", "sk-ant-admin01-of-somebody-else-entirely", "anthropic", "HTTP 401"),
        ("JOHN_API_TOKEN", "a-token-of-somebody-else", "sales", "HTTP 401"),
        ("KALSHI_BASE_URL", "{url}/elsewhere", "kalshi", "HTTP 404"),
        ("ANTHROPIC_BASE_URL", "{url}/elsewhere", "anthropic", "HTTP 404"),
        ("JOHN_API_BASE_URL", "{url}/elsewhere", "sales", "HTTP 404"),
        ("KALSHI_BASE_URL", "http://127.0.0.1:{closed}", "kalshi", "cannot be reached"),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:{closed}", "anthropic", "cannot be reached"),
        ("JOHN_API_BASE_URL", "http://no-such-host.invalid", "sales", "cannot be reached"),
    ],
)
def test_check_names_the_source_that_does_not_answer(
    tmp_path: Path,
    settings: dict[str, str],
    simulator: Simulator,
    name: str,
    value: str,
    source: str,
    words: str,
) -> None:
    """One problem, in one line, beside the parts that are well; the value of a key is not in it."""
    given = value.format(url=simulator.url, closed=held_port())
    left = finish(tmp_path, settings | {name: given}, "check")
    assert left.code == 1
    problems = [line for line in left.sentences if line.startswith("problem")]
    assert len(problems) == 1, left.output
    assert words in problems[0]
    assert problems[0].startswith(f"problem  {source}: ")
    assert sum(line.startswith("ok") for line in left.sentences) == 3
    assert left.sentences[-1] == "1 problem found."
    assert "Traceback" not in left.output
    assert "://" in given or given not in left.output


def test_exporter_goes_on_while_keys_are_wrong_and_says_so(tmp_path: Path, settings: dict[str, str]) -> None:
    """A refused key ends nothing: the others are shown, and the source has its reason everywhere."""
    wrong = settings | {
        "JOHN_API_TOKEN": "a-token-of-somebody-else",
        "ANTHROPIC_BASE_URL": f"http://{HOST}:1",
    }
    metrics = f"http://{HOST}:{settings['NORTHSTAR_METRICS_PORT']}/metrics"
    with Process(tmp_path, wrong, "exporter") as exporter, Process(tmp_path, wrong, "stream"):
        page = until(lambda: _page(metrics, 'northstar_source_errors_total{reason="connect"', exporter))
        page = until(lambda: _page(metrics, 'reason="unauthorised",source="sales"', exporter))
        assert 'northstar_source_up{source="sales"} 0.0' in page
        assert 'northstar_source_up{source="kalshi"} 1.0' in page

        def told() -> dict[str, dict[str, str]]:
            answer = httpx.get(f"http://{HOST}:{settings['PORT']}/api/pnl/current")
            sources = answer.json()["sources"] if answer.status_code == 200 else {}
            return {name: source["error"] for name, source in sources.items() if "error" in source}

        until(lambda: len(_calmly(told) or {}) == 2)
        errors = told()
        assert errors["sales"]["reason"] == "unauthorised"
        assert errors["anthropic"]["reason"] == "connect"
        assert exporter.running
        assert "Traceback" not in exporter.output


def _calmly(ask: object) -> object:
    try:
        return ask()  # type: ignore[operator]
    except httpx.HTTPError:
        return None


def _page(url: str, sought: str, exporter: Process) -> str | None:
    assert exporter.running, exporter.output
    try:
        text = httpx.get(url).text
    except httpx.HTTPError:
        return None
    return text if sought in text else None


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("content", ["nothing there", "a folder", "garbage", "binary", "not a key"])
def test_key_file_that_is_none_is_one_sentence(
    tmp_path: Path, settings: dict[str, str], command: str, content: str
) -> None:
    """Absent, unreadable, or something else than a key: said by name, never quoted."""
    path = tmp_path / "key.pem"
    if content == "a folder":
        path.mkdir()
    elif content == "binary":
        path.write_bytes(bytes(range(128, 256)))
    elif content == "not a key":
        path.write_text("-----BEGIN PRIVATE KEY-----\nZ2FyYmFnZS1nYXJiYWdl\n-----END PRIVATE KEY-----\n")
    elif content == "garbage":
        path.write_text("garbage-garbage-garbage")
    word = "private key" if content in ("garbage", "not a key") else "KALSHI_PRIVATE_KEY_PATH"
    lines = is_said(tmp_path, settings | {"KALSHI_PRIVATE_KEY_PATH": str(path)}, command, word)
    assert not any("garbage-garbage" in line or "Z2FyYmFn" in line for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["under a file", "in /proc", "a folder", "garbage", "cut off"])
def test_database_that_cannot_be_one_is_one_sentence(
    tmp_path: Path, settings: dict[str, str], command: str, place: str
) -> None:
    """A folder that cannot be written, also by root, and files that are no database of ours."""
    path = tmp_path / "there" / "northstar.sqlite3"
    if place == "under a file":
        (tmp_path / "there").write_text("a file")
    elif place == "in /proc":
        path = Path("/proc/northstar.sqlite3")
    elif place == "a folder":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir()
        Store.write(path).close()
        body = path.read_bytes()
        path.write_bytes(b"no database at all " * 500 if place == "garbage" else body[: len(body) // 3])
    is_said(tmp_path, settings | {"DB_PATH": str(path)}, command, str(path))


@pytest.mark.parametrize("command", [*COMMANDS])
def test_database_of_a_newer_version_is_left_alone(
    tmp_path: Path, settings: dict[str, str], command: str
) -> None:
    """Its layout is named and not one byte of it is touched."""
    path = Path(settings["DB_PATH"])
    Store.write(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    is_said(tmp_path, settings, command, "9999", "upgrade")
    assert path.read_bytes() == before


def test_stream_waits_for_a_database_and_names_a_newer_one(tmp_path: Path, settings: dict[str, str]) -> None:
    """The sidecar does not end for what may pass: it answers 503 with the sentence, then serves."""
    url = f"http://{HOST}:{settings['PORT']}/api"
    path = Path(settings["DB_PATH"])
    with Process(tmp_path, settings, "stream") as stream:
        until(lambda: _calmly(lambda: httpx.get(f"{url}/health/live").status_code == 200))
        answer = httpx.get(f"{url}/pnl/current")
        assert answer.status_code == 503
        assert "no database" in answer.json()["error"]["message"]
        elsewhere = tmp_path / "elsewhere.sqlite3"
        Store.write(elsewhere).close()
        with sqlite3.connect(elsewhere) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
        elsewhere.rename(path)
        until(lambda: "9999" in httpx.get(f"{url}/pnl/current").json()["error"]["message"])
        assert "Traceback" not in stream.output, stream.output
        stream.send(signal.SIGTERM)
        assert stream.wait() == 0


@pytest.mark.parametrize(
    ("command", "setting"), [("exporter", "NORTHSTAR_METRICS_PORT"), ("stream", "PORT"), ("up", "PORT")]
)
def test_port_in_use_is_one_sentence(
    tmp_path: Path, settings: dict[str, str], command: str, setting: str
) -> None:
    """It names the port; nothing else is printed and nothing is left running."""
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        is_said(tmp_path, settings | {setting: port}, command, port)


@pytest.mark.parametrize(
    ("command", "name", "value", "words"),
    [
        ("exporter", "NORTHSTAR_TIMEZOME", "UTC", ("NORTHSTAR_TIMEZOME", "NORTHSTAR_TIMEZONE")),
        ("check", "NORTHSTAR_TIMEZONE", "Mars/Olympus", ("NORTHSTAR_TIMEZONE", "IANA")),
        ("stream", "PORT", "eighty", ("PORT",)),
        ("demo", "NORTHSTAR_MARK_RULE", "best", ("NORTHSTAR_MARK_RULE", "bid")),
        ("up", "AGGREGATION_INTERVAL_MS", "1", ("AGGREGATION_INTERVAL_MS", "100")),
    ],
)
def test_typo_in_a_setting_is_one_sentence(
    tmp_path: Path, settings: dict[str, str], command: str, name: str, value: str, words: tuple[str, ...]
) -> None:
    """Every command reads the settings first and names the one that is wrong."""
    lines = is_said(tmp_path, settings | {name: value}, command, *words)
    assert len(lines) == 1


def test_all_mistakes_are_told_at_once(tmp_path: Path, settings: dict[str, str]) -> None:
    """Three wrong settings are three sentences of one run."""
    wrong = {"PORT": "eighty", "NORTHSTAR_MARK_RULE": "best", "NORTHSTAR_SOURCES": "kalshi,jon"}
    left = finish(tmp_path, settings | wrong, "exporter")
    assert left.code == 1
    assert len(left.sentences) == 3
    assert all(any(name in line for line in left.sentences) for name in wrong)


def test_missing_keys_are_a_sentence_each(tmp_path: Path) -> None:
    """An exporter without any key says which are missing and how to do without."""
    left = finish(tmp_path, {"DB_PATH": str(tmp_path / "x.sqlite3")}, "exporter")
    assert left.code == 1
    assert len(left.sentences) == 5
    assert all("NORTHSTAR_SOURCES" in line for line in left.sentences)


FULL_DISK = """
import resource, runpy, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
runpy.run_module("exporter", run_name="__main__", alter_sys=True)
"""


def test_full_disk_at_the_start_is_one_sentence(tmp_path: Path, settings: dict[str, str]) -> None:
    """Not even the tables fit: the path is named and the exporter leaves."""
    left = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(16 * 1024), "exporter"],
        cwd=tmp_path,
        env=environment(settings) | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert left.returncode == 1, left.stderr
    assert "Traceback" not in left.stderr, left.stderr
    assert settings["DB_PATH"] in left.stderr
    assert len(left.stderr.splitlines()) == 1, left.stderr


def test_disk_that_fills_up_costs_freshness_and_heals(simulate: Simulate, pipeline: Build) -> None:
    """Refused commits are counted, the last figures stay on show, and with room again all is caught up."""
    world = examples.company()
    running = pipeline(simulate(world))
    running.collect()
    before = running.latest
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        world.clock.advance(5)
        world.sales.sale("10.00", at=world.clock())
        running.collect("sales")
        running.publish()
        assert running.latest == before
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert running.metrics().get("northstar_store_errors_total") >= 2
    running.collect("sales")
    assert running.latest["sequence"] == before["sequence"] + 1
    gross = running.latest["windows"]["today"]["components"]["sales_gross"]["usd"]
    assert gross == "10.00"
    assert "error" not in running.latest["sources"]["sales"]
    assert [tree["sequence"] for tree in running.stored()] == list(range(1, before["sequence"] + 2))
    world.clock.advance(5)
    running.publish()
    assert figures(running.latest)["today.sales_gross"] == "10.00"


def test_database_removed_under_a_running_exporter_is_no_stack(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """Somebody deletes the file: the exporter goes on or says why, and the next start is a clean one."""
    fast = settings | {"AGGREGATION_INTERVAL_MS": "100"}
    metrics = f"http://{HOST}:{settings['NORTHSTAR_METRICS_PORT']}/metrics"
    with Process(tmp_path, fast, "exporter") as exporter:
        until(lambda: _page(metrics, "northstar_pnl_net_usd", exporter))
        for part in tmp_path.glob("northstar.sqlite3*"):
            part.unlink()
        until(lambda: _page(metrics, "northstar_pnl_net_usd", exporter))
        exporter.send(signal.SIGTERM)
        assert exporter.wait() == 0
        assert "Traceback" not in exporter.output, exporter.output
    with Process(tmp_path, fast, "exporter") as exporter:
        until(lambda: _page(metrics, "northstar_pnl_net_usd", exporter))
