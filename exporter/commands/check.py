"""`northstar check`: every setting and one real call per source, each problem one sentence."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from exporter.collect.rereads import told
from exporter.errors import ExporterError, SettingsError, SourceError, StoreBusy
from exporter.records.printable import printable
from exporter.settings import Instance, Settings
from exporter.sources.blame import where
from exporter.sources.contract import HasClient, Source
from exporter.sources.registry import registry, title_of
from exporter.store import OpenAside, Store
from exporter.wiring import build_guard, build_source, utc_now

NAMED = 3
"""Rows named of those with one thing wrong; the others are listed by the stream, `/api/pnl/aside`."""

SKEW_WORTH_SAYING = timedelta(seconds=2)
"""Upstreams state their clock in whole seconds; below this it may be nothing but rounding."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a line per part and return the exit code: 0 when all is well."""
    bad = [*registry().problems, *_database(settings), *_web_config(settings)]
    for problem in bad:
        _say("problem", problem)
    count = len(bad) + sum(asyncio.run(_probe(instance)) for instance in settings.sources)
    _say("info", told())
    followed = {instance.definition for instance in settings.sources}
    for name in registry().definitions:
        if name not in followed:
            _say("off", f"{name} is not in NORTHSTAR_SOURCES")
    print("All is well." if not count else f"{count} problem{'s' if count > 1 else ''} found.")
    return 1 if count else 0


def _say(what: str, sentence: str) -> None:
    print(f"{what:8} {printable(sentence)}")


def _database(settings: Settings) -> list[str]:
    try:
        try:
            with Store.write(settings.db_path) as store:
                aside = store.asides.entries()
            found = f"The database {settings.db_path} can be written."
        except StoreBusy:
            with Store.read(settings.db_path) as store:
                aside = store.asides.entries()
            found = f"An exporter is running, and writes the database {settings.db_path}."
    except ExporterError as error:
        return [str(error)]
    _say("ok", found)
    for sentence in _aside(aside):
        _say("notice", sentence)
    return []


def _web_config(settings: Settings) -> list[str]:
    try:
        guard = build_guard(settings)
    except SettingsError as error:
        return list(error.problems)
    if guard is not None:
        config = guard.config()
        users = f"{len(config.users)} users" if config.users else "anybody"
        _say("ok", f"The metrics are served over {config.scheme} to {users}.")
    return []


def _aside(entries: Sequence[OpenAside]) -> Iterator[str]:
    """Name the rows that are set aside, a sentence for each list and what is odd in it."""
    alike: dict[tuple[str, str, str, str], list[OpenAside]] = {}
    for entry in entries:
        aside = entry.aside
        alike.setdefault((aside.source, aside.listed, aside.field, aside.what), []).append(entry)
    for (source, listed, field, what), found in alike.items():
        count, since = sum(each.aside.count for each in found), min(each.first_seen for each in found)
        named = ", ".join(each.aside.key for each in found[:NAMED])
        rows = "A row" if count == 1 else f"{count:,} rows"
        yield (
            f"{source}: {rows} of {listed} cannot be read, since {since:%Y-%m-%d %H:%M} UTC: {field} {what} "
            f"({named}{' and more' if len(found) > NAMED else ''})."
        )


async def _probe(instance: Instance) -> int:
    """Ask the source once; return how many problems that showed."""
    try:
        source = build_source(instance, None, utc_now)
    except SettingsError as error:
        for problem in error.problems:
            _say("problem", f"{instance.name}: {problem}")
        return len(error.problems)
    wrong = await _ask(source, instance)
    if wrong is not None:
        _say("problem", f"{instance.name}: {wrong}")
        return 1
    if isinstance(source, HasClient):
        skew = source.client.skew
        if skew is not None and abs(skew) > SKEW_WORTH_SAYING:
            _say("notice", _clocks(source.client.title, skew))
    return 0


async def _ask(source: Source, instance: Instance) -> str | None:
    """Say what the source answers; return what is wrong with it, None when nothing is."""
    try:
        _say("ok", f"{instance.name}: {await source.probe()}")
    except SourceError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a plug-in does, the other sources are asked, too
        return f"{title_of(instance)} failed in a way that no source may: {where(error)}."
    finally:
        await source.aclose()
    return None


def _clocks(title: str, skew: timedelta) -> str:
    """Return what two clocks that differ mean for the reader."""
    which = "ahead of" if skew > timedelta(0) else "behind"
    seconds = abs(skew).total_seconds()
    return f"The clock of {title} is {seconds:.0f} s {which} this machine's: keep its time in sync."
