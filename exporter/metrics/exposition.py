"""The text formats of Prometheus and of OpenMetrics, for figures that are written once and asked for often.

The Prometheus client writes the same to the last byte; it takes ten times as long, because it looks for
names, labels and exemplars that ours cannot have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from exporter.metrics.catalogue import Metric

Sample = tuple[tuple[str, ...], float]
"""The values of the labels, in the order of the metric's labels, and the value."""


LONGEST_WHOLE = 6
"""Digits before the point beyond which Go, and so the client, writes an exponent."""


def text(metric: Metric, samples: Sequence[Sample], *, openmetrics: bool) -> str:
    """Return a metric family as text."""
    name, family = metric.name, metric.name
    said = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        family, said = name.removesuffix("_total"), said.replace('"', r"\"")
    head = f"# HELP {family} {said}\n# TYPE {family} {metric.kind}\n"
    if not metric.labels:
        return head + "".join([f"{name} {_number(value)}\n" for _, value in samples])
    order = sorted(range(len(metric.labels)), key=lambda place: metric.labels[place])
    form = name + "{" + ",".join(f'{metric.labels[place]}="%s"' for place in order) + "} %s\n"
    return head + "".join(
        [form % (*[_escaped(labels[place]) for place in order], _number(value)) for labels, value in samples]
    )


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
