"""When things happen: one APScheduler job per source, one for the heartbeat snapshot, one for retention.

Missed runs: a job that comes late (the machine slept, a reading took long) runs once, at once,
and not once per missed turn (`coalesce`); a reading never overlaps itself (`max_instances=1`);
later than its grace it is dropped and counted, because the next turn is due anyway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from exporter.collect.cycle import Cycle
from exporter.metrics.exporter_metrics import ExporterMetrics

BREAKDOWN_EVERY = timedelta(seconds=10)
"""Results by group are read, not watched; behind very many events a statement takes tens of milliseconds."""

RETENTION_EVERY = timedelta(hours=1)
RETENTION_FIRST = timedelta(minutes=2)
"""Not while a start has better things to do."""

SHORTEST_GRACE = 1
"""Seconds; APScheduler's own default, below which a busy event loop alone would drop runs."""


def build(cycle: Cycle, metrics: ExporterMetrics, *, heartbeat: timedelta) -> AsyncIOScheduler:
    """Return the scheduler with all jobs, not yet started. Every source is read at once on start."""
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_listener(
        partial(_count, metrics), EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES
    )
    now = datetime.now(UTC)
    for source in cycle.sources:
        _add(scheduler, source.name, partial(cycle.turns.collect, source), source.interval, now)
    _add(scheduler, "snapshot", cycle.publisher.publish, heartbeat, now + heartbeat)
    if any(info.kind == "venue" for info in cycle.books.infos.values()):
        _add(scheduler, "breakdown", cycle.publisher.break_down, BREAKDOWN_EVERY, now + BREAKDOWN_EVERY)
    _add(scheduler, "retention", cycle.upkeep.run, RETENTION_EVERY, now + RETENTION_FIRST)
    return scheduler


def _add(
    scheduler: AsyncIOScheduler,
    name: str,
    work: Callable[[], Awaitable[None]],
    interval: timedelta,
    first: datetime,
) -> None:
    scheduler.add_job(
        work,
        IntervalTrigger(seconds=interval.total_seconds(), timezone=UTC),
        id=name,
        name=name,
        next_run_time=first,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=max(SHORTEST_GRACE, ceil(interval.total_seconds())),
    )


def _count(metrics: ExporterMetrics, event: JobEvent) -> None:
    counted = {
        EVENT_JOB_MISSED: metrics.job_missed,
        EVENT_JOB_ERROR: metrics.job_failed,
        EVENT_JOB_MAX_INSTANCES: metrics.job_skipped,
    }
    counted[event.code](event.job_id)
