"""Results by series and by event: the few largest of a few windows, the rest as other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from exporter.metrics.catalogue import METRICS, Metric
from exporter.metrics.exposition import Sample
from exporter.snapshot import Window
from exporter.snapshot.breakdown import GroupResults, ResultsByGroup, WindowGroups
from exporter.snapshot.texts import decimal

WINDOWS: tuple[Window, ...] = ("today", "mtd", "all")
"""A day, a month, and all there is; the other windows are in the API. With every window and every
group that the API shows, these figures alone would be more than all others together."""

TOP = {"series": 10, "event": 5}
"""Groups of a window with series of their own in Prometheus. An event lives for days: few of them are
worth a time series that a new one replaces."""


def figures(stated: ResultsByGroup) -> Iterator[tuple[Metric, Sequence[Sample]]]:
    """Yield each metric that has samples."""
    found: dict[str, list[Sample]] = {}
    for level, windows in (("series", stated.series), ("event", stated.event)):
        for window in WINDOWS:
            if window in windows:
                for name, sample in _samples(level, window, windows[window]):
                    found.setdefault(name, []).append(sample)
    yield from ((METRICS[name], samples) for name, samples in found.items())


def _samples(level: str, window: Window, stated: WindowGroups) -> Iterator[tuple[str, Sample]]:
    shown: list[tuple[str, GroupResults | Rest]]
    shown = [(group.name, group) for group in stated.groups[: TOP[level]]]
    rest: list[GroupResults] = list(stated.groups[TOP[level] :])
    if stated.other is not None:
        rest.append(stated.other)
    if rest:
        shown.append(("other", _sum(rest)))
    for name, group in shown:
        labels = (window, name)
        yield f"northstar_{level}_realised_usd", (labels, float(group.realised))
        yield f"northstar_{level}_fees_usd", (labels, float(group.fees))
        for result, count in (("win", group.wins), ("loss", group.losses), ("even", group.even)):
            yield f"northstar_{level}_round_trips", ((*labels, result), count)
        if group.unrealised is not None and window == WINDOWS[-1]:
            yield f"northstar_{level}_unrealised_usd", ((name,), float(group.unrealised))
        if isinstance(group, GroupResults):
            if group.win_ratio is not None:
                yield f"northstar_{level}_win_ratio", (labels, float(group.win_ratio))
            if group.profit_factor is not None:
                yield f"northstar_{level}_profit_factor", (labels, float(group.profit_factor))


@dataclass(frozen=True, slots=True)
class Rest:
    """The sum of groups, without ratios: those cannot be summed."""

    realised: Decimal
    fees: Decimal
    wins: int
    losses: int
    even: int
    unrealised: Decimal | None


def _sum(groups: Sequence[GroupResults]) -> Rest:
    marked = [decimal(group.unrealised) for group in groups if group.unrealised is not None]
    return Rest(
        realised=sum((decimal(group.realised) for group in groups), Decimal(0)),
        fees=sum((decimal(group.fees) for group in groups), Decimal(0)),
        wins=sum(group.wins for group in groups),
        losses=sum(group.losses for group in groups),
        even=sum(group.even for group in groups),
        unrealised=sum(marked, Decimal(0)) if marked else None,
    )
