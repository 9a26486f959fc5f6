"""Metrics of the exporter itself: counters, histograms and gauges of the catalogue, on how it is doing."""

from __future__ import annotations

import shutil
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from exporter import __version__
from exporter.errors import BackupReason
from exporter.metrics.catalogue import METRICS
from exporter.records import Aside, Change

Wrapped = TypeVar("Wrapped", bound=MetricWrapperBase)

BREAKER = {"closed": 0, "half-open": 1, "open": 2}

MOST_FIELDS, OTHER = 20, "other"
"""Fields told apart for each source: more are a source that has changed, and say no more."""

FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Buckets around the budgets: a commit in milliseconds, a reading in fractions of a second."""


class ExporterMetrics:
    """The self-metrics of one process in one registry. Also the sources' observer of retries."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def made(kind: Callable[..., Wrapped], name: str, **options: Sequence[float]) -> Wrapped:
            metric = METRICS[name]
            return kind(name, metric.help, metric.labels, registry=registry, **options)

        self._errors = made(Counter, "northstar_source_errors_total")
        self._malformed = made(Counter, "northstar_source_malformed_total")
        self._aside = made(Gauge, "northstar_source_rows_aside")
        self._named_aside: dict[str, set[tuple[str, str]]] = {}
        self._retries = made(Counter, "northstar_source_retries_total")
        self._requests = made(Counter, "northstar_source_requests_total")
        self._waits = made(Counter, "northstar_source_wait_seconds_total")
        self._fetch = made(Histogram, "northstar_source_fetch_seconds", buckets=SLOW)
        self._breaker = made(Gauge, "northstar_source_breaker_state")
        self._skew = made(Gauge, "northstar_source_clock_skew_seconds")
        self._skewed: set[str] = set()
        self._live = made(Gauge, "northstar_live_connected")
        self._live_frames = made(Counter, "northstar_live_frames_total")
        self._live_dropped = made(Counter, "northstar_live_dropped_total")
        self._live_reconnects = made(Counter, "northstar_live_reconnects_total")
        self._live_last = made(Gauge, "northstar_live_last_frame_timestamp_seconds")
        self._gap = made(Gauge, "northstar_history_gap_seconds")
        self._tokens = made(Gauge, "northstar_source_tokens_available")
        self._booked = made(Counter, "northstar_records_booked_total")
        self._restated = made(Counter, "northstar_restatements_total")
        self._rereads = made(Counter, "northstar_rereads_total")
        self._late = made(Counter, "northstar_late_rows_total")
        self._cycle = made(Histogram, "northstar_cycle_seconds", buckets=SLOW)
        self._commit = made(Histogram, "northstar_commit_seconds", buckets=FAST)
        self._refused = made(Counter, "northstar_snapshots_refused_total")
        self._store_errors = made(Counter, "northstar_store_errors_total")
        self._bytes = made(Gauge, "northstar_store_bytes")
        self._free = made(Gauge, "northstar_store_free_bytes")
        self._damaged = made(Gauge, "northstar_store_damaged_rows")
        self._scrubbed = made(Gauge, "northstar_store_scrub_timestamp_seconds")
        self._missed = made(Counter, "northstar_jobs_missed_total")
        self._failed = made(Counter, "northstar_jobs_failed_total")
        self._skipped = made(Counter, "northstar_jobs_skipped_total")
        self._backups_failed = made(Counter, "northstar_backup_failures_total")
        self._steps = made(Counter, "northstar_clock_steps_total")
        self._step = made(Gauge, "northstar_clock_step_seconds")
        made(Gauge, "northstar_build_info").labels(__version__).set(1)

    def scrubbed(self, damaged: Mapping[str, int], now: datetime) -> None:
        """Note what a scrub has found in each table, and when it was done; before the first nobody knows."""
        for table, count in damaged.items():
            self._damaged.labels(table).set(count)
            self._scrubbed.labels(table).set(now.timestamp())

    def watch(self, breakers: Mapping[str, Callable[[], str]], database: Path) -> None:
        """Read breaker states, the database's size and the space left at each scrape."""
        for source, breaker in breakers.items():
            self._breaker.labels(source).set_function(partial(_code, breaker))
        self._bytes.set_function(partial(_size, database))
        self._free.set_function(partial(_free, database))

    def allow(self, source: str, available: Callable[[], float]) -> None:
        """Read at each scrape how many tokens of its own bucket a source has left."""
        self._tokens.labels(source).set_function(available)

    def gap(self, source: str, missing: timedelta | None) -> None:
        """Note how much time is missing between readings; None, while nobody knows, is no sample."""
        if missing is not None:
            self._gap.labels(source).set(missing.total_seconds())
        else:
            with suppress(KeyError):
                self._gap.remove(source)

    def retried(self, source: str, reason: str) -> None:
        """Count a request that is tried again."""
        self._retries.labels(source, reason).inc()

    def waited(self, source: str, seconds: float) -> None:
        """Count a wait that a server asked for."""
        self._waits.labels(source).inc(seconds)

    def finished(self, source: str, outcome: str) -> None:
        """Count a request that ended."""
        self._requests.labels(source, outcome).inc()

    def fetched(self, source: str, seconds: float, skew: timedelta | None) -> None:
        """Note a complete reading."""
        self._fetch.labels(source).observe(seconds)
        if skew is not None:
            self._skew.labels(source).set(skew.total_seconds())
            self._skewed.add(source)

    def clock_stepped(self, step: timedelta) -> None:
        """Count a step of the wall clock; what was measured against it has moved by as much."""
        self._steps.inc()
        self._step.set(step.total_seconds())
        for source in self._skewed:
            self._skew.labels(source).dec(step.total_seconds())

    def live_connected(self, source: str, connected: bool) -> None:
        """Note whether a live feed brings quotes."""
        self._live.labels(source).set(connected)

    def live_frame(self, source: str, kind: str, at: datetime) -> None:
        """Count a frame of a live feed."""
        self._live_frames.labels(source, kind).inc()
        self._live_last.labels(source).set(at.timestamp())

    def live_dropped(self, source: str, reason: str) -> None:
        """Count a frame that was not used."""
        self._live_dropped.labels(source, reason).inc()

    def live_reconnected(self, source: str, reason: str) -> None:
        """Count a connection that ended or failed."""
        self._live_reconnects.labels(source, reason).inc()

    def failed(self, source: str, reason: str, field: str | None) -> None:
        """Count a reading that failed, and the field when its shape was the reason."""
        self._errors.labels(source, reason).inc()
        if field is not None:
            self._malformed.labels(source, field).inc()

    def aside(self, source: str, rows: Iterable[Aside]) -> None:
        """Note what is set aside of a source; of many fields the rarest are one."""
        counted: Counts[tuple[str, str]] = Counts()
        for each in rows:
            counted[each.listed, each.field] += each.count
        named = dict(counted.most_common(MOST_FIELDS))
        if rest := counted.total() - sum(named.values()):
            named[OTHER, OTHER] = named.get((OTHER, OTHER), 0) + rest
        for gone in self._named_aside.get(source, set()) - named.keys():
            self._aside.remove(source, *gone)
        for place, count in named.items():
            self._aside.labels(source, *place).set(count)
        self._named_aside[source] = set(named)

    def booked(self, source: str, changes: Sequence[Change], restated: Sequence[Change] = ()) -> None:
        """Count what a reading booked, and what of it says otherwise what was."""
        for change in changes:
            self._booked.labels(source, change.new.kind).inc()
        for change in restated:
            self._restated.labels(source, change.new.kind).inc()

    def reread(self, source: str, why: str, late: Sequence[Change]) -> None:
        """Count a reading of what was read before, and the rows that only it has found or changed."""
        self._rereads.labels(source, why).inc()
        for change in late:
            self._late.labels(source, change.new.kind).inc()

    def cycle(self, seconds: float) -> None:
        """Note a whole cycle, from asking to published."""
        self._cycle.observe(seconds)

    def committed(self, seconds: float) -> None:
        """Note a durable commit."""
        self._commit.observe(seconds)

    def refused(self) -> None:
        """Count a snapshot that did not balance."""
        self._refused.inc()

    def store_failed(self) -> None:
        """Count a commit that the database refused."""
        self._store_errors.inc()

    def backups_on(self) -> None:
        """Show that nothing has failed yet, so that the first failure is seen as a step."""
        for reason in get_args(BackupReason):
            if reason != "stopped":
                self._backups_failed.labels(reason)

    def backup_failed(self, reason: BackupReason) -> None:
        """Count a copy that could not be made or did not hold."""
        self._backups_failed.labels(reason).inc()

    def job_missed(self, job: str) -> None:
        """Count a run that came too late to be worth running."""
        self._missed.labels(job).inc()

    def job_failed(self, job: str) -> None:
        """Count a run that raised."""
        self._failed.labels(job).inc()

    def job_skipped(self, job: str) -> None:
        """Count a run that was due while the one before it went on."""
        self._skipped.labels(job).inc()


def _code(breaker: Callable[[], str]) -> float:
    return BREAKER[breaker()]


def _size(database: Path) -> float:
    parts = (Path(f"{database}{end}") for end in ("", "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _free(database: Path) -> float:
    return shutil.disk_usage(database.absolute().parent).free
