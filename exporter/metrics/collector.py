"""One scrape: all figures of the one snapshot that is newest when it begins.

The labels of a closed position vanish by themselves, and a figure graded `missing` has no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics.catalogue import FIGURES, Metric
from exporter.metrics.path import Path, Sample
from exporter.metrics.rules import by_rule
from exporter.snapshot import Snapshot

PATHS = {metric.name: Path(metric.path, metric.labels) for metric in FIGURES if metric.path is not None}


class SnapshotCollector(Collector):
    """Renders what `latest` returns; nothing before the first snapshot."""

    def __init__(self, latest: Callable[[], Snapshot | None]) -> None:
        self._latest = latest

    def describe(self) -> Iterable[Family]:
        return [_family(metric, ()) for metric in FIGURES]

    def collect(self) -> Iterator[Family]:
        snapshot = self._latest()
        if snapshot is None:
            return
        ruled: dict[str, list[Sample]] = {}
        for name, sample in by_rule(snapshot):
            ruled.setdefault(name, []).append(sample)
        for metric in FIGURES:
            path = PATHS.get(metric.name)
            samples = ruled.get(metric.name, []) if path is None else path.samples(snapshot)
            if samples:
                yield _family(metric, samples)


def _family(metric: Metric, samples: Iterable[Sample]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
