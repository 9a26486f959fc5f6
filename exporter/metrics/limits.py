"""The limits that are set, as gauges: rules and panels compare with them, and need no other place."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from prometheus_client import CollectorRegistry, Gauge

from exporter.metrics.catalogue import METRICS


def publish(limits: Mapping[str, Mapping[str, Decimal]], registry: CollectorRegistry) -> None:
    """Show every limit by unit and name. One that is off is not there, so nothing compares with it."""
    for unit, named in limits.items():
        metric = METRICS[f"northstar_limit_{unit}"]
        gauge = Gauge(metric.name, metric.help, metric.labels, registry=registry)
        for name, value in named.items():
            gauge.labels(name).set(float(value))
