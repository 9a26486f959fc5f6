"""Everybody comes back at once: after a kill, a planned end, and a cut on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import httpx

from exporter.store import Store

from . import process
from .fanout import report, swarm
from .table import Row, percentile, unmeasured
from .workshop import Workshop, moving

HOW = """A real sidecar process, one worker, and clients in a process of their own, each with its cursor; a
snapshot is committed four times a second all the while. *Killed*: the sidecar gets SIGKILL and is started
again at once. *Drained*: it gets SIGTERM, says goodbye, and is started again when it has ended. *Cut*: all
connections are closed at once, as by a proxy that is started anew, while other clients stay connected; what
these feel is the time from a commit to their delta, all of them in a second process. Clients come back
*spread*, after the wait that the stream told them, or *at once*, knocking twenty times a second where
nobody answers. Timed is from the first connection that ended until the last client has the next delta after
its cursor, the start of a new process included. A client that is sent anything else than the delta after
its own counts as lost or repeated. Memory is the most that the sidecar ever held."""

COMMIT_SECONDS = 0.25
STAYING = 200
CALM_SECONDS = 2.0
PATIENCE = 90.0
NOTHING = "0 lost or repeated"

Speaker = subprocess.Popen[str]
Happening = Callable[["Storm", Speaker], AbstractContextManager[Callable[[], str]]]
"""What cuts the clients; what it yields says afterwards how it was."""


def measure(workshop: Workshop) -> list[Row]:
    """Return one row for each end and each manner of coming back."""
    rows: list[Row] = []
    for ends, happens in (("killed", _killed), ("drained", _drained), ("cut", _cut)):
        for manner in ("spread", "at-once"):
            what = f"storm: {workshop.scale.beside:,} clients, {ends}, back {manner.replace('-', ' ')}"
            try:
                rows.append(_row(what, Storm(workshop, f"storm-{ends}-{manner}"), manner, happens))
            except (process.TookTooLong, OSError, ValueError) as error:
                rows.append(unmeasured(what, NOTHING, str(error) or type(error).__name__))
    return rows


class Storm:
    """A sidecar that may be started again, and a writer that commits meanwhile."""

    def __init__(self, workshop: Workshop, name: str) -> None:
        self.clients = workshop.scale.beside
        self._path = workshop.folder / f"{name}.sqlite3"
        self._environment = {
            **workshop.environment(self._path),
            "NORTHSTAR_STREAM_CLIENTS": "20000",
            "NORTHSTAR_STREAM_CLIENTS_PER_ADDRESS": "20000",
        }
        self._ledger = workshop.ledger(workshop.scale.few_records, 20)
        self.port = int(self._environment["PORT"])
        self.parts = ExitStack()
        self.child: subprocess.Popen[bytes]
        self.published: list[float] = []
        self.quiet = threading.Lock()
        """Nothing is committed while somebody holds it."""

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Commit at a steady pace while the block runs; the first snapshot is there when it begins."""
        with Store.write(self._path) as store:
            trees = moving(self._ledger, store.snapshots.epoch, 10**6)
            store.snapshots.append(next(trees))
            over = threading.Event()

            def commit() -> None:
                while not over.wait(COMMIT_SECONDS):
                    with self.quiet:
                        self.published.append(time.perf_counter())
                        store.snapshots.append(next(trees))

            writer = threading.Thread(target=commit)
            writer.start()
            try:
                yield
            finally:
                over.set()
                writer.join()

    def start(self) -> None:
        """Start the sidecar; return when it answers."""
        self.child = self.parts.enter_context(process.running("stream", environment=self._environment))
        with httpx.Client() as client:
            url = f"http://{process.HOST}:{self.port}/api/health/live"
            process.until(self.child, lambda: process.answer(client, url), PATIENCE)


def _row(what: str, storm: Storm, manner: str, happens: Happening) -> Row:
    with storm.parts, storm.committing():
        storm.start()
        arguments = (str(storm.port), str(storm.clients), manner)
        with process.speaking("tests.benchmarks.crowd", *arguments) as crowd, happens(storm, crowd) as said:
            found = process.asked(crowd, f"report {len(storm.published) + 3}")
            beside = said()
        peak = process.resident_bytes(storm.child.pid)[1]
    seconds = [back - found["cut"] for back in found["back"] if back] or [0.0]
    away = found["back"].count(0.0)
    measured = (
        f"all back after {max(seconds):.1f} s, half after {percentile(seconds, 50):.1f} s; {away} not back, "
        f"{found['faulty']} lost or repeated; {beside}; peak {peak / 1e6:.0f} MB"
    )
    return Row(what, NOTHING, measured, not (away or found["faulty"]))


@contextmanager
def _killed(storm: Storm, _crowd: Speaker) -> Iterator[Callable[[], str]]:
    began = time.perf_counter()
    os.killpg(storm.child.pid, signal.SIGKILL)
    storm.child.wait()
    storm.start()
    answered = time.perf_counter() - began
    yield lambda: f"the new process answered after {answered:.1f} s"


@contextmanager
def _drained(storm: Storm, _crowd: Speaker) -> Iterator[Callable[[], str]]:
    began = time.perf_counter()
    storm.child.terminate()
    storm.child.wait(PATIENCE)
    ended = time.perf_counter() - began
    storm.start()
    answered = time.perf_counter() - began
    yield lambda: f"the old process ended after {ended:.1f} s, a new one answered after {answered:.1f} s"


@contextmanager
def _cut(storm: Storm, crowd: Speaker) -> Iterator[Callable[[], str]]:
    with ExitStack() as stack:
        with storm.quiet:
            staying = stack.enter_context(swarm(storm.port, "/api/pnl/stream", STAYING))
            first = len(storm.published)
        time.sleep(CALM_SECONDS)
        process.tell(crowd, "cut")

        def felt() -> str:
            with storm.quiet:
                found = report(staying, storm.published[first:])
            times = f"p50 {found['p50'] * 1e3:.0f} ms, max {found['max'] * 1e3:.0f} ms"
            return f"{STAYING} that stayed had their deltas after {times}"

        yield felt
