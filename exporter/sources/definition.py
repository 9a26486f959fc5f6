"""What is to be known of a source before there is one: its name, kind and settings, and how it is built.

A definition stands in the source's folder, or in another package under the entry point group
`northstar.sources`, and loads nothing heavy: it is read by every command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

from exporter.records.kinds import Kind
from exporter.settings import Section, SourceEntry, SourceSettings, is_name

if TYPE_CHECKING:
    from exporter.sources.contract import Source
    from exporter.sources.http import Observer
    from exporter.sources.live import LiveFeed, LiveObserver

FRESH_READINGS = 6
"""A source counts as stale after this many missed readings, or after its own limit if that is longer."""

S = TypeVar("S", bound=SourceSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a source is built with besides its settings. `setting` gives the name that a field is set by."""

    name: str
    title: str
    interval: timedelta
    freshness: timedelta
    clock: Callable[[], datetime]
    observer: Observer | None
    setting: Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What a live feed is built with besides: who counts its frames, and which markets are open now."""

    observer: LiveObserver
    tickers: Callable[[], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition(Generic[S]):
    """One kind of account: any number of sources may follow it, each with settings of its own.

    `build` raises SettingsError for what cannot be right. `live` gives a feed, or None where the settings
    switch it off. `simulator` is what is set otherwise where the simulator stands in for the service; None
    where it cannot.
    """

    name: str
    title: str
    kind: Kind
    settings: type[S]
    build: Callable[[S, Setup], Source]
    freshness: timedelta
    live: Callable[[S, Setup, Listening], LiveFeed | None] | None = None
    simulator: Mapping[str, str] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError(f'"{self.name}" is no name: a small letter, then at most 19 of them and digits')
        if not self.title.strip():
            raise ValueError("it has no title")
        if self.kind not in get_args(Kind):
            raise ValueError(f'its kind "{self.kind}" is none of {", ".join(get_args(Kind))}')
        if not (isinstance(self.settings, type) and issubclass(self.settings, SourceSettings)):
            raise ValueError("its settings are no SourceSettings")
        if self.live is not None and self.kind != "venue":
            raise ValueError("it has a live feed, and only a venue's quotes go anywhere")
        for name, info in self.settings.model_fields.items():
            if not info.description:
                raise ValueError(f"its setting {name} has no description")

    def section(self) -> Section:
        """Return the settings of the source that is called as its definition is."""
        return SourceEntry(self.name, self.name).section(self.settings)

    def title_of(self, name: str) -> str:
        """Return what a source of this definition is called before people."""
        return self.title if name == self.name else f"{self.title} ({name})"

    def fresh_for(self, interval: timedelta) -> timedelta:
        """Return how old figures may be before they are stale."""
        return max(self.freshness, FRESH_READINGS * interval)


AnyDefinition = Definition[Any]
"""Whatever settings it takes: a list of definitions has many kinds of them."""
