"""A crowd of stream clients in a process of its own: as little work per event as Python allows.

    python -m tests.benchmarks.swarm PORT PATH CLIENTS

It connects, says `ready` when every client has its first event, then notes when each event ends at
each client. A line on its input that names how many events are to come, and when each was published, makes it
say what it saw, as one line of JSON, and end. It ends by itself when its input does, or after LIFE_SECONDS.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from dataclasses import dataclass, field

from .table import percentile

LIFE_SECONDS = 240.0
READ_BYTES = 65_536
CONNECTING = 200
"""Connections under way at a time: more than a listener's backlog would be refused, not slowed."""

SSE = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
WS = (
    b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MARKS = {
    "stream": (SSE, b"}\n\n", b"}\n\n"),
    "ws": (WS, b'{"type":"snapshot"', b'{"type":"delta"'),
    "nchan": (SSE, b"}\n\n", b"}\n\n"),
}
"""By the path's last name: the request, and what ends an event, the first and those that are counted; of a
WebSocket message, whose end has no mark, what begins it."""


@dataclass(slots=True)
class Client:
    """One connection: what it was told so far."""

    socket: socket.socket
    greeted: bool = False
    arrived: list[float] = field(default_factory=list)
    tail: bytes = b""


class Swarm:
    """All clients, on one epoll."""

    def __init__(self, port: int, request: bytes, first: bytes, mark: bytes) -> None:
        self.port, self.request, self.first, self.mark = port, request, first, mark
        self.clients: dict[int, Client] = {}
        self.poll = select.epoll()
        self.greeted = 0
        self.lost = 0

    def connect(self, count: int) -> None:
        """Open `count` connections, a bounded number at a time, until each had its first event."""
        wanted = count
        while self.greeted < count:
            while wanted and len(self.clients) - self.greeted < CONNECTING:
                one = socket.socket()
                one.connect(("127.0.0.1", self.port))
                one.setblocking(False)
                one.send(self.request)
                self.clients[one.fileno()] = Client(one)
                self.poll.register(one.fileno(), select.EPOLLIN)
                wanted -= 1
            self.read(1.0)
            if self.lost:
                raise ConnectionError(f"{self.lost} of {count} clients were turned away")

    def read(self, seconds: float) -> None:
        """Take in what has arrived, waiting at most so long for something to."""
        for number, _ in self.poll.poll(seconds):
            client = self.clients[number]
            try:
                data = client.socket.recv(READ_BYTES)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            if not data:
                self.poll.unregister(number)
                self.lost += 1
                continue
            self._count(client, data)

    def _count(self, client: Client, data: bytes) -> None:
        now = time.perf_counter()
        if client.greeted:
            # A mark that two reads cut in half is completed by the bytes kept of the last one.
            seen = client.tail + data if client.tail else data
            client.arrived += [now] * seen.count(self.mark)
            client.tail = _half(seen, self.mark)
        elif self.first in client.tail + data:
            client.greeted, client.tail = True, b""
            self.greeted += 1
        else:
            client.tail = (client.tail + data)[-len(self.first) :]


def _half(data: bytes, mark: bytes) -> bytes:
    """Return the end of the data that may be the beginning of a mark."""
    for length in range(len(mark) - 1, 0, -1):
        if data.endswith(mark[:length]):
            return mark[:length]
    return b""


def summary(swarm: Swarm, published: list[float]) -> dict[str, float]:
    """Return what was seen of the events published at these times."""
    each = [
        [client.arrived[place] - then for client in swarm.clients.values() if place < len(client.arrived)]
        for place, then in enumerate(published)
    ]
    late = [seconds for event in each for seconds in event]
    return {
        "expected": len(swarm.clients) * len(published),
        "delivered": sum(len(client.arrived) for client in swarm.clients.values()),
        "lost": swarm.lost,
        "p50": percentile(late, 50) if late else 0.0,
        "p99": percentile(late, 99) if late else 0.0,
        "max": max(late, default=0.0),
        "first": percentile([min(event) for event in each if event] or [0.0], 50),
        "last": percentile([max(event) for event in each if event] or [0.0], 50),
    }


def main(port: str, path: str, clients: str) -> int:
    """Run until told to report."""
    request, first, mark = MARKS[path.partition("?")[0].rpartition("/")[2]]
    swarm = Swarm(int(port), request % path.encode(), first, mark)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    try:
        swarm.connect(int(clients))
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    print("ready", flush=True)
    end = time.monotonic() + LIFE_SECONDS
    stdin = sys.stdin.fileno()
    swarm.poll.register(stdin, select.EPOLLIN)
    while time.monotonic() < end:
        events = swarm.poll.poll(1.0)
        if any(number == stdin for number, _ in events):
            line = sys.stdin.readline()
            if line:
                published = json.loads(line)
                swarm.poll.unregister(stdin)
                patience = time.monotonic() + 10
                expected = len(published) * len(swarm.clients)
                while time.monotonic() < patience:
                    swarm.read(0.2)
                    if sum(len(client.arrived) for client in swarm.clients.values()) >= expected:
                        break
                print(json.dumps(summary(swarm, published)), flush=True)
            return 0
        swarm.read(0)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
