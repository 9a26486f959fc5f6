"""The commands as somebody types them: into a pipe, beside one that runs, or only to look."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import NORTHSTAR, Process, environment
from tests.ports import held_port


@pytest.mark.parametrize("command", ["settings", "check"])
def test_a_reader_that_has_enough_leaves_no_traceback(tmp_path: Path, command: str) -> None:
    """As `| head -1` does; the exit code is that of any program whose reader left."""
    child = subprocess.Popen(
        [*NORTHSTAR, command],
        cwd=tmp_path,
        env=environment({"NORTHSTAR_SOURCES": "sales", "JOHN_API_BASE_URL": f"http://{HOST}:{held_port()}"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()  # before a line was read
    assert child.stderr.read() == ""
    assert child.wait() == 141


def test_the_simulator_says_where_it_is(tmp_path: Path) -> None:
    """Also on a port that is any, and its dial is where it says."""
    with Process(tmp_path, {}, "simulator", "--port", "0", "--folder", str(tmp_path)) as process:
        until(lambda: "simulator started" in process.output or not process.running, 60)
        (said,) = [word for word in process.output.split() if word.startswith("faults=")]
        assert httpx.get(said.removeprefix("faults=")).status_code == 200
        process.send(signal.SIGTERM)
        assert process.wait() == 0, process.output
