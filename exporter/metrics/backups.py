"""How backups stand, read at each scrape: a restart does not make one that is there look like none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from prometheus_client import Metric as Family
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics.catalogue import BACKUPS, METRICS


class Newest(Protocol):
    """A verified copy."""

    @property
    def made(self) -> datetime: ...
    @property
    def size(self) -> int: ...


class Stands(Protocol):
    """Who makes them."""

    @property
    def newest(self) -> Newest | None: ...
    @property
    def seconds(self) -> float | None: ...


class BackupCollector(Collector):
    """Renders how backups stand; None when nobody makes any."""

    def __init__(self, backups: Stands | None) -> None:
        self._backups = backups

    def describe(self) -> Iterable[Family]:
        return [_family(metric.name, None) for metric in BACKUPS]

    def collect(self) -> Iterator[Family]:
        backups = self._backups
        newest = backups.newest if backups is not None else None
        figures = {
            "on": float(backups is not None),
            "timestamp_seconds": newest.made.timestamp() if newest is not None else None,
            "bytes": newest.size if newest is not None else None,
            "seconds": backups.seconds if backups is not None else None,
        }
        for name, value in figures.items():
            if value is not None:
                yield _family(f"northstar_backup_{name}", value)


def _family(name: str, value: float | None) -> Family:
    return GaugeMetricFamily(name, METRICS[name].help, value)
