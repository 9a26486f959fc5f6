"""Environment and `.env` -> frozen Settings; every mistake is reported at once, no secret ever.

An empty value counts as not set. What a source cannot connect without may be missing: it is said by the
commands that need it, and the others go on.
"""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import ValidationError

from exporter.errors import SettingsError
from exporter.settings.fields import SourceSettings
from exporter.settings.instances import Instance, SourceEntry, entries
from exporter.settings.model import Settings
from exporter.settings.section import PREFIX, Section, unreadable

NEARLY = 0.88
"""How much of two names must be the same: KALSHI_APIKEY is meant for KALSHI_API_KEY, JOHN_API_TOKENS too."""

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
    problems: list[str] = []
    stated = _file(env_file, problems)
    given = {name: value for name, value in {**stated, **environ}.items() if value != ""}
    named = given.get(SOURCES, ",".join(usual))
    taking_part = entries(named, list(offered), _taken(offered), problems, called=_called(offered))
    # A source that does not take part keeps its names, and what is wrong with them is still said.
    apart = [SourceEntry(name, name) for name in offered if SourceEntry(name, name) not in taking_part]
    sections = {entry: entry.section(offered[entry.definition]) for entry in (*taking_part, *apart)}
    problems += _unknown(given, sections)
    problems += _mistyped(given, stated, sections)
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


def _file(path: Path | None, problems: list[str]) -> dict[str, str]:
    """Return what the file states; nothing where there is none. What cannot be read of it is a problem."""
    if path is None or not path.exists():
        return {}
    try:
        text = _text(path.read_bytes())
    except OSError as error:
        problems.append(f"{path} cannot be read: {unreadable(error)}.")
        return {}
    except ValueError as error:
        problems.append(f"{path} {error}: save it as UTF-8 text.")
        return {}
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            problems.append(f"{path}, line {binding.original.line}, is not of the form NAME=value.")
    values = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def _text(content: bytes) -> str:
    """Return a text. Raises ValueError that says what else it is, and where, but not what stands there."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):
        if content.startswith(mark):
            raise ValueError(f"is {encoding}")
    if b"\0" in content:
        raise ValueError("holds bytes that are no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 in line {line}") from None


def _called(offered: Mapping[str, type[SourceSettings]]) -> dict[str, str]:
    """Return by the word that its settings begin with, `john`, the definition that is meant."""
    return {
        name.partition("_")[0].lower(): definition
        for definition, model in offered.items()
        for name in SourceEntry(definition, definition).section(model).known()
        if not name.startswith(PREFIX)
    }


def _mistyped(
    given: Mapping[str, str], stated: Mapping[str, str], sections: Mapping[SourceEntry, Section]
) -> list[str]:
    """Return a sentence for each name that is nearly one of ours which is not given.

    The file is ours alone; the environment is full of other programs' names, and only those count there
    that begin as one of ours does.
    """
    ours = {name for section in (GLOBAL, *sections.values()) for name in section.known()}
    families = tuple(f"{word.partition('_')[0]}_" for word in ours if "_" in word)
    lacking = [name for name in ours if name not in given and not name.startswith(PREFIX)]
    problems = []
    for name in sorted(given):
        if name in ours or name.startswith(PREFIX) or not (name in stated or name.startswith(families)):
            continue
        close = difflib.get_close_matches(name, lacking, 1, NEARLY)
        if close:
            problems.append(f"{name} is not a setting: did you mean {close[0]}?")
    return problems


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
