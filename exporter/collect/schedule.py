"""When things happen: one APScheduler job per source, one for the heartbeat snapshot, one for retention.

Missed runs: a job that comes late (the machine slept, a reading took long) runs once, at once,
and not once per missed turn (`coalesce`); a reading never overlaps itself (`max_instances=1`);
later than its grace it is dropped and counted, because the next turn is due anyway.

Clock: APScheduler dates its runs by the wall clock. When that is set, the runs are dated anew (`stepped`), so
that they come when they would have; and the turns that a clock set forward has passed over are never counted
out one by one, which for forty days would take seconds.
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
from apscheduler.triggers.base import BaseTrigger

from exporter.collect.cycle import Cycle
from exporter.metrics.exporter_metrics import ExporterMetrics

BREAKDOWN_EVERY = timedelta(seconds=10)
"""Results by group are read, not watched; behind very many events a statement takes tens of milliseconds."""

RETENTION_EVERY = timedelta(hours=1)
RETENTION_FIRST = timedelta(minutes=2)
"""Not while a start has better things to do."""

SCRUB_EVERY = timedelta(hours=6)
SCRUB_FIRST = timedelta(minutes=10)
"""A bit that flips is found within a quarter of a day, at the cost of half a minute of a core for a million
records; rows that figures are made of are verified whenever they are read."""

SHORTEST_GRACE = 1
"""Seconds; APScheduler's own default, below which a busy event loop alone would drop runs."""


class Every(BaseTrigger):  # type: ignore[misc]
    """Runs in step with the last one; of the turns that have passed since only the last is worth a run."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return the last turn until now that is not run yet, else the next one."""
        if previous is None:
            return now
        return previous + max(1, (now - previous) // self.interval) * self.interval


def stepped(scheduler: AsyncIOScheduler, clock: Callable[[], datetime], step: timedelta) -> None:
    """Date the next run of every job anew by a wall clock that was set.

    The scheduler may have run between the step and this: then it has dated the next run itself.
    """
    now = clock()
    for job in scheduler.get_jobs():
        interval = job.trigger.interval
        due = (job.next_run_time + step, job.next_run_time, now)
        job.modify(next_run_time=next(at for at in due if now <= at <= now + interval))


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
    _add(scheduler, "scrub", cycle.upkeep.scrub, SCRUB_EVERY, now + SCRUB_FIRST)
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
        Every(interval),
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
