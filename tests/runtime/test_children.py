"""Child processes, real ones: none outlives its parent, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.runtime import children
from exporter.runtime.addresses import answers
from exporter.runtime.children import Children
from tests.ports import held_port

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds after which a test is hanging; nothing is measured against it."""

STAYS = ("simulator", "--port", "0", "--folder", ".")
LEAVES = ("--version",)

PARENT = """
import sys
from exporter.runtime.children import Children
from exporter.runtime.addresses import answers
port = sys.argv[1]
with Children() as children:
    child = children.start("simulator", ("simulator", "--port", port, "--folder", "."))
    if children.watch(lambda: answers(f"http://127.0.0.1:{port}/health")):
        print(child.process.pid, flush=True)
    children.watch()
"""


def until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)


def alive(number: int) -> bool:
    """Whether there is such a process that is more than a name in the kernel's table."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children work in a folder of the test, and find the program."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_no_child_outlives_its_parent(end: signal.Signals) -> None:
    """Whether the parent is killed, asked to end, interrupted, or loses its terminal."""
    command = [sys.executable, "-c", PARENT, str(held_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(end)
        until(lambda: not alive(child))


def test_a_child_that_cannot_listen_to_its_parent_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs does not hold up the end of the others."""
    monkeypatch.setattr(children, "STOP_SECONDS", 0.2)
    port = held_port()
    with Children() as family:
        stopped = family.start("stopped", ("simulator", "--port", str(port), "--folder", "."))
        other = family.start("other", STAYS)
        assert family.watch(lambda: answers(f"http://127.0.0.1:{port}/health"), PATIENCE)
        stopped.process.send_signal(signal.SIGSTOP)
    assert stopped.process.returncode == -signal.SIGKILL
    assert other.ended


def test_a_child_that_ends_is_seen_and_may_be_started_again() -> None:
    """Waiting ends with the first that ends by itself, however long it was meant to last."""
    with Children() as family:
        stays, leaves = family.start("stays", STAYS), family.start("leaves", LEAVES)
        first = leaves.process.pid
        assert not family.watch()
        assert family.ended() == [leaves]
        family.restart(leaves)
        assert leaves.process.pid != first
        assert not stays.ended
    assert stays.ended
    assert leaves.ended


def test_waiting_ends_when_what_it_waits_for_is_there_or_takes_too_long() -> None:
    """True and False tell which."""
    with Children() as family:
        assert family.watch(lambda: True)
        assert not family.watch(lambda: False, seconds=0.01)
        assert not family.stopping


def test_a_signal_ends_the_waiting_and_is_not_taken_for_a_failure() -> None:
    """Ended children are no failure any more, and what signals did before comes back."""
    before = signal.getsignal(signal.SIGTERM)
    with Children() as family:
        family.start("leaves", LEAVES)
        os.kill(os.getpid(), signal.SIGTERM)
        assert not family.watch()
        assert family.stopping
        assert family.ended() == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_children_have_the_environment_they_are_given_and_ours() -> None:
    """A setting of the parent's caller goes for them, too."""
    port = str(held_port())
    with Children({"NORTHSTAR_SIMULATOR_PORT": port}) as family:
        asked = family.start("fault", ("fault", "list"))
        family.watch()
        assert asked.process.returncode == 1  # there is no simulator: but it has found its settings
