"""Figures about the stream itself, on the sidecar's own `/metrics`.

METRICS is the table of name, type, help and labels; it is what documentation and alerts go by.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from exporter.stream.events import Event, Kind, Reason


@dataclass(frozen=True, slots=True)
class StreamMetric:
    """One line of the catalogue."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    StreamMetric("northstar_stream_clients", "gauge", "Clients connected or waiting now.", ("transport",)),
    StreamMetric(
        "northstar_stream_events_total",
        "counter",
        "Events sent to clients: snapshot, delta or resync.",
        ("transport", "event"),
    ),
    StreamMetric(
        "northstar_stream_resyncs_total",
        "counter",
        "Readers that had to start over with a whole snapshot, by reason.",
        ("reason",),
    ),
    StreamMetric(
        "northstar_stream_conflations_total",
        "counter",
        "Connected clients too slow for every delta, brought to the newest state instead.",
    ),
    StreamMetric(
        "northstar_stream_commit_to_send_seconds",
        "histogram",
        "From noticing a commit to the delta being written to the sockets of a few hundred clients.",
    ),
    StreamMetric(
        "northstar_stream_ends_total",
        "counter",
        "Streams that ended: lost by the client, stalled, rotated, restart, revoked token, unwanted input.",
        ("reason",),
    ),
    StreamMetric("northstar_clock_steps_total", "counter", "Times that this machine's wall clock was set."),
    StreamMetric(
        "northstar_clock_step_seconds",
        "gauge",
        "By how much the wall clock was set last, forward positive; 0 before that.",
    ),
)

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The Prometheus client's own name for the folder through which processes count together."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Around the budget of 50 ms; the tail shows slow clients."""

TRANSPORTS = ("sse", "ws", "poll")
REASONS: tuple[Reason, ...] = ("unknown_cursor", "pruned", "other_epoch", "behind")
ENDS = ("lost", "stalled", "rotated", "restart", "revoked", "unwanted")


class StreamMetrics:
    """The counters, on a registry of their own, so that two apps in one process do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        clients, events, resyncs, conflations, delay, ends, steps, step = METRICS
        self._clients = Gauge(
            clients.name, clients.help, clients.labels, registry=self.registry, multiprocess_mode="livesum"
        )
        self._events = Counter(events.name, events.help, events.labels, registry=self.registry)
        self._resyncs = Counter(resyncs.name, resyncs.help, resyncs.labels, registry=self.registry)
        self._conflations = Counter(conflations.name, conflations.help, registry=self.registry)
        self._delay = Histogram(delay.name, delay.help, buckets=BUCKETS, registry=self.registry)
        self._ends = Counter(ends.name, ends.help, ends.labels, registry=self.registry)
        self._steps = Counter(steps.name, steps.help, registry=self.registry)
        self._step = Gauge(step.name, step.help, registry=self.registry, multiprocess_mode="mostrecent")
        # Every series exists from the start: a rate over one that appears late misses its first step.
        self._connected = dict.fromkeys(TRANSPORTS, 0)
        for transport in TRANSPORTS:
            self._clients.labels(transport).set(0)
        self._sent = {
            (transport, kind): self._events.labels(transport, kind)
            for transport in TRANSPORTS
            for kind in ("snapshot", "delta", "resync")
        }
        self._resynced = {reason: self._resyncs.labels(reason) for reason in REASONS}
        self._ended = {reason: self._ends.labels(reason) for reason in ENDS}

    @contextmanager
    def client(self, transport: str) -> Iterator[None]:
        """Count one client as connected while the block runs."""
        self._count(transport, 1)
        try:
            yield
        finally:
            self._count(transport, -1)

    def _count(self, transport: str, change: int) -> None:
        self._connected[transport] += change
        self._clients.labels(transport).inc(change)

    def clients(self, transport: str) -> int:
        """Return how many are connected by this transport now."""
        return self._connected[transport]

    def sent(self, transport: str, kind: Kind, count: int = 1) -> None:
        """Count events as sent."""
        self._sent[transport, kind].inc(count)

    def served(self, transport: str, events: Sequence[Event], clients: int) -> None:
        """Count what so many clients were just sent, because it had just been committed."""
        for event in events:
            self.sent(transport, event.kind, clients)
        if events and events[-1].noticed is not None:
            self._delay.observe(time.monotonic() - events[-1].noticed)

    def clock_stepped(self, step: timedelta) -> None:
        """Count a step of the wall clock."""
        self._steps.inc()
        self._step.set(step.total_seconds())

    def ended(self, reason: str) -> None:
        """Count a stream that ended."""
        self._ended[reason].inc()

    def resync(self, reason: Reason, *, conflated: bool = False) -> None:
        """Count a reader that starts over; `conflated` when it was connected and merely too slow."""
        self._resynced[reason].inc()
        if conflated:
            self._conflations.inc()

    def render(self) -> bytes:
        """Return the page that Prometheus reads; of all workers together, where there are several."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        merged = CollectorRegistry()
        MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
        return generate_latest(merged)
