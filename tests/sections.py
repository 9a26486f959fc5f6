"""Every setting there is: the exporter's own, and those of each built-in source."""

from __future__ import annotations

from exporter.settings import GLOBAL, Section
from exporter.sources.registry import BUILT_IN

SECTIONS: tuple[Section, ...] = (GLOBAL, *(definition.section() for definition in BUILT_IN))

KNOWN = frozenset(name for section in SECTIONS for name in section.known())
"""Every name that a setting answers to, those of files included."""

SECRET = frozenset(name for section in SECTIONS for name in section.secret_names())

PREFERRED = frozenset(section.names(field)[0] for section in SECTIONS for field in section.model.model_fields)
"""The name of each setting that the documentation and the example use."""
