"""`northstar close`: the pack of a period that is over and final, in a folder of its own."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from exporter.errors import ExporterError
from exporter.periods.grammar import parse
from exporter.periods.period import Period
from exporter.records.printable import printable
from exporter.reports.pack import SUMS, OpenPoint, closable_from, files, open_points
from exporter.reports.reader import PeriodReader
from exporter.settings import Settings
from exporter.store import Store


class CannotClose(ExporterError):
    """A period is not closed; the text says what stands in the way, and what can be done."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Write the pack, or say what keeps the period open; the exporter may run meanwhile."""
    with Store.pinned(settings.db_path) as store:
        reader = PeriodReader(store)
        period = parse(options.period, reader.today, reader.zone)
        points = open_points(reader, reader.figures(period))
        if points and not options.anyway:
            told = "\n".join(printable(f"  {point.line}: {point.text}") for point in points)
            raise CannotClose(
                f"{period.name} is not closed, for not all of it is final:\n{told}\n"
                f"Its bills are final from {closable_from(period):%Y-%m-%d %H:%M} UTC on. "
                "--anyway writes it all the same, and says so in it."
            )
        folder = options.out or Path(f"northstar-{period.name}{'-not-final' if points else ''}")
        print(written(reader, period, points, folder))
    return 0


def written(reader: PeriodReader, period: Period, points: list[OpenPoint], folder: Path) -> str:
    """Write the pack whole or not at all, and return what to say of it. Raises CannotClose."""
    part = folder.with_name(f".{folder.name}.part{os.getpid()}")
    try:
        try:
            part.mkdir(parents=True)
            for name, pieces in files(reader, period, points):
                with (part / name).open("wb") as out:
                    for piece in pieces:
                        out.write(piece)
            if folder.exists():
                if _sums(folder) == _sums(part):
                    return f"{folder} is the pack of {period.name} already, to the last byte."
                raise CannotClose(
                    f"{folder} is there and is not this pack of {period.name}: name another folder with "
                    "--out, and compare the two; northstar diff says what has changed."
                )
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise CannotClose(
            f"The pack {folder} cannot be written ({error.strerror}): nothing of it was kept."
        ) from None
    return f"{folder} is the pack of {period.name}; (cd {folder} && sha256sum -c {SUMS}) verifies it."


def _sums(folder: Path) -> bytes:
    try:
        return (folder / SUMS).read_bytes()
    except OSError:
        return b""
