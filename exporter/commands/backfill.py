"""`northstar backfill`: read the whole past of a source now, with a bar, stoppable at any moment.

The bar measures time, from now back to the account's first cash, because no list says how many rows
it has. On anything but a terminal a plain line every few seconds stands in for it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TextIO

from tqdm import tqdm

from exporter.collect.backlog import Reader, Step
from exporter.collect.store_thread import StoreThread
from exporter.errors import SettingsError, StoreError
from exporter.settings import Instance, Settings
from exporter.sources.contract import HasHistory
from exporter.sources.guard import held
from exporter.sources.registry import info_of, title_of
from exporter.store import Found, Past, Store
from exporter.wiring import build_source, utc_now

LINE_SECONDS = 5.0
"""Between two plain lines: a log of an hour has some seven hundred."""

STOPPED = 130
"""The exit code of a program that was told to stop by Ctrl-C."""

LAYOUT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Read the past of a source and say what was found. Returns the exit code.

    Raises SettingsError, StoreError (the exporter runs) or SourceError; what was read until then is kept.
    """
    name, since = options.source, options.since
    instance = next((each for each in settings.sources if each.name == name), None)
    if instance is None:
        there = ", ".join(each.name for each in settings.sources)
        raise SettingsError([f'"{name}" is none of the sources that take part: {there}.'])
    with Store.write(settings.db_path) as store:
        try:
            past, found = asyncio.run(_read(store, instance, since))
        except KeyboardInterrupt:
            print("\nStopped. What was read is kept: run the same command again to go on.", file=sys.stderr)
            return STOPPED
    for line in summary(past, found):
        print(line)
    return 0


def summary(past: Past, found: Found) -> list[str]:
    """Return what there is and what is missing, a line each."""
    lines = [
        f"fills        {found.fills:,}",
        f"settlements  {found.settlements:,}, of which {found.rebuilt:,} rebuilt from the market's result",
        f"markets      {found.markets:,}",
        f"transfers    {found.transfers:,}",
    ]
    if found.first is not None and found.last is not None:
        lines.append(f"from         {found.first:%Y-%m-%d} to {found.last:%Y-%m-%d} (UTC)")
    return lines + ([f"missing      {what}" for what in past.missing] or ["missing      nothing"])


async def _read(store: Store, instance: Instance, since: date | None) -> tuple[Past, Found]:
    source = build_source(instance, None, utc_now)
    if not isinstance(source, HasHistory):
        await source.aclose()
        raise SettingsError([f"{title_of(instance)} has no past but what each reading brings."])
    # Closed before the store is: a commit under way is finished, whatever ended the reading.
    with StoreThread() as thread, held(info_of(instance), StoreError):
        reader = Reader(store, source, info_of(instance), utc_now, thread)
        try:
            await reader.load()
            await _begin(reader, since)
            assert reader.past is not None
            with progress(reader.past, sys.stderr) as shown:
                await reader.advance(tell=shown.step)
            await reader.finish()
            return reader.past, await thread.run(store.histories.found, instance.name)
        finally:
            await source.aclose()


async def _begin(reader: Reader, since: date | None) -> None:
    """Go on with the run that was stopped, if it is about the same days; begin one otherwise."""
    bottom = None if since is None else datetime(since.year, since.month, since.day, tzinfo=UTC)
    known = reader.past
    if known is None or reader.settled or (since is not None and bottom != known.bottom):
        await reader.begin(bottom)


def progress(past: Past, out: TextIO) -> Bar:
    """Return the bar, or on anything but a terminal its plain lines."""
    return Bar(past, out) if out.isatty() else Lines(past, out)


class Bar:
    """A bar over the time that was read. `step` is told of each commit."""

    def __init__(self, past: Past, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock, self._began = out, clock, clock()
        self._until, self._bottom = past.until, past.bottom
        self._first: datetime | None = past.bottom
        self._rows = 0
        self._tqdm: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tqdm is not None:
            self._tqdm.close()

    def step(self, step: Step) -> None:
        """Show a commit."""
        self._rows += step.rows
        if self._bottom is None and step.oldest is not None:
            self._first = min(self._first or step.oldest, step.oldest)
        self._show(step)

    @property
    def _speed(self) -> str:
        return f"{self._rows / max(self._clock() - self._began, 1e-9):,.0f} rows/s"

    def _share(self, step: Step) -> float:
        """Return how much of the time back to the first event a part has been read."""
        if step.part.done:
            return 1.0
        if step.oldest is None or self._first is None or self._until <= self._first:
            return 0.0
        return (self._until - step.oldest) / (self._until - self._first)

    def _show(self, step: Step) -> None:
        if self._tqdm is None or self._tqdm.desc != step.part.name:
            self.__exit__()
            self._tqdm = tqdm(total=1.0, desc=step.part.name, bar_format=LAYOUT, file=self._out, leave=True)
        self._tqdm.set_postfix_str(f"{step.part.rows:,} rows, {self._speed}", refresh=False)
        self._tqdm.update(max(0.0, self._share(step) - self._tqdm.n))


class Lines(Bar):
    """The same in plain lines, for logs and pipes."""

    _said = float("-inf")

    def _show(self, step: Step) -> None:
        now = self._clock()
        if not step.part.done and now - self._said < LINE_SECONDS:
            return
        self._said = now
        share = self._share(step)
        rest = (
            ""
            if not 0.01 < share < 1
            else f", about {_spoken((now - self._began) / share * (1 - share))} left"
        )
        back = f", back to {step.oldest:%Y-%m-%d}" if step.oldest is not None else ""
        print(
            f"{step.part.name}: {step.part.rows:,} rows{back}, {self._speed}{rest}",
            file=self._out,
            flush=True,
        )


def _spoken(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
