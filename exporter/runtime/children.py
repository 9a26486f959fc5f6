"""Child processes: the one way in which a process of ours starts, watches and ends another.

No child outlives its parent by more than a moment, however that one ended. The parent holds one end of a pipe
and never writes to it. When the parent is gone, even by `kill -9`, the kernel closes that end, and the child,
which listens at the other, stops as it would on SIGTERM. Without this a killed demo would leave its parts
behind, on the ports that the next one wants.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

STOP_SECONDS = 9.0
"""What a child has to stop in, whether its parent asks or is gone; then it is killed."""

POLL_SECONDS = 0.05
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Child:
    """One process that was started, and how it is started again."""

    name: str
    arguments: Sequence[str]
    inherited: Sequence[int]
    process: subprocess.Popen[bytes]
    since: float

    @property
    def ended(self) -> bool:
        """Whether it is not running any more."""
        return self.process.poll() is not None


class Children:
    """The children of this process, which all end with the block; SIGTERM and Ctrl-C are noted meanwhile."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {})}
        self._children: list[Child] = []
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self.stopping = False
        """Whether this process was told to stop."""

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def start(self, name: str, arguments: Sequence[str], inherited: Sequence[int] = ()) -> Child:
        """Start `northstar` with these arguments, and with the open files and sockets of these numbers."""
        child = Child(name, arguments, inherited, self._started(arguments, inherited), time.monotonic())
        self._children.append(child)
        return child

    def restart(self, child: Child) -> None:
        """Start a child that ended once more."""
        child.process, child.since = self._started(child.arguments, child.inherited), time.monotonic()

    def watch(self, done: Callable[[], bool] = lambda: False, seconds: float = float("inf")) -> bool:
        """Wait until `done` and return True; False when we are told to stop, a child ended or time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping and not any(each.ended for each in self._children):
            if done():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def ended(self) -> list[Child]:
        """Return those that ended by themselves."""
        return [] if self.stopping else [child for child in self._children if child.ended]

    def _started(self, arguments: Sequence[str], inherited: Sequence[int]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own program, with arguments of our own
            [sys.executable, "-m", __name__, *arguments],
            env=self._environment,
            pass_fds=inherited,
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its children in order
        )

    def _stop(self) -> None:
        """Ask all to end, last started first; kill what does not."""
        for child in reversed(self._children):
            if not child.ended:
                child.process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for child in self._children:
            try:
                child.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        """Nobody writes; only the end of the pipe ends this."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    runpy.run_module("exporter", run_name="__main__")
