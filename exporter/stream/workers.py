"""Worker processes on one port (SO_REUSEPORT): each serves every cursor, the kernel spreads the clients.

Each worker has a listening socket of its own, which the parent made and keeps open. When a worker dies, the
clients that knock meanwhile wait in its queue, and the next one finds them there. They share nothing else,
as several machines would not.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from exporter.runtime.children import Child, Children
from exporter.runtime.scratch import scratch
from exporter.stream.metrics import MULTIPROCESS
from exporter.stream.server import listen, taken

COUNTERS = "northstar-workers-"
"""How the folder is called in which the workers count together."""

SOON_SECONDS = 5.0
"""A worker that ends sooner than this after its start has not worked."""

PAUSE_SECONDS = 1.0
FAILURES = 3
"""Starts in a row that may fail before the whole gives up: what is wrong will not pass by itself."""


@dataclass(slots=True)
class Worker:
    """One process, and how often in a row its start has failed."""

    child: Child
    failures: int = 0


def run(host: str, port: int, count: int) -> int:
    """Serve with `count` workers until SIGTERM or Ctrl-C; 1 when they cannot be kept running."""
    with ExitStack() as stack:
        folder, lock = stack.enter_context(scratch(COUNTERS))
        children = stack.enter_context(Children({MULTIPROCESS: str(folder)}))
        try:
            listeners = listen_together(host, port, count)
        except OSError as error:
            print(taken(host, port, error), file=sys.stderr)
            return 1
        for listener in listeners:  # closed before the workers end: nobody is to knock where nobody answers
            stack.enter_context(listener)
        workers = [Worker(_start(children, listener, count, lock)) for listener in listeners]
        while not children.stopping:
            children.watch()
            for worker in workers:
                if worker.child in children.ended() and not _replace(children, worker, folder):
                    return 1
    return 0


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Return `count` sockets that listen on one address, among which the kernel spreads the clients.

    Raises OSError where anybody listens there already, whatever he would share: the first is bound to the
    address alone, and shares it with the others once it has it.
    """
    with ExitStack() as stack:
        first = stack.enter_context(listen(host, port))
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found = first.getsockname()[1]
        others = [stack.enter_context(listen(host, found, shared=True)) for _ in range(count - 1)]
        stack.pop_all()
    return [first, *others]


def _start(children: Children, listener: socket.socket, count: int, lock: int) -> Child:
    number = listener.fileno()
    arguments = ["stream", "--workers", str(count), "--listener", str(number)]
    return children.start("worker", arguments, inherited=[number, lock])


def _replace(children: Children, worker: Worker, folder: Path) -> bool:
    """Start a worker that ended anew; False when that has failed too often."""
    mark_process_dead(worker.child.process.pid, str(folder))  # type: ignore[no-untyped-call]
    lived = time.monotonic() - worker.child.since
    worker.failures = worker.failures + 1 if lived < SOON_SECONDS else 0
    if worker.failures >= FAILURES:
        print("A worker of the stream ends as soon as it starts; the lines above say why.", file=sys.stderr)
        return False
    if worker.failures:
        time.sleep(PAUSE_SECONDS)
    children.restart(worker.child)
    return True
