"""`northstar demo`, as a stranger runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.observers import Listener
from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import Process, finish
from tests.ports import held_port

IPV6 = Path("/proc/net/if_inet6").exists() and "lo" in Path("/proc/net/if_inet6").read_text().split()


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Free ports, and a place of the test for what the demo throws away."""
    return {
        "PORT": str(held_port()),
        "NORTHSTAR_METRICS_PORT": str(held_port()),
        "NORTHSTAR_SIMULATOR_PORT": str(held_port()),
        "TMPDIR": str(tmp_path),
        "NORTHSTAR_BACKUP_FOLDER": str(tmp_path / "backups"),
    }


@pytest.fixture
def demo(tmp_path: Path, settings: dict[str, str]) -> Iterator[Process]:
    """A demo that has said where it is."""
    with Process(tmp_path, settings, "demo") as process:
        try:
            until(lambda: "Ctrl-C stops everything" in process.output or not process.running, 60)
            assert process.running, process.output
            yield process
        finally:
            process.send(signal.SIGTERM)
            process.wait()


def children(process: Process) -> list[int]:
    """Return the processes it started that are still there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process.child.pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_demo_that_is_killed_leaves_nothing_running(demo: Process, settings: dict[str, str]) -> None:
    """`kill -9` of the command ends its parts as well, and the next demo finds their ports free."""
    started = children(demo)
    assert len(started) == 3
    demo.kill()
    until(lambda: not any(alive(number) for number in started), 60, "for the parts to end")
    for port in (settings["PORT"], settings["NORTHSTAR_METRICS_PORT"], settings["NORTHSTAR_SIMULATOR_PORT"]):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, int(port)))


def test_a_demo_that_is_interrupted_while_it_starts_has_not_failed(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """Ctrl-C is what was wanted: no sentence says that something went wrong, and the data goes."""
    with Process(tmp_path, settings, "demo") as process:
        until(lambda: "Starting" in process.output, 60)
        process.send(signal.SIGINT)
        assert process.wait() == 0, process.output
        assert "did not start" not in process.output
        assert "Traceback" not in process.output
        assert process.output.rstrip().endswith("Stopped.")
    assert not list(tmp_path.glob("northstar-demo-*")), "the demo left its data behind"


@pytest.mark.skipif(not IPV6, reason="this machine has no IPv6")
def test_a_demo_needs_neither_a_proxy_nor_ipv4(tmp_path: Path, settings: dict[str, str]) -> None:
    """Its parts are on this machine, where no proxy leads, least of all a dead one."""
    dead = f"http://{HOST}:{held_port()}"
    proxies = {"http_proxy": dead, "HTTPS_PROXY": dead, "ALL_PROXY": "socks://127.0.0.1:1"}
    with Process(tmp_path, settings | proxies | {"NORTHSTAR_HOST": "::1"}, "demo") as process:
        until(lambda: "Ctrl-C stops everything" in process.output or not process.running, 60)
        page = f"http://[::1]:{settings['PORT']}/"
        assert f"live page   {page}\n" in process.output
        until(lambda: _net(f"{page}api/pnl/current"), 60, process.output)
        process.send(signal.SIGTERM)
        assert process.wait() == 0, process.output


def test_demo_shows_addresses_that_answer_and_a_number_that_moves(
    demo: Process, settings: dict[str, str], tmp_path: Path
) -> None:
    """Three addresses, figures that change by themselves and say they are made up, and an end to it all."""
    page, stream, metrics = (
        re.findall(rf"^  {name} +(http://\S+)$", demo.output, re.MULTILINE)[0]
        for name in ("live page", "stream", "metrics")
    )
    assert page == f"http://{HOST}:{settings['PORT']}/"
    assert httpx.get(page).status_code == 200
    until(lambda: "northstar_pnl_net_usd" in httpx.get(metrics).text, what="for a net")
    assert "\nnorthstar_backup_on 0.0" in httpx.get(metrics).text, "it keeps what it throws away"
    current = stream.replace("/stream", "/current")
    first = until(lambda: _net(current))
    assert httpx.get(current).json()["demo"] is True
    until(lambda: _net(current) != first, 60, "for the net to move")
    with Listener(page.rstrip("/")) as listener:
        until(lambda: listener.kinds.count("delta") > 2, 60, "for deltas")
    assert listener.troubles == []

    (database,) = re.findall(r"^  database +DB_PATH=(\S+) in front of ", demo.output, re.MULTILINE)
    for command in (("explain",), ("token", "list"), ("backup", "--to", str(tmp_path / "copies"))):
        done = finish(tmp_path, {"DB_PATH": database}, *command)
        assert done.code == 0, done.output

    started = children(demo)
    assert len(started) == 3
    demo.send(signal.SIGINT)
    assert demo.wait() == 0, demo.output
    assert not any(alive(number) for number in started)
    assert "Traceback" not in demo.output, demo.output
    assert demo.output.rstrip().endswith("Stopped.")
    assert not list(tmp_path.glob("northstar-demo-*")), "the demo left its data behind"


def _net(url: str) -> str | None:
    answer = httpx.get(url)
    shown = answer.json()["windows"]["today"]["net"] if answer.status_code == 200 else {}
    return shown.get("usd")


@pytest.mark.parametrize("setting", ["PORT", "NORTHSTAR_METRICS_PORT", "NORTHSTAR_SIMULATOR_PORT"])
def test_port_in_use_is_one_sentence(tmp_path: Path, settings: dict[str, str], setting: str) -> None:
    """Which port, what for, and which setting moves it; nothing is started."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        left = finish(tmp_path, settings | {setting: str(port)}, "demo")
    assert left.code == 1
    ours = [line for line in left.sentences if str(port) in line]
    assert len(ours) == 1, left.output
    assert setting in ours[0]
    assert "Traceback" not in left.output
    assert "Starting" not in left.output
