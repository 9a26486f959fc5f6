"""A command in a process that is forked from one which has imported the product already."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context, reduction
from pathlib import Path
from typing import TextIO, cast

LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1

IMPORTED = [
    "anyio._backends._asyncio",
    "exporter.cli",
    "exporter.commands.exporter",
    "exporter.sources.anthropic.organization",
    "exporter.sources.kalshi.account",
    "exporter.sources.kalshi.feed",
    "exporter.sources.sales.shop",
    "httpcore",
]
"""What an exporter has imported before its first reading: four fifths of what a start computes."""

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(IMPORTED)


def end_with_parent() -> None:
    """Have the kernel end this process when the tests are killed before they can."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Descriptor:
    """A file descriptor that arrives in the child as one of its own."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[..., int], tuple[object, ...]]:
        return _arrived, (reduction.DupFd(self.number),)


def _arrived(sent: reduction.DupFd) -> int:
    return cast(int, sent.detach())


class Forked:
    """What a test needs of `subprocess.Popen`, of such a process."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], arguments: Sequence[str], output: int
    ) -> None:
        self._process = FORKS.Process(
            target=_run, args=(folder, dict(environment), tuple(arguments), Descriptor(output))
        )
        self._process.start()

    @property
    def pid(self) -> int:
        return cast(int, self._process.pid)

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Return its exit code. Raises TimeoutError."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} did not end within {timeout} seconds")
        return self._process.exitcode

    def kill(self) -> None:
        """End it with SIGKILL, if it runs."""
        self._process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _run(folder: Path, environment: dict[str, str], arguments: tuple[str, ...], output: int) -> None:
    """Become what a shell would have started."""
    os.setsid()
    end_with_parent()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, stream in enumerate((sys.stdout, sys.stderr), 1):
        os.dup2(output, number)
        cast(TextIO, stream).reconfigure(write_through=True)  # type: ignore[attr-defined]
    os.close(output)
    sys.argv = ["northstar", *arguments]
    from exporter.cli import main  # imported by the process that this one is forked from

    sys.exit(main())
