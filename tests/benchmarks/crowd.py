"""A crowd of stream clients that come back when they are cut, in a process of its own.

    python -m tests.benchmarks.crowd PORT CLIENTS spread|at-once

Each holds the sequence it has and resumes with it. `spread` waits as the server's `retry:` said, as browsers
do; `at-once` does not, and knocks again twenty times a second where nobody answers. It says `ready` when all
have their first event. A line `cut` on its input closes all connections at once; a line `report SEQUENCE`
makes it say what it saw once all have that sequence, as one line of JSON. It ends with its input.
"""

from __future__ import annotations

import errno
import heapq
import json
import random
import re
import resource
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

READ_BYTES = 65_536
CONNECTING = 200
"""First connections under way at a time; those that come back are not held up by this."""

REFUSED_SECONDS = {"spread": (0.5, 1.5), "at-once": (0.05, 0.05)}
PATIENCE = 60.0
REQUEST = b"GET /api/pnl/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n"
EVENT = re.compile(rb"id: ([0-9a-f]+)-(\d+)\nevent: (\w+)\n")
RETRY = re.compile(rb"retry: (\d+)\n")


@dataclass(slots=True, eq=False)
class Client:
    """One client: what it holds, and what became of it since it was cut."""

    place: int
    line: socket.socket | None = None
    asked: bool = False
    held: bytes = b""
    epoch: bytes = b""
    sequence: int = 0
    retry: float = 1.0
    tries: int = 0
    cut: float = 0.0
    back: float = 0.0
    faults: list[str] = field(default_factory=list)


class Crowd:
    """All clients, on one epoll and one list of who is to knock when."""

    def __init__(self, port: int, count: int, manner: str) -> None:
        self.port, self.manner = port, manner
        self.clients = [Client(place) for place in range(count)]
        self.poll = select.epoll()
        self._open: dict[int, Client] = {}
        self._due: list[tuple[float, int]] = []
        self._fresh = 0

    def connect(self) -> None:
        """Open all connections, a bounded number at a time, until each had its first event."""
        place, end = 0, time.monotonic() + PATIENCE
        while self._fresh < len(self.clients):
            while place < len(self.clients) and place - self._fresh < CONNECTING:
                self._knock(place)
                place += 1
            self.turn(1.0)
            if time.monotonic() > end:
                raise ConnectionError(f"only {self._fresh} of {len(self.clients)} clients came in")

    def cut(self) -> None:
        """Close all connections at once, as a proxy does that is started anew."""
        for client in list(self._open.values()):
            self._lost(client)

    def turn(self, seconds: float) -> None:
        """Knock where it is time to, and take in what has arrived."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            self._knock(heapq.heappop(self._due)[1])
        if self._due:
            seconds = min(seconds, max(0.0, self._due[0][0] - now))
        for number, _ in self.poll.poll(seconds):
            client = self._open.get(number)
            if client is not None and client.line is not None:
                self._read(client, client.line)

    def _knock(self, place: int) -> None:
        client = self.clients[place]
        client.tries += 1
        line = socket.socket()
        line.setblocking(False)
        if line.connect_ex(("127.0.0.1", self.port)) not in (0, errno.EINPROGRESS):
            line.close()
            self._again(client, random.uniform(*REFUSED_SECONDS[self.manner]))
            return
        client.line, client.held, client.asked = line, b"", False
        self._open[line.fileno()] = client
        self.poll.register(line.fileno(), select.EPOLLOUT)

    def _read(self, client: Client, line: socket.socket) -> None:
        try:
            if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise ConnectionError
            if not client.asked:
                self._ask(client, line)
            data = line.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost(client)
            return
        client.held += data
        end = client.held.rfind(b"\n\n")
        if end > 0:
            self._take(client, client.held[: end + 2])
            client.held = client.held[end + 2 :]

    def _ask(self, client: Client, line: socket.socket) -> None:
        """Send the request, as soon as the connection stands."""
        known = client.epoch and b"Last-Event-ID: %b-%d\r\n" % (client.epoch, client.sequence)
        line.send(REQUEST % known)
        client.asked = True
        self.poll.modify(line.fileno(), select.EPOLLIN)

    def _take(self, client: Client, text: bytes) -> None:
        for found in RETRY.finditer(text):
            client.retry = int(found[1]) / 1000
        for epoch, number, kind in EVENT.findall(text):
            sequence = int(number)
            if client.sequence and (kind != b"delta" or sequence != client.sequence + 1):
                client.faults.append(f"{kind.decode()} {sequence} after {client.sequence}")
            if not client.sequence:
                self._fresh += 1
            client.epoch, client.sequence = epoch, sequence
            client.back = client.back or time.perf_counter()

    def _lost(self, client: Client) -> None:
        assert client.line is not None
        self.poll.unregister(client.line.fileno())
        del self._open[client.line.fileno()]
        client.line.close()
        client.line = None
        if client.back:
            client.cut, client.back, client.tries = time.perf_counter(), 0.0, 0
            self._again(client, client.retry if self.manner == "spread" else 0.0)
        else:
            self._again(client, random.uniform(*REFUSED_SECONDS[self.manner]))

    def _again(self, client: Client, pause: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + pause, client.place))

    def behind(self) -> int:
        """Return the sequence that all have."""
        return min(client.sequence for client in self.clients)

    def summary(self) -> dict[str, Any]:
        """Return what became of everybody."""
        faults = [fault for client in self.clients for fault in client.faults]
        return {
            "cut": min(client.cut for client in self.clients),
            "back": [client.back for client in self.clients],
            "behind": self.behind(),
            "tries": max(client.tries for client in self.clients),
            "faults": faults[:3],
            "faulty": len(faults),
        }


def main(port: str, count: str, manner: str) -> int:
    """Run until the input ends."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    crowd = Crowd(int(port), int(count), manner)
    try:
        crowd.connect()
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    print("ready", flush=True)
    # Unbuffered, or a second line would wait where the poll does not see it.
    lines = open(0, "rb", buffering=0)  # noqa: SIM115 - for life
    stdin = select.poll()
    stdin.register(lines, select.POLLIN)
    while True:
        crowd.turn(0.05)
        if not stdin.poll(0):
            continue
        words = lines.readline().split()
        if not words:
            return 0
        if words[0] == b"cut":
            crowd.cut()
            continue
        end = time.monotonic() + PATIENCE
        while crowd.behind() < int(words[1]) and time.monotonic() < end:
            crowd.turn(0.2)
        print(json.dumps(crowd.summary()), flush=True)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
