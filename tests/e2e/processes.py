"""The commands as a person runs them: processes of their own, ended with the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.forked import Forked, end_with_parent
from tests.e2e.pipeline import PATIENCE

ROOT = Path(__file__).parents[2]

BYTECODE = Path(tempfile.gettempdir()) / f"northstar-tests-bytecode-{os.getuid()}"
"""Where the children keep what they compiled: a start then takes half a second and not two."""


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: what Python needs, the settings, and nothing from outside."""
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(BYTECODE),
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


NORTHSTAR = (sys.executable, "-m", "exporter")


class Process:
    """`northstar ...` in a folder; what it prints is kept, and what is left at the end is killed."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], *arguments: str, program: Sequence[str] = NORTHSTAR
    ) -> None:
        self.arguments = arguments
        self._output = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the process
        self.child = self._started(folder, environment(settings), program)

    def _started(
        self, folder: Path, environ: dict[str, str], program: Sequence[str]
    ) -> subprocess.Popen[bytes] | Forked:
        return subprocess.Popen(
            [*program, *self.arguments],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent if sys.platform == "linux" else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._output.close()

    @property
    def running(self) -> bool:
        return self.child.poll() is None

    @property
    def output(self) -> str:
        """Everything printed so far, both streams."""
        return os.pread(self._output.fileno(), 2**24, 0).decode()

    def kill(self) -> None:
        """End it with SIGKILL, as a lost machine would."""
        self.child.kill()
        self.child.wait(PATIENCE)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.child.send_signal(number)

    def wait(self) -> int:
        """Return its exit code."""
        return self.child.wait(PATIENCE)


class QuickProcess(Process):
    """The same, without the second that each start spends on imports: for who starts a hundred of them."""

    def _started(self, folder: Path, environ: dict[str, str], program: Sequence[str]) -> Forked:
        assert program == NORTHSTAR
        return Forked(folder, environ, self.arguments, self._output.fileno())


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    output: str

    @property
    def sentences(self) -> list[str]:
        """The lines it printed."""
        return [line for line in self.output.splitlines() if line.strip()]


def finish(folder: Path, settings: Mapping[str, str], *arguments: str) -> Finished:
    """Run a command to its own end."""
    with Process(folder, settings, *arguments) as process:
        code = process.wait()
        return Finished(code, process.output)
