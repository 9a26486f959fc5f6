"""Several processes on one port: one cursor, one page of metrics, and no end with one of them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from exporter.stream.workers import listen_together
from tests.ports import held_port
from tests.stream.builders import Writer
from tests.stream.serving import PATIENCE, listening, until

pytestmark = pytest.mark.slow

CHILDREN = Path("/proc/self/task")


def workers(parent: subprocess.Popen[bytes]) -> list[int]:
    listed = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    return [int(number) for number in listed.read_text().split()]


@pytest.fixture
def parent(path: Path, writer: Writer) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`northstar stream --workers 3`, once it answers."""
    with running(path) as found:
        yield found


@contextmanager
def running(path: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = held_port()
    child = subprocess.Popen(
        [sys.executable, "-m", "exporter", "stream", "--workers", "3"],
        env={**os.environ, "DB_PATH": str(path), "PORT": str(port), **settings},
        cwd=path.parent,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: clients(url) == 0, 3 * PATIENCE)
        yield child, url
    finally:
        child.terminate()
        assert child.wait(PATIENCE) in (0, -signal.SIGKILL)
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


def started(path: Path, port: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `northstar stream` until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", "stream", *arguments],
        env={**os.environ, "DB_PATH": str(path), "PORT": port},
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
    )


def clients(url: str) -> float | None:
    try:
        page = httpx.get(url + "/metrics", timeout=PATIENCE).text
    except httpx.TransportError:
        return None
    found = re.search(r'^northstar_stream_clients\{transport="sse"\} (\S+)$', page, re.MULTILINE)
    return float(found[1]) if found else None


@pytest.mark.skipif(not CHILDREN.exists(), reason="this system does not list the children of a process")
def test_workers_serve_the_same_cursor_count_together_and_are_replaced(
    parent: tuple[subprocess.Popen[bytes], str], writer: Writer
) -> None:
    """Whichever worker answers, what it says is the same; one that is killed comes back."""
    child, url = parent
    with ExitStack() as streams:
        told = [streams.enter_context(listening(url)) for _ in range(9)]
        assert {next(events).id for events in told} == {f"{writer.epoch}-5"}
        until(lambda: clients(url) == 9)
        writer.commit()
        assert {next(events).id for events in told} == {f"{writer.epoch}-6"}
    before = set(until(lambda: len(workers(child)) == 3 and workers(child)))
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(set(workers(child)) - before) == 1)
    for _ in range(12):
        with listening(url, cursor=f"{writer.epoch}-4") as events:
            assert [next(events).id for _ in range(2)] == [f"{writer.epoch}-5", f"{writer.epoch}-6"]
    until(lambda: clients(url) == 0)
    page = httpx.get(url + "/metrics", timeout=PATIENCE).text
    # Counters go on where a worker that died left them.
    assert 'northstar_stream_events_total{event="snapshot",transport="sse"} 9.0' in page
    assert "pid=" not in page


def test_limits_hold_for_all_workers_together(path: Path, writer: Writer) -> None:
    """Three places among three workers: whoever comes beyond is told when to try again."""
    with running(path, NORTHSTAR_STREAM_CLIENTS="3") as (_, url), ExitStack() as streams:
        refused = 0
        while refused < 20:
            client = streams.enter_context(httpx.Client(timeout=PATIENCE))
            answer = streams.enter_context(client.stream("GET", f"{url}/api/pnl/stream"))
            if answer.status_code != 200:
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) > 0
                refused += 1
        assert 1 <= (clients(url) or 0) <= 3


def test_workers_end_with_a_parent_that_is_killed(parent: tuple[subprocess.Popen[bytes], str]) -> None:
    """Nobody is left to serve old figures, or to keep the port."""
    child, url = parent
    child.kill()
    until(lambda: clients(url) is None)


def test_a_port_that_workers_serve_is_refused_to_everybody_else(
    parent: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    """Also to workers of another database, which the kernel would let share it: clients would get either."""
    _, url = parent
    for others in ([], ["--workers", "2"]):
        done = started(tmp_path / "other.sqlite3", url.rpartition(":")[2], *others)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "cannot listen" in done.stderr
    assert clients(url) == 0


def test_only_one_of_many_who_ask_at_once_is_given_the_port() -> None:
    """The first is alone on it before it shares: there is no moment in which two could have it."""
    port = held_port()
    together = Barrier(8)

    def ask(_: int) -> list[socket.socket]:
        together.wait(PATIENCE)
        try:
            return listen_together("127.0.0.1", port, 2)
        except OSError:
            return []

    for _ in range(20):
        with ThreadPoolExecutor(8) as crowd, ExitStack() as opened:
            given = [listeners for listeners in crowd.map(ask, range(8)) if listeners]
            for listeners in given:
                for listener in listeners:
                    opened.enter_context(listener)
            assert len(given) == 1


@pytest.mark.parametrize("shared", [False, True])
def test_workers_that_cannot_start_end_the_whole(path: Path, shared: bool) -> None:
    """A taken port is one sentence, whoever has it."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=shared) as taken:
        done = started(path, str(taken.getsockname()[1]), "--workers", "2")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot listen" in done.stderr


@pytest.mark.skipif(not CHILDREN.exists(), reason="this system does not list the children of a process")
def test_what_killed_workers_counted_in_is_removed_at_the_next_start(path: Path, tmp_path: Path) -> None:
    """A parent that is killed removes nothing; its workers end by themselves, and the next start looks."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with running(path, TMPDIR=str(temporary)) as (parent, _):
        [left] = temporary.iterdir()
        children = workers(parent)
        parent.kill()
        parent.wait(PATIENCE)
        until(lambda: not any(Path(f"/proc/{number}").exists() for number in children))
    assert left.exists()
    with running(path, TMPDIR=str(temporary)) as (_, url), running(path, TMPDIR=str(temporary)):
        assert not left.exists()
        assert len(list(temporary.iterdir())) == 2
        assert clients(url) == 0
    assert list(temporary.iterdir()) == []
