"""From a commit to every client of the stream, beside nchan; stalled readers; everybody at once."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import httpx

from exporter.snapshot import diff, encode
from exporter.store import Store
from tests.ports import held_port

from . import nchan, process
from .swarm import SSE
from .table import Row, most, unmeasured
from .workshop import Workshop, moving

HOW = """A real sidecar process, one worker; the clients are raw sockets in one process of their own, which
notes when each has read the end of each delta (of a WebSocket's message, the beginning). The clock starts
before the snapshot is committed. nchan is Debian's nginx with one worker, in the same run: the clock starts
before the same bytes are posted to it. Memory is what the process holds more than before the clients came.
Beside clients that never read, all others are timed. *sse-starlette's own response* is
`tests/benchmarks/starlette_sse.py` in the sidecar's place. Half-open connections send half a request;
meanwhile a stream is opened and read. *All there* is the time in which all clients, connecting at once, had
their first snapshot. Sizes that the limit of open files does not permit are left out, and say so."""

PAUSE_PER_CLIENT = 1e-4
SHORTEST_PAUSE = 0.25
SPARE_FILES = 200
STALLED = 200


def measure(workshop: Workshop) -> list[Row]:
    """Return all rows; each size says for itself why it could not be measured."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    rows: list[Row] = []
    ours = None
    for kind, sizes in (("stream", workshop.scale.streams), ("ws", workshop.scale.streams[:3])):
        for clients in sizes:
            what = f"fan-out: {'SSE' if kind == 'stream' else 'WebSocket'}, {clients:,} clients"
            if clients + SPARE_FILES > limit:
                rows.append(unmeasured(what, "", f"this machine allows {limit:,} open files"))
                continue
            found = _guarded(rows, what, lambda kind=kind, clients=clients: _ours(workshop, kind, clients))
            if found is None:
                continue
            rows.append(Row(what, "all delivered", _shown(found), found["delivered"] == found["expected"]))
            if kind == "stream":
                rows.append(most(f"{what}, memory", found["memory"] / 1e3, 20, "kB a client"))
                ours = found if clients == workshop.scale.beside else ours
    rows += _beside(workshop, ours)
    for part in (_starlette, _stalled, _half_open):
        _guarded(rows, f"fan-out: {part.__name__.strip('_')}", lambda part=part: rows.extend(part(workshop)))
    return rows


def _guarded(rows: list[Row], what: str, measured: Callable[[], Any]) -> Any:
    try:
        return measured()
    except (process.TookTooLong, OSError, ValueError) as error:
        rows.append(unmeasured(what, "", str(error) or type(error).__name__))
        return None


def _beside(workshop: Workshop, ours: dict[str, float] | None) -> list[Row]:
    clients = workshop.scale.beside
    what = f"fan-out: nchan beside it, {clients:,} clients"
    rows: list[Row] = []
    theirs = _guarded(rows, what, lambda: _nchan(workshop, clients))
    if theirs is None or ours is None:
        return rows
    ratio = ours["p99"] / theirs["p99"]
    return [
        Row(what, "", _shown(theirs) + f"; {theirs['memory'] / 1e3:.1f} kB a client"),
        most(f"fan-out: p99 against nchan's, {clients:,} clients", ratio, 2, "x"),
    ]


def _shown(found: dict[str, float]) -> str:
    times = ", ".join(f"{name} {found[name] * 1e3:.1f} ms" for name in ("p50", "p99", "max"))
    delivered = f"{found['delivered']:,.0f} of {found['expected']:,.0f}"
    return f"{times}; {delivered}; all there after {found['connected']:.1f} s"


@contextmanager
def sidecar(
    workshop: Workshop, name: str, *, plain: bool = False
) -> Iterator[tuple[subprocess.Popen[bytes], int, Store]]:
    """Run a sidecar on a new database; a `plain` one serves with sse-starlette's own response."""
    path = workshop.folder / f"{name}.sqlite3"
    with Store.write(path) as store:
        environment = {
            **workshop.environment(path),
            "NORTHSTAR_STREAM_CLIENTS": "20000",
            "NORTHSTAR_STREAM_CLIENTS_PER_ADDRESS": "20000",
        }
        port = int(environment["PORT"])
        arguments = (str(path), str(port)) if plain else ("stream",)
        module = "tests.benchmarks.starlette_sse" if plain else "exporter"
        running = process.running(*arguments, environment=environment, module=module)
        with running as child, httpx.Client() as client:
            url = f"http://{process.HOST}:{port}/api/health/live"
            process.until(child, lambda: process.answer(client, url), 30)
            yield child, port, store


def swarm(port: int, path: str, clients: int) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run the clients; all have their first event when the block begins."""
    return process.speaking("tests.benchmarks.swarm", str(port), path, str(clients))


def report(crowd: subprocess.Popen[str], published: list[float]) -> dict[str, float]:
    """Return what the clients saw of the events published at these times."""
    return process.asked(crowd, json.dumps(published))


def _ours(
    workshop: Workshop, kind: str, clients: int, stalled: int = 0, *, plain: bool = False
) -> dict[str, float]:
    events = workshop.scale.stream_events
    with ExitStack() as open_until_the_end:
        child, port, store = open_until_the_end.enter_context(
            sidecar(workshop, f"fan-{kind}-{clients}-{stalled}-{plain}", plain=plain)
        )
        trees = moving(workshop.ledger(workshop.scale.few_records, 20), store.snapshots.epoch, events + 1)
        store.snapshots.append(next(trees))
        before = process.resident_bytes(child.pid)[0]
        for _ in range(stalled):
            deaf = open_until_the_end.enter_context(socket.create_connection((process.HOST, port)))
            deaf.sendall(SSE % b"/api/pnl/stream")
        began = time.perf_counter()
        with swarm(port, f"/api/pnl/{kind}", clients) as crowd:
            connected = time.perf_counter() - began
            published = []
            for tree in trees:
                published.append(time.perf_counter())
                store.snapshots.append(tree)
                time.sleep(max(SHORTEST_PAUSE, clients * PAUSE_PER_CLIENT))
            held = process.resident_bytes(child.pid)[0] - before
            found = report(crowd, published)
    return found | {"memory": held / (clients + stalled), "connected": connected}


def _nchan(workshop: Workshop, clients: int) -> dict[str, float]:
    port = held_port()
    ledger = workshop.ledger(workshop.scale.few_records, 20)
    trees = list(moving(ledger, "bench", workshop.scale.stream_events + 1))
    patches = [encode(diff(old, new)) for old, new in pairwise(trees)]
    with nchan.running(workshop.folder, port) as child:
        before = process.resident_bytes(child.pid)[0]
        began = time.perf_counter()
        with swarm(port, "/nchan", clients) as crowd:
            connected = time.perf_counter() - began
            published = []
            for patch in patches:
                published.append(time.perf_counter())
                nchan.publish(port, patch)
                time.sleep(max(SHORTEST_PAUSE, clients * PAUSE_PER_CLIENT))
            held = process.resident_bytes(child.pid)[0] - before
            found = report(crowd, published)
    return found | {"memory": held / clients, "connected": connected}


def _starlette(workshop: Workshop) -> list[Row]:
    clients = min(1_000, workshop.scale.beside)
    found = _ours(workshop, "stream", clients, plain=True)
    what = f"fan-out: sse-starlette's own response, {clients:,} clients"
    return [Row(what, "", _shown(found) + f"; {found['memory'] / 1e3:.1f} kB a client")]


def _stalled(workshop: Workshop) -> list[Row]:
    clients = min(1_000, workshop.scale.beside)
    stalled = min(STALLED, workshop.scale.beside)
    found = _ours(workshop, "stream", clients, stalled)
    what = f"fan-out: {clients:,} clients beside {stalled} that never read"
    return [
        Row(what, "all delivered", _shown(found), found["delivered"] == found["expected"]),
        most(f"{what}, memory of all", found["memory"] / 1e3, 256, "kB a client"),
    ]


def _half_open(workshop: Workshop) -> list[Row]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    wanted = min(10_000, workshop.scale.streams[-1], limit - SPARE_FILES)
    with ExitStack() as open_until_the_end:
        child, port, store = open_until_the_end.enter_context(sidecar(workshop, "half-open"))
        for tree in moving(workshop.ledger(workshop.scale.few_records, 20), store.snapshots.epoch, 1):
            store.snapshots.append(tree)
        before = process.resident_bytes(child.pid)[0]
        for _ in range(wanted):
            half = open_until_the_end.enter_context(socket.create_connection((process.HOST, port)))
            half.sendall(b"GET /api/pnl/stream HTTP/1.1\r\nHo")
        began = time.perf_counter()
        with swarm(port, "/api/pnl/stream", 1):
            seconds = time.perf_counter() - began
        held = process.resident_bytes(child.pid)[0] - before
    return [
        Row(
            f"fan-out: a client beside {wanted:,} half-open connections",
            "is served",
            f"its snapshot after {seconds:.2f} s; {held / wanted / 1e3:.1f} kB for each of them",
            True,
        )
    ]
