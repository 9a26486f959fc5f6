"""Which definitions there are: our own, and those that other packages bring by entry point.

A plug-in that cannot be used is said in a sentence and left out; a source that follows it takes part all the
same, and says why there is nothing of it, because its absence must not look like zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from exporter.errors import SourceBroken
from exporter.records import SourceInfo
from exporter.settings import Instance, Settings, SourceSettings, is_name
from exporter.settings.reading import read
from exporter.sources.anthropic.definition import ANTHROPIC
from exporter.sources.definition import AnyDefinition, Definition, Setup
from exporter.sources.kalshi.definition import KALSHI
from exporter.sources.plug_in_code import digest
from exporter.sources.sales.definition import SALES

if TYPE_CHECKING:
    from exporter.sources.contract import Reading, Window

BUILT_IN: tuple[AnyDefinition, ...] = (KALSHI, ANTHROPIC, SALES)
GROUP = "northstar.sources"


@dataclass(frozen=True, slots=True)
class Registry:
    """The definitions by name, and a sentence for each plug-in that cannot be used."""

    definitions: Mapping[str, AnyDefinition]
    problems: tuple[str, ...]


@cache
def registry() -> Registry:
    """Return what is installed; another process may find another set."""
    return gather(entry_points(group=GROUP))


def plug_in_code() -> str | None:
    """Return what the code of all plug-ins that are installed is known by, None where it cannot be read."""
    return digest(entry_points(group=GROUP))


def read_settings(environ: Mapping[str, str], env_file: Path | None = None) -> Settings:
    """Return all settings, those of the sources included. Raises SettingsError for every mistake at once."""
    offered = {name: each.settings for name, each in registry().definitions.items()}
    return read(environ, env_file, offered, [each.name for each in BUILT_IN])


def definition_of(instance: Instance) -> AnyDefinition:
    """Return what a source follows."""
    return registry().definitions[instance.definition]


def info_of(instance: Instance) -> SourceInfo:
    """Return what everybody may know of a source."""
    return SourceInfo(instance.name, title_of(instance), definition_of(instance).kind)


def title_of(instance: Instance) -> str:
    """Return what a source is called before people."""
    return definition_of(instance).title_of(instance.name)


def gather(found: Iterable[EntryPoint], built_in: Sequence[AnyDefinition] = BUILT_IN) -> Registry:
    """Return our own definitions and those of the entry points that can be used."""
    definitions = {each.name: each for each in built_in}
    problems: list[str] = []
    for point in sorted(found, key=lambda point: (point.name, point.value)):
        whose = f"The source plug-in {point.name} ({point.value})"
        if point.name in definitions:
            problems.append(f"{whose} is left out: another source is called so.")
            continue
        definition, why = _loaded(point)
        if definition is None:
            problems.append(f"{whose} cannot be used: {why}.")
            if not is_name(point.name):
                continue
            definition = _unusable(point.name, problems[-1])
        definitions[point.name] = definition
    return Registry(definitions, tuple(problems))


def _loaded(point: EntryPoint) -> tuple[AnyDefinition | None, str]:
    """Return the definition of an entry point, or why there is none."""
    try:
        loaded = point.load()
    except Exception as error:  # noqa: BLE001 - whatever other people's code does, the other sources go on
        return None, f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(".: ")
    if not isinstance(loaded, Definition):
        return None, "it is no Definition"
    if loaded.name != point.name:
        return None, f"its definition calls itself {loaded.name}"
    return loaded, ""


class AnySettings(SourceSettings):
    """Whatever is set for a source whose own model cannot be had."""

    model_config = ConfigDict(extra="allow")


class Unusable:
    """Stands where a source would, and says at each turn why there is nothing to read."""

    overlap = timedelta(0)

    def __init__(self, setup: Setup, sentence: str) -> None:
        self.name, self.interval, self.freshness = setup.name, setup.interval, setup.freshness
        self._sentence = sentence

    async def fetch(self, window: Window) -> Reading:
        """Raise why it cannot be read."""
        raise SourceBroken(self.name, "plug_in", self._sentence)

    async def probe(self) -> str:
        """Raise why it cannot be asked."""
        raise SourceBroken(self.name, "plug_in", self._sentence)

    async def aclose(self) -> None:
        """Nothing is open."""


def _unusable(name: str, sentence: str) -> AnyDefinition:
    def build(_: SourceSettings, setup: Setup) -> Unusable:
        return Unusable(setup, sentence)

    return Definition(
        name=name,
        title=name,
        kind="other",
        settings=AnySettings,
        build=build,
        freshness=timedelta(minutes=5),
    )
