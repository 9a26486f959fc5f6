"""The one place that builds everything from Settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from exporter.collect.backups import Backups
from exporter.collect.cycle import Cycle
from exporter.collect.following import OFF, Follower
from exporter.errors import SettingsError
from exporter.ledger import Credit, Ledger, Plan
from exporter.metrics import figures, groups, limits
from exporter.metrics.backups import BackupCollector
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.page import Page, PageSection
from exporter.runtime.clock import monotonic
from exporter.settings import Instance, Settings, VenueSettings, missing
from exporter.sources.blame import where
from exporter.sources.contract import HasAllowance, HasClient, Source
from exporter.sources.definition import Listening, Setup
from exporter.sources.guard import shortcoming
from exporter.sources.registry import Unusable, definition_of, info_of, title_of
from exporter.store import Retention, Store

if TYPE_CHECKING:
    from exporter.metrics.web_guard import WebGuard

log = logging.getLogger("northstar")


def utc_now() -> datetime:
    """Return the time; the only clock of the exporter, handed to whoever needs one."""
    return datetime.now(UTC)


def build_sources(
    settings: Settings, metrics: ExporterMetrics | None, clock: Callable[[], datetime]
) -> list[Source]:
    """Return the sources that take part. Raises SettingsError for all that they lack or cannot read."""
    problems = missing(settings)
    sources = []
    for instance in settings.sources:
        try:
            sources += [build_source(instance, metrics, clock)] if instance.settings is not None else []
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return sources


def build_source(
    instance: Instance, metrics: ExporterMetrics | None, clock: Callable[[], datetime]
) -> Source:
    """Return one source. Raises SettingsError for what it lacks or cannot read.

    One whose builder fails in any other way takes part all the same, and says so at each turn.
    """
    if instance.settings is None:
        raise SettingsError(instance.missing)
    definition, setup = definition_of(instance), _setup(instance, metrics, clock)
    try:
        source = definition.build(instance.settings, setup)
        lacks = shortcoming(source, instance.name)
        return source if lacks is None else Unusable(setup, f"{setup.title} is no source: {lacks}.")
    except SettingsError as error:
        if instance.name == definition.name:
            raise
        raise SettingsError([f"{setup.title}: {problem}" for problem in error.problems]) from None
    except Exception as error:  # noqa: BLE001 - whatever other people's code does, the other sources go on
        return Unusable(setup, f"{setup.title} could not be built: {where(error)}.")


def _setup(instance: Instance, metrics: ExporterMetrics | None, clock: Callable[[], datetime]) -> Setup:
    assert instance.settings is not None
    definition = definition_of(instance)
    interval = timedelta(seconds=instance.settings.interval_seconds)
    section = instance.section(definition.settings)
    return Setup(
        name=instance.name,
        title=title_of(instance),
        interval=interval,
        freshness=definition.fresh_for(interval),
        clock=clock,
        observer=metrics,
        setting=lambda field: section.names(field)[0],
    )


def build_cycle(
    settings: Settings,
    registry: CollectorRegistry,
    clock: Callable[[], datetime] = utc_now,
    monotonic: Callable[[], float] = monotonic,
) -> tuple[Cycle, ExporterMetrics]:
    """Return the cycle over an open store, with its figures and health in the registry.

    Raises SettingsError or StoreError; nothing is left open then.
    """
    metrics = ExporterMetrics(registry)
    sources = build_sources(settings, metrics, clock)
    store = Store.write(settings.db_path)
    new_ledger = partial(
        Ledger,
        settings.zone,
        [info_of(instance) for instance in settings.sources],
        settings.mark_rule,
        settings.lot_rule,
        {
            instance.name: [
                (datetime.combine(day, time(), UTC), usd) for day, _, usd in instance.settings.other_cash
            ]
            for instance in settings.sources
            if isinstance(instance.settings, VenueSettings)
        },
    )
    cycle = Cycle(
        store,
        new_ledger,
        sources,
        metrics,
        clock,
        snapshots_per_second=settings.snapshots_per_second,
        retention=Retention(
            raw=timedelta(days=settings.raw_days),
            full=timedelta(minutes=settings.full_minutes),
            every=timedelta(seconds=settings.thin_seconds),
        ),
        plan=build_plan(settings),
        limits={
            f"{name}_{unit}": limit
            for unit, named in settings.limits.items()
            for name, limit in named.items()
        },
        demo=settings.demo,
        monotonic=monotonic,
        clocks_agree=timedelta(seconds=float(settings.limit_clock_skew_seconds)),
    )
    for instance in settings.sources:
        if definition_of(instance).live is not None:
            cycle.standings.feeding(instance.name, OFF, clock())
            metrics.live_connected(instance.name, False)
    for source in sources:
        if isinstance(source, HasAllowance):
            metrics.allow(source.name, partial(_available, source))
    limits.publish(settings.limits, registry)
    breakers = {source.name: partial(_breaker, source) for source in sources if isinstance(source, HasClient)}
    metrics.watch(breakers, settings.db_path)
    return cycle, metrics


def build_page(cycle: Cycle, registry: CollectorRegistry) -> Page:
    """Return the page of `/metrics`."""
    return Page(
        registry,
        PageSection(lambda: cycle.publisher.latest, figures.figures),
        PageSection(lambda: cycle.publisher.breakdown, groups.figures),
    )


def build_guard(settings: Settings) -> WebGuard | None:
    """Return who may read it, by the web configuration file, None without one. Raises SettingsError."""
    if settings.metrics_web_config is None:
        return None
    # Most do without it, and start sooner.
    from exporter.metrics.web_guard import WebGuard

    return WebGuard(settings.metrics_web_config)


def build_plan(settings: Settings) -> Plan:
    """Return what API cost is measured against."""
    credit = None
    if settings.api_credit_usd is not None and settings.api_credit_since is not None:
        credit = Credit(settings.api_credit_usd, settings.api_credit_since)
    return Plan(
        budget=settings.api_budget_usd,
        workspaces=dict(settings.api_workspace_budgets),
        credit=credit,
        drift=settings.limit_cost_drift_ratio,
    )


def build_followers(
    settings: Settings, cycle: Cycle, metrics: ExporterMetrics, clock: Callable[[], datetime] = utc_now
) -> list[Follower]:
    """Return what follows the live feed of each source that has one, and does not have it switched off."""
    found = []
    for instance in settings.sources:
        definition = definition_of(instance)
        if definition.live is None or instance.settings is None:
            continue
        listening = Listening(observer=metrics, tickers=partial(cycle.books.open_tickers, instance.name))
        try:
            feed = definition.live(instance.settings, _setup(instance, metrics, clock), listening)
        except Exception as error:  # noqa: BLE001 - readings go on without a feed, and so do all others
            log.error("source=%s has no live feed: %s", instance.name, where(error))
            continue
        if feed is not None:
            source = next(source for source in cycle.sources if source.name == instance.name)
            found.append(Follower(feed, cycle, source, metrics))
    return found


def build_backups(
    settings: Settings,
    registry: CollectorRegistry,
    metrics: ExporterMetrics,
    clock: Callable[[], datetime] = utc_now,
) -> Backups | None:
    """Return what makes backups, None where no folder is set; the registry says which."""
    backups = None
    if settings.backup_folder is not None:
        metrics.backups_on()
        backups = Backups(
            settings.db_path,
            settings.backup_folder,
            metrics,
            clock,
            every=timedelta(hours=settings.backup_hours),
            kept=settings.backups_kept,
            monotonic=monotonic,
        )
    registry.register(BackupCollector(backups))
    return backups


def _breaker(source: HasClient) -> str:
    return source.client.breaker_state


def _available(source: HasAllowance) -> float:
    return source.allowance.available
