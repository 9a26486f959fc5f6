"""One cursor through restarts of writer and sidecar and random changes of transport: nothing lost."""

from __future__ import annotations

import base64
import json
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.snapshot import Snapshot, apply, from_json
from exporter.store import Store
from tests.builders import bare, held
from tests.ports import held_port

from . import books, process
from .table import Row
from .workshop import Workshop

HOW = """Snapshots are committed as fast as they can be, by a writer that is closed and opened again in
between; the sidecar, a real process with two workers, is killed (`kill -9`) and started again meanwhile.
Readers follow over Server-Sent Events, the WebSocket and polling, go over to another one at random moments,
and resume with their cursor. Each checks that sequences follow one another, and in the end that what it holds
is what is stored. The writer waits for readers that are far behind, so that none is brought forward with a
snapshot (`resync`), which would hide events; one that is, counts as a fault."""

READERS = 2
LAG = 48
"""Events that a reader may be behind before the writer waits: fewer than a slow one is spared (`resync`)."""

KILLS = 6
WRITERS = 8
SWITCH_SECONDS = (0.02, 0.6)
PATIENCE = 60.0
START_SECONDS = 30.0
READ_BYTES = 65_536


@dataclass(slots=True)
class Reader:
    """A client that holds a tree and a cursor, whatever way they come."""

    port: int
    dice: random.Random
    tree: dict[str, Any] = field(default_factory=dict)
    deltas: int = 0
    skipped: int = 0
    switches: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def sequence(self) -> int:
        found: int = self.tree.get("sequence", 0)
        return found

    @property
    def cursor(self) -> str:
        return f"{self.tree['epoch']}-{self.sequence}" if self.tree else ""

    def follow(self, done: Callable[[], bool]) -> None:
        """Read by one transport after the other until `done`."""
        ways = (self._sse, self._ws, self._poll)
        while not done():
            until = time.monotonic() + self.dice.uniform(*SWITCH_SECONDS)
            try:
                self.dice.choice(ways)(until, done)
                self.switches += 1
            except OSError:
                self.refused += 1
                time.sleep(0.02)
            except Exception as error:  # noqa: BLE001 - told in the row; the thread has nobody else
                self.faults.append(repr(error))
                return

    def take(self, kind: str, data: Any) -> None:
        """Take one message in."""
        if kind == "snapshot":
            before = self.sequence
            if self.tree and (data["epoch"] != self.tree["epoch"] or data["sequence"] < before):
                self.faults.append(f"a snapshot {data['sequence']} came after {before}")
            self.skipped += max(0, data["sequence"] - before) if self.tree else 0
            self.tree = data
        elif kind == "delta":
            if data["sequence"] != self.sequence + 1:
                self.faults.append(f"delta {data['sequence']} came after {self.sequence}")
            self.tree = apply(self.tree, data)
            self.deltas += 1

    def _ask(self, path: str, headers: str = "") -> socket.socket:
        line = socket.create_connection((process.HOST, self.port), timeout=0.2)
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {process.HOST}\r\n{headers}\r\n".encode())
        return line

    def _sse(self, until: float, done: Callable[[], bool]) -> None:
        since = f"Last-Event-ID: {self.cursor}\r\n" if self.tree else ""
        with self._ask("/api/pnl/stream", since) as line:
            held, body = b"", b""
            for data in _reads(line, until, done):
                held += data
                if b"\r\n\r\n" in held and not body.startswith(b"\n"):
                    _, _, held = held.partition(b"\r\n\r\n")
                    body = b"\n"
                if body:
                    held, whole = _unchunked(held)
                    body += whole
                    *events, rest = body[1:].split(b"\n\n")
                    body = b"\n" + rest
                    for event in events:
                        fields = dict(part.split(b": ", 1) for part in event.split(b"\n") if b": " in part)
                        if b"event" in fields:
                            self.take(fields[b"event"].decode(), json.loads(fields[b"data"]))

    def _ws(self, until: float, done: Callable[[], bool]) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        with self._ask(f"/api/pnl/ws?since={self.cursor}", f"{upgrade}Sec-WebSocket-Version: 13\r\n") as line:
            held, message, open_ = b"", b"", False
            for data in _reads(line, until, done):
                held += data
                if not open_ and b"\r\n\r\n" in held:
                    _, _, held = held.partition(b"\r\n\r\n")
                    open_ = True
                while open_ and (frame := _frame(held)) is not None:
                    last, opcode, payload, held = frame
                    if opcode > 2:
                        continue  # a ping or a close
                    message += payload
                    if last:
                        told, message = json.loads(message), b""
                        self.take(told["type"], told.get("data"))

    def _poll(self, until: float, done: Callable[[], bool]) -> None:
        while time.monotonic() < until and not done():
            with self._ask(f"/api/pnl/deltas?since={self.cursor}&wait=0.05", "Connection: close\r\n") as line:
                line.settimeout(5.0)
                answer = b""
                while data := line.recv(READ_BYTES):
                    answer += data
            head, _, body = answer.partition(b"\r\n\r\n")
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise ConnectionError("no figures yet")
            told = json.loads(body)
            if told["resync"]:
                self.take("snapshot", told["snapshot"])
            else:
                for delta in told["deltas"]:
                    self.take("delta", delta["patch"])


def _reads(line: socket.socket, until: float, done: Callable[[], bool]) -> Any:
    while time.monotonic() < until and not done():
        try:
            data = line.recv(READ_BYTES)
        except TimeoutError:
            continue
        if not data:
            return
        yield data


def _unchunked(held: bytes) -> tuple[bytes, bytes]:
    """Return what is left of a chunked body, and the whole chunks in front of it."""
    whole = b""
    while (end := held.find(b"\r\n")) > 0:
        size = int(held[:end], 16)
        if len(held) < end + 2 + size + 2:
            break
        whole += held[end + 2 : end + 2 + size]
        held = held[end + 2 + size + 2 :]
    return held, whole


def _frame(held: bytes) -> tuple[bool, int, bytes, bytes] | None:
    """Return (last, opcode, payload, rest) of the frame in front, None while it is not whole."""
    if len(held) < 2:
        return None
    size, start = held[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(held[2:4], "big"), 4
    if len(held) < start + size:
        return None
    return bool(held[0] & 0x80), held[0] & 0x0F, held[start : start + size], held[start + size :]


def measure(workshop: Workshop) -> list[Row]:
    """Return the row of the whole; `within` when nothing was lost or repeated."""
    return [run(workshop.folder, workshop.scale.cursor_events)]


def run(folder: Path, events: int, kills: int = KILLS, seed: int = 1) -> Row:
    """Commit so many snapshots and follow them."""
    dice = random.Random(seed)
    path = folder / "cursor.sqlite3"
    port = held_port()
    environment = {"DB_PATH": str(path), "PORT": str(port), "NORTHSTAR_STREAM_CLIENTS_PER_ADDRESS": "1000"}
    Store.write(path).close()
    readers = [Reader(port, random.Random(seed + number)) for number in range(READERS)]
    finished = threading.Event()
    deadline = time.monotonic() + PATIENCE + kills * START_SECONDS + events / 200
    threads = [
        threading.Thread(
            target=reader.follow,
            args=(
                lambda reader=reader: (
                    time.monotonic() > deadline or (finished.is_set() and reader.sequence >= events)
                ),
            ),
            daemon=True,
        )
        for reader in readers
    ]
    began = time.perf_counter()
    with ExitStack() as parts:
        child = _sidecar(parts, environment)
        for thread in threads:
            thread.start()
        killed = 0
        for turn in range(WRITERS):
            with Store.write(path) as store:
                # The disk is not what is tested here, and would be most of the time.
                driver: Any = store.engine.raw_connection().driver_connection
                driver.execute("PRAGMA synchronous=OFF")
                last = events * (turn + 1) // WRITERS
                while (sequence := store.snapshots.last_sequence()) < last:
                    batch = min(last, sequence + max(1, events // (WRITERS * 4)))
                    for number in range(sequence + 1, batch + 1):
                        store.snapshots.append(_snapshot(store.snapshots.epoch, number, dice))
                        # Readers keep up: what is tested is that each event arrives one by one.
                        while min(r.sequence for r in readers) < number - LAG and time.monotonic() < deadline:
                            time.sleep(0.001)
                    if killed < kills and dice.random() < 0.6:
                        killed += 1
                        os.killpg(child.pid, 9)
                        child.wait()
                        child = _sidecar(parts, environment)
        finished.set()
        for thread in threads:
            thread.join(PATIENCE)
        with Store.read(path) as store:
            stored = store.snapshots.at(events)
    wrong = [fault for reader in readers for fault in reader.faults]
    wrong += [f"a reader was brought over {r.skipped} events" for r in readers if r.skipped]
    wrong += [f"a reader ended at {r.sequence}" for r in readers if r.tree != stored]
    seen = sum(reader.deltas for reader in readers)
    switches = sum(reader.switches for reader in readers)
    measured = (
        f"{len(wrong)} lost or repeated; {seen:,} deltas by {READERS} readers, {switches:,} transports, "
        f"{killed} kills, {WRITERS} writers; "
        f"{time.perf_counter() - began:.0f} s" + (f"; {wrong[0]}" if wrong else "")
    )
    return Row(
        f"cursor: {events:,} events through restarts and changes of transport", "0", measured, not wrong
    )


def _sidecar(parts: ExitStack, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return parts.enter_context(process.running("stream", "--workers", "2", environment=environment))


def _snapshot(epoch: str, sequence: int, dice: random.Random) -> Snapshot:
    """Return a small snapshot in which something comes, moves or goes."""
    positions = {f"M{place}": held(dice.randrange(9)) for place in dice.sample(range(9), 3)}
    return from_json({**bare(epoch, sequence, books.NOW, str(sequence)), "positions": positions})
