"""The pack of a closed period: statement, rows, checks and settings, with a hash of each file.

Closed:  only what is over and final. What keeps a period open is said by line, with the moment from which its
         bills are final: they settle a day after the end of their UTC day.
Bytes:   the same state of the period gives the same bytes: no file says when it was made, or of which
         snapshot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from exporter import __version__
from exporter.ledger.cost.day import SETTLES_AFTER
from exporter.money import plain
from exporter.periods.dimension import Dimension
from exporter.periods.period import Period
from exporter.reports.answers import statement_tree
from exporter.reports.exports.catalogue import EXPORTS
from exporter.reports.exports.writing import Writing
from exporter.reports.reader import PeriodFigures, PeriodReader
from exporter.snapshot import Figure, Grade

SUMS = "SHA256SUMS"
"""What the file of hashes is called; `sha256sum -c` reads it."""

ALL_ROWS = 10**9

DIVIDED: tuple[Dimension, ...] = ("source", "series", "product", "model")
"""What the statement is divided by in the pack; every row of it is in the CSV files."""

ROWS = tuple(name for name in EXPORTS if name != "statement")
"""The exports in the pack; the statement, which says how old its sources are, is there by itself."""

OF_THE_STATE = ("epoch", "sequence", "as_of")
"""Which snapshot an answer speaks of: another one a second later, of the same closed period."""

README = """{title}

{standing}

  statement.md      the statement, to read
  statement.json    the same for programs, with its parts by {divided}
  *.csv             the rows behind it: exact decimals, an unknown is empty (RFC 4180)
  checks.json       the truth checks, and whether each held
  settings.json     zone, lot rule, mark rule and version that it was made by

To verify it:

  sha256sum -c SHA256SUMS
  northstar statement {name} --known-at MOMENT    what was known when it was closed
  northstar close {name} --out ANOTHER            the same again, while nothing has changed
"""


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """Why a period is not closed yet: the line, and what it waits for."""

    line: str
    text: str


def open_points(reader: PeriodReader, figures: PeriodFigures) -> list[OpenPoint]:
    """Return what stands in the way of closing a period, nothing when it can be closed."""
    period = figures.period
    found = []
    if not period.is_over(reader.now):
        found.append(OpenPoint("the period", f"it ends at {period.end:%Y-%m-%d %H:%M} UTC"))
    for name, figure in figures.components.items():
        if figure.grade is not Grade.FINAL:
            reasons = [f"{reason.source}: {reason.text}" for reason in figure.because]
            found.append(
                OpenPoint(name, f"{figure.grade.word}: {'; '.join(reasons) or 'no reason is known'}")
            )
    return found


def closable_from(period: Period) -> datetime:
    """Return when the bills of a period are final at the latest: a day after the end of its last UTC day."""
    last = (period.end - timedelta(microseconds=1)).date()
    return datetime.combine(last, time(), period.end.tzinfo) + timedelta(days=1) + SETTLES_AFTER


def files(
    reader: PeriodReader, period: Period, points: list[OpenPoint]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the name and the bytes of each file, in pieces; the hashes of all come last."""
    hashes: dict[str, str] = {}
    for name, pieces in _files(reader, period, points):
        digest = hashlib.sha256()
        yield name, _hashed(pieces, digest)
        hashes[name] = digest.hexdigest()
    yield SUMS, iter(["".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)).encode()])


def _files(
    reader: PeriodReader, period: Period, points: list[OpenPoint]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    figures = reader.figures(period)
    standing = "Closed: every line is final." if not points else "NOT FINAL, closed anyway:"
    told = "\n".join([standing, *(f"  {point.line}: {point.text}" for point in points)])
    title = f"{period.name}: {period.words}"
    texts = {
        "README.txt": README.format(title=title, standing=told, divided=", ".join(DIVIDED), name=period.name),
        "statement.md": _markdown(title, told, figures),
        "statement.json": _json(_statement(reader, period)),
        "checks.json": _json({name: check.ok for name, check in reader.snapshot.checks.items()}),
        "settings.json": _json(
            {
                "timezone": reader.snapshot.timezone,
                "currency": reader.snapshot.currency,
                "lot_rule": reader.snapshot.lot_rule,
                "mark_rule": reader.snapshot.mark_rule,
                "version": __version__,
            }
        ),
    }
    for name, text in texts.items():
        yield name, iter([text.encode()])
    for name in ROWS:
        yield f"{name}.csv", Writing(EXPORTS[name], reader, period).pieces("csv")


def _statement(reader: PeriodReader, period: Period) -> dict[str, Any]:
    """Return the statement and its parts, without the place of the snapshot that it was made from."""
    parts = {by: statement_tree(reader, period, by, 0, ALL_ROWS) for by in DIVIDED}
    tree = {name: value for name, value in parts["source"].items() if name not in OF_THE_STATE}
    stated = tree["statement"]
    for figure in (stated["net"], *stated["components"].values()):
        figure.pop("as_of", None)
    for share in stated.get("by_source", {}).values():
        for figure in share.values():
            figure.pop("as_of", None)
    tree = {name: tree[name] for name in ("timezone", "currency", "lot_rule", "mark_rule", "statement")}
    return tree | {
        "by": {by: {name: part[name] for name in ("sum", "exact", "rows")} for by, part in parts.items()}
    }


def _markdown(title: str, told: str, figures: PeriodFigures) -> str:
    lines = {**figures.components, "**net**": figures.net}
    table = [f"| {name} | {_usd(figure)} | {figure.grade.word} |" for name, figure in lines.items()]
    head = ["| line | USD | grade |", "|---|---:|---|"]
    return "\n".join([f"# {title}", "", *told.splitlines(), "", *head, *table, ""])


def _usd(figure: Figure) -> str:
    return "-" if figure.usd is None else plain(figure.usd)


def _json(tree: object) -> str:
    return json.dumps(tree, indent=2, sort_keys=True) + "\n"


def _hashed(pieces: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece
