"""Several processes on one port, each serving every cursor: the kernel spreads the clients among them.

Each worker has a listening socket of its own, which the parent made and keeps open. When a worker dies, the
clients that knock meanwhile wait in its queue, and the next one finds them there. They share nothing else,
as several machines would not.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from exporter.runtime import lifeline
from exporter.stream.metrics import MULTIPROCESS
from exporter.stream.server import listen, taken

POLL_SECONDS = 0.1
STOP_SECONDS = 5.0

SOON_SECONDS = 5.0
"""A worker that ends sooner than this after its start has not worked."""

PAUSE_SECONDS = 1.0
FAILURES = 3
"""Starts in a row that may fail before the whole gives up: what is wrong will not pass by itself."""


@dataclass(slots=True)
class Worker:
    """One process and the socket it serves."""

    listener: socket.socket
    child: subprocess.Popen[bytes]
    since: float
    failures: int = 0


def run(host: str, port: int, count: int) -> int:
    """Serve with `count` workers until SIGTERM or Ctrl-C; 1 when they cannot be kept running."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="northstar-stream-"))
        listeners: list[socket.socket] = []
        try:
            for _ in range(count):
                found = listeners[0].getsockname()[1] if listeners else port
                listeners.append(stack.enter_context(listen(host, found, shared=True)))
        except OSError as error:
            print(taken(host, port, error), file=sys.stderr)
            return 1
        stopping = stack.enter_context(_signals())
        workers = [Worker(one, _start(one, folder, count), time.monotonic()) for one in listeners]
        try:
            while not stopping:
                time.sleep(POLL_SECONDS)
                for worker in workers:
                    if (
                        worker.child.poll() is not None
                        and not stopping
                        and not _replace(worker, folder, count)
                    ):
                        return 1
        finally:
            _stop(workers)
    return 0


def _start(listener: socket.socket, folder: str, count: int) -> subprocess.Popen[bytes]:
    number = listener.fileno()
    environment = {**os.environ, MULTIPROCESS: folder}
    return lifeline.start(
        ["stream", "--workers", str(count), "--listener", str(number)], environment, pass_fds=[number]
    )


def _replace(worker: Worker, folder: str, count: int) -> bool:
    """Start a worker that ended anew; False when that has failed too often."""
    mark_process_dead(worker.child.pid, folder)  # type: ignore[no-untyped-call]
    lived = time.monotonic() - worker.since
    worker.failures = worker.failures + 1 if lived < SOON_SECONDS else 0
    if worker.failures >= FAILURES:
        print("A worker of the stream ends as soon as it starts; the lines above say why.", file=sys.stderr)
        return False
    if worker.failures:
        time.sleep(PAUSE_SECONDS)
    worker.child, worker.since = _start(worker.listener, folder, count), time.monotonic()
    return True


def _stop(workers: list[Worker]) -> None:
    for worker in workers:
        worker.listener.close()  # before they end: nobody is to knock where nobody will answer
        if worker.child.poll() is None:
            worker.child.terminate()
    for worker in workers:
        try:
            worker.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.child.kill()
            worker.child.wait()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT in the list while the block runs."""
    seen: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
