"""When things happen, and what is counted when they do not."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from prometheus_client import CollectorRegistry

from exporter.collect import schedule
from exporter.metrics.exporter_metrics import ExporterMetrics
from tests.builders import infos


async def nothing(*_: object) -> None:
    """Do what a job would."""


def cycle(*names: str) -> SimpleNamespace:
    """Return what the scheduler asks for things to do."""
    intervals = {"kalshi": timedelta(seconds=10), "sales": timedelta(seconds=0.5)}
    return SimpleNamespace(
        sources=[SimpleNamespace(name=name, interval=intervals[name]) for name in names],
        books=SimpleNamespace(infos={info.name: info for info in infos(*names)}),
        turns=SimpleNamespace(collect=nothing),
        publisher=SimpleNamespace(publish=nothing, break_down=nothing),
        upkeep=SimpleNamespace(run=nothing, scrub=nothing),
    )


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def scheduler(registry: CollectorRegistry) -> object:
    return schedule.build(
        cycle("kalshi", "sales"),  # type: ignore[arg-type]
        ExporterMetrics(registry),
        heartbeat=timedelta(seconds=10),
    )


def test_every_source_has_a_job_of_its_own(scheduler) -> None:
    """One that hangs holds up nobody else."""
    jobs = {job.id: job for job in scheduler.get_jobs()}
    assert set(jobs) == {"kalshi", "sales", "snapshot", "breakdown", "retention", "scrub"}
    assert jobs["kalshi"].trigger.interval == timedelta(seconds=10)


def test_results_by_group_are_stated_where_somebody_trades(registry: CollectorRegistry) -> None:
    """Of any venue, whatever it is called."""
    jobs = schedule.build(
        cycle("sales"),  # type: ignore[arg-type]
        ExporterMetrics(registry),
        heartbeat=timedelta(seconds=10),
    ).get_jobs()
    assert {job.id for job in jobs} == {"sales", "snapshot", "retention", "scrub"}


def test_misfire_coalesce_and_instances_are_set_knowingly(scheduler) -> None:
    """A late job runs once and never beside itself; its grace is its interval, at least a second."""
    for job in scheduler.get_jobs():
        assert job.coalesce is True
        assert job.max_instances == 1
    graces = {job.id: job.misfire_grace_time for job in scheduler.get_jobs()}
    often = {"kalshi": 10, "sales": 1, "snapshot": 10, "breakdown": 10}
    assert graces == {**often, "retention": 3_600, "scrub": 21_600}


def test_sources_are_read_at_once_on_start(scheduler) -> None:
    """The first figure does not wait for an interval to pass."""
    jobs = {job.id: job.next_run_time for job in scheduler.get_jobs()}
    assert jobs["kalshi"] == jobs["sales"] < jobs["snapshot"] < jobs["retention"]


@pytest.mark.parametrize(
    ("code", "metric"),
    [
        (EVENT_JOB_MISSED, "northstar_jobs_missed_total"),
        (EVENT_JOB_ERROR, "northstar_jobs_failed_total"),
        (EVENT_JOB_MAX_INSTANCES, "northstar_jobs_skipped_total"),
    ],
)
def test_runs_that_did_not_happen_are_counted(
    scheduler, registry: CollectorRegistry, code: int, metric: str
) -> None:
    """Each by its kind, with the job's name."""
    scheduler._dispatch_event(JobEvent(code, "kalshi", "default"))
    assert registry.get_sample_value(metric, {"task": "kalshi"}) == 1


def test_next_run_is_in_utc(scheduler) -> None:
    """A summer-time change must not skip or repeat an hour of readings."""
    for job in scheduler.get_jobs():
        assert isinstance(job.next_run_time, datetime)
        assert job.next_run_time.utcoffset() == timedelta(0)
