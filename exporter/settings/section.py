"""A model of settings and the environment names that its fields answer to.

A field `x` of the section `NORTHSTAR_` is read from NORTHSTAR_X, or from the names its extra lists, which go
first; a secret also from the file that X_FILE names (for container secrets).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.settings.entries import home

PREFIX = "NORTHSTAR_"

SAID_BY_A_VALIDATOR = ("value_error", "assertion_error")
"""Errors whose text somebody wrote who has seen the value; of a secret nothing of it is repeated."""


@dataclass(frozen=True, slots=True)
class Section:
    """One model under one prefix. `also` says whether the names in the fields' extra count, too."""

    model: type[BaseModel]
    prefix: str = PREFIX
    also: bool = True

    @property
    def open(self) -> bool:
        """Whether any name with the prefix is one of this section."""
        return self.model.model_config.get("extra") == "allow"

    def names(self, field: str) -> tuple[str, ...]:
        """Return the names a field answers to, the preferred one first."""
        extra = self.model.model_fields[field].json_schema_extra
        listed = extra.get("names", ()) if self.also and isinstance(extra, dict) else ()
        assert isinstance(listed, list | tuple)
        return (*map(str, listed), f"{self.prefix}{field.upper()}")

    def is_secret(self, field: str) -> bool:
        """Tell whether a field's value must never be shown."""
        return "Secret" in str(self.model.model_fields[field].annotation)

    def secret_names(self) -> Iterator[str]:
        """Yield every name that a secret is set by, those of files included."""
        for field in filter(self.is_secret, self.model.model_fields):
            for name in self.names(field):
                yield from (name, f"{name}_FILE")

    def known(self) -> Iterator[str]:
        """Yield every name of the section, those of files included."""
        for field in self.model.model_fields:
            yield from self.names(field)
        yield from self.secret_names()

    def values(self, given: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
        """Return what is given for each field; a file that cannot be read is one of the problems."""
        found: dict[str, Any] = {}
        for field in self.model.model_fields:
            for name in reversed(self.names(field)):
                if name in given:
                    found[field] = given[name]
                elif self.is_secret(field) and f"{name}_FILE" in given:
                    found[field] = _secret(name, given[f"{name}_FILE"], problems)
        return {field: value for field, value in found.items() if value is not None}

    def sentences(self, error: ValidationError) -> list[str]:
        """Return a sentence for each mistake, but for what is merely missing."""
        return [self._sentence(each) for each in error.errors() if each["type"] != "missing"]

    def missing(self, error: ValidationError) -> list[str]:
        """Return the preferred name of each field that is missing."""
        return [self.names(str(each["loc"][0]))[0] for each in error.errors() if each["type"] == "missing"]

    def _sentence(self, error: ErrorDetails) -> str:
        field = str(error["loc"][0]) if error["loc"] else ""
        if field not in self.model.model_fields:
            name = f"{self.prefix}..."
        elif error["type"] in SAID_BY_A_VALIDATOR and self.is_secret(field):
            return f"{self.names(field)[0]} is wrong."
        else:
            name = self.names(field)[0]
        what = error["msg"].removeprefix("Value error, ")
        end = "" if what.endswith("?") else "."
        return f"{name} is wrong: {what[:1].lower()}{what[1:]}{end}"


def _secret(name: str, path: str, problems: list[str]) -> str | None:
    try:
        return home(Path(path)).read_text().strip()
    except (OSError, ValueError) as error:
        problems.append(
            f"{name}_FILE names {path}, which cannot be read ({unreadable(error)}): "
            "check the path and its permissions."
        )
        return None


def unreadable(error: OSError | ValueError) -> str:
    """Return in a word or two why a file cannot be read; nothing of what it holds."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is not UTF-8 text"
