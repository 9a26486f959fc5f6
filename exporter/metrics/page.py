"""The page of `/metrics`: what snapshots state, written once for each; what is counted, at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from exporter.metrics.catalogue import Metric
from exporter.metrics.exposition import Sample, counted, text

Source = TypeVar("Source")


class PageSection(Generic[Source]):
    """The families of whatever is newest, kept as text until something newer is there."""

    def __init__(
        self,
        latest: Callable[[], Source | None],
        stated: Callable[[Source], Iterable[tuple[Metric, Sequence[Sample]]]],
    ) -> None:
        self._latest, self._stated = latest, stated
        self._kept: dict[bool, tuple[Source, dict[str, str]]] = {}

    def families(self, *, openmetrics: bool = False) -> dict[str, str]:
        """Return the text of each family by its name; none before there is anything to state."""
        latest = self._latest()
        if latest is None:
            return {}
        # Two scrapes at once may both write the same text: that is all that can happen without a lock.
        kept = self._kept.get(openmetrics)
        if kept is None or kept[0] is not latest:
            families = {
                metric.name: text(metric, samples, openmetrics=openmetrics)
                for metric, samples in self._stated(latest)
            }
            kept = self._kept[openmetrics] = (latest, families)
        return kept[1]


class Page:
    """The sections, and behind them what the registry counts."""

    def __init__(self, registry: CollectorRegistry, *sections: PageSection[Any]) -> None:
        self._registry, self._sections = registry, sections

    def answer(self, accept: str | None = None, names: Collection[str] = ()) -> tuple[str, bytes]:
        """Return type and body in the format that is asked for; only some families where `names` has any."""
        _, kind = choose_encoder(accept or "")
        openmetrics = kind.startswith("application/openmetrics")
        stated = [
            family
            for section in self._sections
            for name, family in section.families(openmetrics=openmetrics).items()
            if not names or name in names
        ]
        registry = self._registry.restricted_registry(names) if names else self._registry
        ending = "# EOF\n" if openmetrics else ""
        return kind, "".join([*stated, counted(registry, openmetrics=openmetrics), ending]).encode()
