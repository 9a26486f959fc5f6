"""Which sources take part: each a name of its own and the definition it follows.

`kalshi` is the source of that name by the definition of that name; `hedge=kalshi` is one more account.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from exporter.settings.fields import SourceSettings
from exporter.settings.section import PREFIX, Section

_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
"""A word: it is a part of environment names, of metric labels, of addresses and of keys of the snapshot."""

RESERVED = frozenset(
    {
        "all",
        "backups",
        "balanced",
        "breakdown",
        "ledger",
        "net",
        "northstar",
        "other",
        "retention",
        "snapshot",
        "store",
        "total",
    }
)
"""Words that already mean something where a source's name stands: jobs, sums, parts of the exporter."""


NO_OTHER_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One entry of NORTHSTAR_SOURCES."""

    name: str
    definition: str

    @property
    def own(self) -> bool:
        """Whether the source is called as its definition is, and answers to its old names."""
        return self.name == self.definition

    def section(self, model: type[SourceSettings]) -> Section:
        """Return where its settings are read from."""
        return Section(model, f"{PREFIX}{self.name.upper()}_", also=self.own)


@dataclass(frozen=True, slots=True)
class Instance(SourceEntry):
    """A source that takes part. `settings` is None while it lacks something, which `missing` says.

    `stated` tells whether anything is set of what it cannot do without.
    """

    settings: SourceSettings | None
    missing: tuple[str, ...]
    stated: bool


def is_name(text: str) -> bool:
    """Tell whether a source or a definition may be called so."""
    return _NAME.fullmatch(text) is not None


def entries(
    text: str,
    offered: Sequence[str],
    taken: Collection[str],
    problems: list[str],
    *,
    called: Mapping[str, str] = NO_OTHER_NAMES,
) -> list[SourceEntry]:
    """Return the sources that a comma list names; each mistake is one of the problems.

    `offered` are the names of the definitions, `taken` words that other settings begin with, `called` what
    people may call a definition because its settings do. The order is
    that of the definitions, and of one definition's sources its own comes first: what is the first venue
    must not depend on how a list is written.
    """
    found: dict[str, SourceEntry] = {}
    stated = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [] if stated else [f"must name at least one of {', '.join(offered)}"]
    for part in stated:
        name, equals, of = (word.strip() for word in part.partition("="))
        entry = SourceEntry(name, of if equals else name)
        if complaint := _complaint(entry, offered, taken, found, called):
            wrong.append(complaint)
        found.setdefault(entry.name, entry)
    problems += [f"{PREFIX}SOURCES is wrong: {complaint}." for complaint in wrong]
    usable = [entry for entry in found.values() if entry.definition in offered]
    return sorted(usable, key=lambda entry: (offered.index(entry.definition), not entry.own))


def _complaint(
    entry: SourceEntry,
    offered: Sequence[str],
    taken: Collection[str],
    found: Collection[str],
    called: Mapping[str, str],
) -> str | None:
    if entry.definition not in offered:
        near = difflib.get_close_matches(entry.definition, offered, 1)
        meant = called.get(entry.definition) or next(iter(near), None)
        hint = f"; perhaps {meant} is meant" if meant else ""
        return f'"{entry.definition}" is none of {", ".join(offered)}{hint}'
    if not is_name(entry.name):
        return f'"{entry.name}" is no name: a small letter, then at most 19 small letters and digits'
    if entry.name in found:
        return f'"{entry.name}" is there twice'
    if entry.own:
        return None
    if entry.name in offered:
        return f'"{entry.name}" is a definition, so no source that follows another one can be called so'
    if entry.name in RESERVED or entry.name in taken:
        return f'"{entry.name}" means something else already, so no source can be called so'
    return None
