"""Environment and `.env` -> frozen Settings; every mistake is reported at once, no secret ever.

A setting `x` is read from NORTHSTAR_X, or from X where the table says so; a secret also from the
file that X_FILE names (for container secrets). An empty value counts as not set.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from exporter.errors import SettingsError
from exporter.settings.model import Settings

PREFIX = "NORTHSTAR_"
SECRETS = tuple(name for name, info in Settings.model_fields.items() if "SecretStr" in str(info.annotation))


def names(field: str) -> tuple[str, ...]:
    """Return the environment names a setting answers to, the preferred one first."""
    own = PREFIX + field.upper()
    extra = Settings.model_fields[field].json_schema_extra
    return (field.upper(), own) if isinstance(extra, dict) and extra.get("alias") else (own,)


def read(environ: Mapping[str, str], env_file: Path | None = None) -> Settings:
    """Return the settings that environment and `.env` state; the environment wins.

    Raises SettingsError with a sentence for every problem; no value of a secret is in it.
    """
    given = {**_file(env_file), **environ}
    given = {name: value for name, value in given.items() if value != ""}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for field in Settings.model_fields:
        for name in reversed(names(field)):
            if name in given:
                values[field] = given[name]
            elif field in SECRETS and f"{name}_FILE" in given:
                values[field] = _secret(name, given[f"{name}_FILE"], problems)
    problems += _unknown(given)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_sentence(names(str(each["loc"][0]))[0], each["msg"]) for each in error.errors()]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def missing(settings: Settings) -> list[str]:
    """Return a sentence for every source that takes part but lacks what it needs to connect."""
    needs = {
        "kalshi": ("KALSHI_API_KEY", settings.kalshi_api_key),
        "kalshi ": (
            "KALSHI_PRIVATE_KEY_PATH",
            settings.kalshi_private_key or settings.kalshi_private_key_path,
        ),
        "anthropic": ("ANTHROPIC_API_KEY", settings.anthropic_api_key),
        "sales": ("JOHN_API_BASE_URL", settings.john_api_base_url),
        "sales ": ("JOHN_API_TOKEN", settings.john_api_token),
    }
    return [
        f"{name} is not set: set it, or take {source.strip()} out of NORTHSTAR_SOURCES."
        for source, (name, value) in needs.items()
        if source.strip() in settings.sources and value is None
    ]


def _file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _secret(name: str, path: str, problems: list[str]) -> str | None:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        problems.append(f"{name}_FILE names a file that cannot be read: check the path and its permissions.")
        return None


def _unknown(given: Mapping[str, str]) -> list[str]:
    known = {name for field in Settings.model_fields for name in names(field)}
    known |= {f"{name}_FILE" for field in SECRETS for name in names(field)}
    problems = []
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]}?" if near else "."
            problems.append(f"{name} is not a setting{hint}")
    return problems


def _sentence(name: str, message: str) -> str:
    what = message.removeprefix("Value error, ")
    return f"{name} is wrong: {what[0].lower()}{what[1:]}."
