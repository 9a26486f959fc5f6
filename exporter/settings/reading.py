"""Environment and `.env` -> frozen Settings; every mistake is reported at once, no secret ever.

An empty value counts as not set. What a source cannot connect without may be missing: it is said by the
commands that need it, and the others go on.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from exporter.errors import SettingsError
from exporter.settings.fields import SourceSettings
from exporter.settings.instances import Instance, SourceEntry, entries
from exporter.settings.model import Settings
from exporter.settings.section import PREFIX, Section

SOURCES = f"{PREFIX}SOURCES"
GLOBAL = Section(Settings)


def read(
    environ: Mapping[str, str],
    env_file: Path | None,
    offered: Mapping[str, type[SourceSettings]],
    usual: Sequence[str],
) -> Settings:
    """Return the settings that environment and `.env` state; the environment wins.

    `offered` are the models of the sources' settings by definition, `usual` those that take part when
    nobody says otherwise. Raises SettingsError with a sentence for every problem; no value of a secret is
    in it.
    """
    given = {**_file(env_file), **environ}
    given = {name: value for name, value in given.items() if value != ""}
    problems: list[str] = []
    taking_part = entries(given.get(SOURCES, ",".join(usual)), list(offered), _taken(offered), problems)
    # A source that does not take part keeps its names, and what is wrong with them is still said.
    apart = [SourceEntry(name, name) for name in offered if SourceEntry(name, name) not in taking_part]
    sections = {entry: entry.section(offered[entry.definition]) for entry in (*taking_part, *apart)}
    problems += _unknown(given, sections)
    instances = {entry: _instance(entry, section, given, problems) for entry, section in sections.items()}
    values = GLOBAL.values(given, problems) | {"sources": tuple(instances[entry] for entry in taking_part)}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += GLOBAL.sentences(error)
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def missing(settings: Settings) -> list[str]:
    """Return a sentence for all that sources which take part lack to connect."""
    return [sentence for instance in settings.sources for sentence in instance.missing]


def _instance(
    entry: SourceEntry, section: Section, given: Mapping[str, str], problems: list[str]
) -> Instance:
    values = section.values(given, problems)
    lacking: list[str] = []
    settings: SourceSettings | None = None
    try:
        validated = section.model.model_validate(values)
        assert isinstance(validated, SourceSettings)
        settings = validated
    except ValidationError as error:
        problems += section.sentences(error)
        lacking = section.missing(error)
    required = [field for field, info in section.model.model_fields.items() if info.is_required()]
    return Instance(
        name=entry.name,
        definition=entry.definition,
        settings=settings,
        missing=tuple(
            f"{name} is not set: set it, or take {entry.name} out of {SOURCES}." for name in lacking
        ),
        stated=any(field in values for field in required),
    )


def _file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _taken(offered: Mapping[str, type[SourceSettings]]) -> frozenset[str]:
    """Return the words that names begin with which are not those of a source, `alert` or `john`."""
    sections = [GLOBAL, *(SourceEntry(name, name).section(model) for name, model in offered.items())]
    names = [name for section in sections for name in section.known() if name.startswith(PREFIX)]
    words = {name.removeprefix(PREFIX).partition("_")[0].lower() for name in names}
    return frozenset(words) - frozenset(offered)


def _unknown(given: Mapping[str, str], sections: Mapping[SourceEntry, Section]) -> list[str]:
    """Return a sentence for each name that is nobody's: with the source, or the name, that is nearest."""
    known = {name for section in (GLOBAL, *sections.values()) for name in section.known()}
    anything = tuple(section.prefix for section in sections.values() if section.open)
    there = {entry.name for entry in sections}
    problems = []
    for name in sorted(given):
        if not name.startswith(PREFIX) or name in known or name.startswith(anything):
            continue
        word, _, field = name.removeprefix(PREFIX).partition("_")
        have = [entry.name for entry, section in sections.items() if f"{section.prefix}{field}" in known]
        if have and word.lower() not in there:
            near = difflib.get_close_matches(word.lower(), have, 1)
            hint = (
                f"did you mean {PREFIX}{near[0].upper()}_{field}?" if near else f"it has {', '.join(have)}."
            )
            problems.append(f'{name} is not a setting: {SOURCES} has no "{word.lower()}"; {hint}')
        else:
            close = difflib.get_close_matches(name, known, 1)
            hint = f": did you mean {close[0]}?" if close else "."
            problems.append(f"{name} is not a setting{hint}")
    return problems
