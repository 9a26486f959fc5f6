"""The exporter as a process: schedule, `/metrics`, and a stop that finishes the commit under way."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from datetime import timedelta
from functools import partial

from prometheus_client import CollectorRegistry

from exporter.collect import schedule
from exporter.errors import SettingsError
from exporter.metrics.server import serve as serve_metrics
from exporter.runtime import gc_pauses
from exporter.runtime.addresses import authority
from exporter.settings import Settings
from exporter.sources.registry import registry as installed
from exporter.wiring import build_backups, build_cycle, build_followers, build_guard, build_page

log = logging.getLogger("northstar")

STOP_SECONDS = 1.5
"""What runs beside the schedule is done in milliseconds, or repeated by the next start."""

CLOSE_SECONDS = 8.0
"""A commit takes milliseconds, a checkpoint of a million records seconds; a container is given ten."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Run the exporter to its end. Raises SettingsError or StoreError when it cannot start."""
    asyncio.run(serve(settings))
    return 0


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises SettingsError or StoreError when it cannot start."""
    for problem in installed().problems:
        log.warning("%s", problem)
    registry, guard = CollectorRegistry(), build_guard(settings)
    cycle, metrics = build_cycle(settings, registry)
    followers = build_followers(settings, cycle, metrics)
    backups = build_backups(settings, registry, metrics)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        server, thread = serve_metrics(
            build_page(cycle, registry),
            settings.metrics_port,
            settings.host,
            guard=guard,
            names=settings.names,
        )
    except OSError as error:
        await cycle.stop()
        raise SettingsError(
            [port_taken("metrics", "NORTHSTAR_METRICS_PORT", settings.metrics_port, error)]
        ) from error
    await cycle.start()
    gc_pauses.keep()
    scheduler = schedule.build(
        cycle,
        metrics,
        heartbeat=timedelta(milliseconds=settings.aggregation_interval_ms),
    )
    scheduler.start()
    cycle.steps.listen(partial(schedule.stepped, scheduler, cycle.clock))
    running = (*followers, backups, cycle.steps, cycle.daybook)
    beside = [asyncio.create_task(each.run()) for each in running if each is not None]
    log.info(
        "exporter started sources=%s metrics=%s://%s/metrics",
        ",".join(source.name for source in settings.sources),
        "http" if guard is None else guard.config().scheme,
        authority(settings.host, server.server_port),
    )
    log.info("%s", _of_backups(settings))
    await stop.wait()
    scheduler.shutdown(wait=False)
    for task in beside:
        task.cancel()
    if beside:
        await asyncio.wait(beside, timeout=STOP_SECONDS)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(cycle.stop(), CLOSE_SECONDS)
    server.shutdown()
    thread.join()
    log.info("exporter stopped")


def _of_backups(settings: Settings) -> str:
    if settings.backup_folder is None:
        return "backups off: NORTHSTAR_BACKUP_FOLDER is not set"
    return (
        f"backups on folder={settings.backup_folder} hours={settings.backup_hours:g} "
        f"kept={settings.backups_kept}"
    )


def port_taken(what: str, setting: str, port: int, error: OSError) -> str:
    """Return the sentence for a port that cannot be listened on."""
    return f"The {what} port {port} cannot be used ({error.strerror}): stop what uses it, or set {setting}."
