"""`northstar settings`: every setting there is, those of each source that takes part included."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap

from pydantic_core import PydanticUndefined

from exporter.settings import GLOBAL, Section, Settings
from exporter.sources.registry import BUILT_IN, definition_of

WIDTH = 100
"""Columns of a terminal that is not narrow; longer lines are hard to read in any."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting by its preferred name; `default` is empty where there is none."""

    name: str
    others: tuple[str, ...]
    default: str
    description: str


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the settings; what they are set to is nobody's business but theirs."""
    sections = [instance.section(definition_of(instance).settings) for instance in settings.sources]
    for row in rows([GLOBAL, *sections]):
        print(f"{row.name}{f' = {row.default}' if row.default else ''}")
        also = f" Also {', '.join(row.others)}." if row.others else ""
        print("\n".join(wrap(row.description + also, WIDTH, initial_indent="    ", subsequent_indent="    ")))
    return 0


def rows(sections: Iterable[Section]) -> Iterator[SettingRow]:
    """Yield the settings of these sections, in their order."""
    for section in sections:
        for field, info in section.model.model_fields.items():
            preferred, *others = section.names(field)
            if section.is_secret(field):
                others.append(f"{preferred}_FILE")
            default = _default(preferred, info.get_default())
            yield SettingRow(preferred, tuple(others), default, info.description or "")


def _default(name: str, value: object) -> str:
    if name == "NORTHSTAR_SOURCES":
        return ",".join(definition.name for definition in BUILT_IN)
    if value in (None, (), PydanticUndefined):
        return ""
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return text.lower() if isinstance(value, bool) else text
