"""All metrics of a snapshot: each read by its path, or by a rule where no path leads to it.

The labels of a closed position vanish by themselves, and a figure graded `missing` has no sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.metrics.catalogue import FIGURES, Metric
from exporter.metrics.exposition import Sample
from exporter.metrics.path import Path
from exporter.metrics.rules import by_rule
from exporter.snapshot import Snapshot

PATHS = {metric.name: Path(metric.path, metric.labels) for metric in FIGURES if metric.path is not None}


def figures(snapshot: Snapshot) -> Iterator[tuple[Metric, Sequence[Sample]]]:
    """Yield each metric that has samples."""
    ruled: dict[str, list[Sample]] = {}
    for name, sample in by_rule(snapshot):
        ruled.setdefault(name, []).append(sample)
    for metric in FIGURES:
        path = PATHS.get(metric.name)
        samples = ruled.get(metric.name, []) if path is None else path.samples(snapshot)
        if samples:
            yield metric, samples
