"""`northstar export`: the rows behind a period, as CSV or JSON lines, to a file or to whoever reads."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from exporter.errors import ExporterError
from exporter.periods.grammar import parse
from exporter.reports.exports.catalogue import EXPORTS
from exporter.reports.exports.writing import Writing
from exporter.reports.reader import PeriodReader
from exporter.settings import Settings
from exporter.store import Store

META = ".meta.json"
"""What follows the name of a CSV file in that of its metadata."""


class ExportFailed(ExporterError):
    """A file could not be written; what was there before is still there."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Write one export of a period; the exporter may run meanwhile."""
    with Store.pinned(settings.db_path) as store:
        reader = PeriodReader(store)
        period = parse(options.period, reader.today, reader.zone)
        writing = Writing(EXPORTS[options.what], reader, period)
        pieces = writing.pieces(options.format)
        if options.meta:
            for _ in pieces:
                pass
            print(json.dumps(writing.meta, indent=2))
        elif options.out is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
        else:
            put(options.out, pieces)
            if options.format == "csv":
                put(options.out.with_name(options.out.name + META), [meta_text(writing)])
    return 0


def meta_text(writing: Writing) -> bytes:
    """Return the metadata of an export that was written, as a file has it."""
    return (json.dumps(writing.meta, indent=2) + "\n").encode()


def put(path: Path, pieces: Iterator[bytes] | list[bytes]) -> None:
    """Write a file whole, or leave what was there. Raises ExportFailed."""
    part = path.with_name(f".{path.name}.part{os.getpid()}")
    try:
        try:
            with part.open("wb") as out:
                for piece in pieces:
                    out.write(piece)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ExportFailed(f"{path} cannot be written: {error.strerror}.") from None
