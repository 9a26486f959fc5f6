"""The one place that builds everything from Settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import partial

from prometheus_client import CollectorRegistry

from exporter.collect.backups import Backups
from exporter.collect.cycle import Cycle
from exporter.collect.quotes import OFF, Live
from exporter.errors import SettingsError
from exporter.ledger import Credit, Ledger, Plan
from exporter.metrics import limits
from exporter.metrics.backups import BackupCollector
from exporter.metrics.collector import SnapshotCollector
from exporter.metrics.groups import GroupsCollector
from exporter.metrics.health import Health
from exporter.records import SourceInfo
from exporter.settings import Settings, missing
from exporter.sources.anthropic import Anthropic, Override, Prices
from exporter.sources.kalshi import Kalshi, KalshiLive
from exporter.sources.sales.shop import Sales
from exporter.store import Retention, Store

FRESH_POLLS = 6
"""A source counts as stale after this many missed readings, or after its own limit if that is longer."""

AnySource = Kalshi | Anthropic | Sales

INFOS = {
    "kalshi": SourceInfo("kalshi", "Kalshi", "venue"),
    "anthropic": SourceInfo("anthropic", "Anthropic", "api_cost"),
    "sales": SourceInfo("sales", "The sales API", "sales"),
}


def utc_now() -> datetime:
    """Return the time; the only clock of the exporter, handed to whoever needs one."""
    return datetime.now(UTC)


def build_sources(
    settings: Settings, health: Health | None, clock: Callable[[], datetime]
) -> list[AnySource]:
    """Return the sources that take part. Raises SettingsError for what they lack or cannot read."""
    if problems := missing(settings):
        raise SettingsError(problems)
    return [SOURCES[name](settings, health, clock) for name in settings.sources]


def build_cycle(
    settings: Settings, registry: CollectorRegistry, clock: Callable[[], datetime] = utc_now
) -> tuple[Cycle, Health]:
    """Return the cycle over an open store, with its figures and health in the registry.

    Raises SettingsError or StoreError; nothing is left open then.
    """
    health = Health(registry)
    sources = build_sources(settings, health, clock)
    store = Store.write(settings.db_path)
    other_cash = [(datetime.combine(day, time(), UTC), usd) for day, _, usd in settings.kalshi_other_cash]
    new_ledger = partial(
        Ledger,
        settings.zone,
        [INFOS[source.name] for source in sources],
        settings.mark_rule,
        settings.lot_rule,
        {Kalshi.name: other_cash},
    )
    cycle = Cycle(
        store,
        new_ledger,
        sources,
        health,
        clock,
        snapshots_per_second=settings.snapshots_per_second,
        retention=Retention(
            raw=timedelta(days=settings.raw_days),
            full=timedelta(minutes=settings.full_minutes),
            every=timedelta(seconds=settings.thin_seconds),
        ),
        plan=build_plan(settings),
        demo=settings.demo,
    )
    if Kalshi.name in settings.sources:
        cycle.feeding(Kalshi.name, OFF)
        health.live_connected(Kalshi.name, False)
    for source in sources:
        if isinstance(source, Kalshi):
            health.allow(source.name, partial(_available, source))
    registry.register(SnapshotCollector(lambda: cycle.latest))
    registry.register(GroupsCollector(lambda: cycle.breakdown))
    limits.publish(settings.limits, registry)
    health.watch({source.name: partial(_breaker, source) for source in sources}, settings.db_path)
    return cycle, health


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


def build_live(
    settings: Settings, cycle: Cycle, health: Health, clock: Callable[[], datetime] = utc_now
) -> Live | None:
    """Return what follows the live feed; None where there is none to follow."""
    source = next((each for each in cycle.sources if each.name == Kalshi.name), None)
    if source is None or not settings.kalshi_live:
        return None
    assert settings.kalshi_api_key is not None
    feed = KalshiLive(
        settings.kalshi_socket,
        settings.kalshi_api_key.get_secret_value(),
        _private_key(settings),
        clock,
        health,
        partial(cycle.open_tickers, Kalshi.name),
    )
    return Live(feed, cycle, source, health)


def build_backups(
    settings: Settings, registry: CollectorRegistry, health: Health, clock: Callable[[], datetime] = utc_now
) -> Backups | None:
    """Return what makes backups, None where no folder is set; the registry says which."""
    backups = None
    if settings.backup_folder is not None:
        health.backups_on()
        backups = Backups(
            settings.db_path,
            settings.backup_folder,
            health,
            clock,
            every=timedelta(hours=settings.backup_hours),
            kept=settings.backups_kept,
        )
    registry.register(BackupCollector(backups))
    return backups


def _breaker(source: AnySource) -> str:
    return source.client.breaker_state


def _available(source: Kalshi) -> float:
    return source.allowance.available


def _kalshi(settings: Settings, health: Health | None, clock: Callable[[], datetime]) -> Kalshi:
    assert settings.kalshi_api_key is not None
    return Kalshi(
        settings.kalshi_api_key.get_secret_value(),
        _private_key(settings),
        clock=clock,
        base_url=settings.kalshi_base_url,
        observer=health,
        interval=timedelta(seconds=settings.kalshi_interval_seconds),
        freshness=_freshness(settings.kalshi_interval_seconds, timedelta(seconds=60)),
    )


def _anthropic(settings: Settings, health: Health | None, clock: Callable[[], datetime]) -> Anthropic:
    assert settings.anthropic_api_key is not None
    return Anthropic(
        settings.anthropic_api_key,
        clock=clock,
        base_url=settings.anthropic_base_url,
        family=settings.anthropic_family,
        prices=Prices([Override(*stated) for stated in settings.anthropic_prices]),
        observer=health,
        interval=timedelta(seconds=settings.anthropic_interval_seconds),
        freshness=_freshness(settings.anthropic_interval_seconds, timedelta(minutes=15)),
    )


def _sales(settings: Settings, health: Health | None, clock: Callable[[], datetime]) -> Sales:
    assert settings.john_api_base_url is not None
    assert settings.john_api_token is not None
    return Sales(
        settings.john_api_base_url,
        settings.john_api_token,
        clock=clock,
        observer=health,
        interval=timedelta(seconds=settings.sales_interval_seconds),
        freshness=_freshness(settings.sales_interval_seconds, timedelta(minutes=5)),
    )


SOURCES: Mapping[str, Callable[[Settings, Health | None, Callable[[], datetime]], AnySource]] = {
    "kalshi": _kalshi,
    "anthropic": _anthropic,
    "sales": _sales,
}


def _freshness(interval_seconds: float, limit: timedelta) -> timedelta:
    return max(limit, FRESH_POLLS * timedelta(seconds=interval_seconds))


def _private_key(settings: Settings) -> str:
    if settings.kalshi_private_key is not None:
        return settings.kalshi_private_key.get_secret_value()
    assert settings.kalshi_private_key_path is not None
    try:
        return settings.kalshi_private_key_path.expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            ["KALSHI_PRIVATE_KEY_PATH names a file that cannot be read: check the path and its permissions."]
        ) from error
