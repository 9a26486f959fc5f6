"""The text formats of Prometheus and of OpenMetrics, for figures that are written once and asked for often.

The Prometheus client writes the same to the last byte. It takes several times as long, because it looks for
characters, exemplars and timestamps that ours do not have, in each name of each line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from prometheus_client import Metric as Family
from prometheus_client.registry import Collector

from exporter.metrics.catalogue import Metric

Sample = tuple[tuple[str, ...], float]
"""The values of the labels, in the order of the metric's labels, and the value."""


LONGEST_WHOLE = 6
"""Digits before the point beyond which Go, and so the client, writes an exponent."""


def text(metric: Metric, samples: Sequence[Sample], *, openmetrics: bool) -> str:
    """Return a metric of the catalogue with its samples."""
    family = metric.name.removesuffix("_total") if openmetrics else metric.name
    head = _head(family, metric.help, metric.kind, openmetrics=openmetrics)
    order = sorted(range(len(metric.labels)), key=lambda place: metric.labels[place])
    names = [metric.labels[place] for place in order]
    form = metric.name + _braced([f'{name}="%s"' for name in names]) + " %s\n"
    lines = [
        form % (*[_escaped(labels[place]) for place in order], _number(value)) for labels, value in samples
    ]
    return head + "".join(lines)


def counted(registry: Collector, *, openmetrics: bool) -> str:
    """Return all that a registry collects, counters and histograms of the client's own making."""
    return "".join([_counted(family, openmetrics=openmetrics) for family in registry.collect()])


def _counted(family: Family, *, openmetrics: bool) -> str:
    name = family.name + ("_total" if family.type == "counter" and not openmetrics else "")
    lines = [_head(name, family.documentation, family.type, openmetrics=openmetrics)]
    created: list[str] = []
    for sample in family.samples:
        labels = [f'{label}="{_escaped(value)}"' for label, value in sorted(sample.labels.items())]
        line = f"{sample.name}{_braced(labels)} {_number(sample.value)}\n"
        # The older format has no such samples: there they are a gauge, behind.
        late = not openmetrics and sample.name == f"{family.name}_created"
        (created if late else lines).append(line)
    if created:
        lines.append(_head(f"{family.name}_created", family.documentation, "gauge", openmetrics=openmetrics))
    return "".join(lines + created)


def _head(family: str, said: str, kind: str, *, openmetrics: bool) -> str:
    said = said.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        said = said.replace('"', r"\"")
    return f"# HELP {family} {said}\n# TYPE {family} {kind}\n"


def _braced(labels: Sequence[str]) -> str:
    return "{" + ",".join(labels) + "}" if labels else ""


def _escaped(label: str) -> str:
    if label.isalnum():  # as nearly all are
        return label
    return label.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    shown = repr(float(value))
    point = shown.find(".")
    if value <= 0 or point <= LONGEST_WHOLE:
        return shown
    digits = (shown[:point] + shown[point + 1 :]).rstrip("0") or "0"
    mantissa = f"{digits[0]}.{digits[1:]}".rstrip(".")
    return f"{mantissa}e+{point - 1:02d}"
