"""`northstar check`: every setting and one real call per source, each problem one sentence."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from exporter.errors import ExporterError, SettingsError, SourceError
from exporter.settings import SOURCES, Settings, missing
from exporter.store import Store
from exporter.wiring import SOURCES as BUILDERS
from exporter.wiring import utc_now

SKEW_WORTH_SAYING = timedelta(seconds=2)
"""Upstreams state their clock in whole seconds; below this it may be nothing but rounding."""


def run(settings: Settings) -> int:
    """Print a line per part and return the exit code: 0 when all is well."""
    problems = [*missing(settings), *_database(settings)]
    for problem in problems:
        print(f"problem  {problem}")
    bad = len(problems)
    for name in settings.sources:
        if not any(name in sentence for sentence in missing(settings)):
            bad += asyncio.run(_probe(name, settings))
    for name in SOURCES:
        if name not in settings.sources:
            print(f"off      {name} is not in NORTHSTAR_SOURCES")
    print("All is well." if not bad else f"{bad} problem{'s' if bad > 1 else ''} found.")
    return 1 if bad else 0


def _database(settings: Settings) -> list[str]:
    try:
        Store.write(settings.db_path).close()
    except ExporterError as error:
        return [str(error)]
    print(f"ok       The database {settings.db_path} can be written.")
    return []


async def _probe(name: str, settings: Settings) -> int:
    """Ask the source once; return how many problems that showed."""
    try:
        source = BUILDERS[name](settings, None, utc_now)
    except SettingsError as error:
        for problem in error.problems:
            print(f"problem  {problem}")
        return len(error.problems)
    try:
        print(f"ok       {await source.probe()}")
        if (skew := source.client.skew) is not None and abs(skew) > SKEW_WORTH_SAYING:
            print(f"notice   {_clocks(source.client.title, skew)}")
    except SourceError as error:
        print(f"problem  {error}")
        return 1
    finally:
        await source.aclose()
    return 0


def _clocks(title: str, skew: timedelta) -> str:
    """Return what two clocks that differ mean for the reader."""
    which = "ahead of" if skew > timedelta(0) else "behind"
    seconds = abs(skew).total_seconds()
    return f"The clock of {title} is {seconds:.0f} s {which} this machine's: keep its time in sync."
