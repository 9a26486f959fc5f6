"""Results by series and by event, at scrape time: the few largest of a few windows, the rest as other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from prometheus_client import Metric as Family
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics.catalogue import GROUPS, METRICS
from exporter.snapshot import Tree

WINDOWS = ("today", "mtd", "all")
"""A day, a month, and all there is; the other windows are in the API. With every window and every
group that the API shows, these figures alone would be more than all others together."""

TOP = {"series": 10, "event": 5}
"""Groups of a window with series of their own in Prometheus. An event lives for days: few of them are
worth a time series that a new one replaces."""

Sample = tuple[str, Sequence[str], float]


class GroupsCollector(Collector):
    """Renders the statement that `latest` returns; nothing before the first."""

    def __init__(self, latest: Callable[[], Tree | None]) -> None:
        self._latest = latest

    def describe(self) -> Iterable[Family]:
        return [GaugeMetricFamily(metric.name, metric.help, labels=metric.labels) for metric in GROUPS]

    def collect(self) -> Iterator[Family]:
        stated = self._latest()
        families: dict[str, GaugeMetricFamily] = {}
        for level, windows in (stated or {}).items():
            for window in WINDOWS:
                if window in windows:
                    for name, labels, value in _samples(level, window, windows[window]):
                        if name not in families:
                            metric = METRICS[name]
                            families[name] = GaugeMetricFamily(name, metric.help, labels=metric.labels)
                        families[name].add_metric(labels, value)
        yield from families.values()


def _samples(level: str, window: str, stated: Tree) -> Iterator[Sample]:
    shown: list[tuple[str, Mapping[str, Any]]]
    shown = [(group["name"], group) for group in stated["groups"][: TOP[level]]]
    rest = list(stated["groups"][TOP[level] :])
    if "other" in stated:
        rest.append(stated["other"])
    if rest:
        shown.append(("other", _sum(rest)))
    for name, group in shown:
        labels = (window, name)
        for figure in ("realised", "fees"):
            yield f"northstar_{level}_{figure}_usd", labels, float(group[figure])
        for result, count in (("win", "wins"), ("loss", "losses"), ("even", "even")):
            yield f"northstar_{level}_round_trips", (*labels, result), group[count]
        if "unrealised" in group and window == WINDOWS[-1]:
            yield f"northstar_{level}_unrealised_usd", (name,), float(group["unrealised"])
        for ratio in ("win_ratio", "profit_factor"):
            if ratio in group:
                yield f"northstar_{level}_{ratio}", labels, float(group[ratio])


def _sum(groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sum of groups, without ratios: those cannot be summed."""
    found: dict[str, Any] = {name: _total(groups, name) for name in ("realised", "fees")}
    found |= {name: sum(group[name] for group in groups) for name in ("wins", "losses", "even")}
    marked = [group for group in groups if "unrealised" in group]
    return found | ({"unrealised": _total(marked, "unrealised")} if marked else {})


def _total(groups: Iterable[Mapping[str, Any]], name: str) -> Decimal:
    return sum((Decimal(group[name]) for group in groups), Decimal(0))
