"""`northstar statement`: what a period came to, as text, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from exporter.periods.grammar import parse
from exporter.periods.period import UNITS, split
from exporter.records.printable import printable
from exporter.reports.answers import periods_tree, place, statement_tree
from exporter.reports.comparison import ComparisonAsked, comparison_tree
from exporter.reports.reader import PeriodReader
from exporter.settings import Settings
from exporter.snapshot import COMPONENTS
from exporter.store import Store

ALL_ROWS = 10**9
"""A command prints them all: whoever wants fewer has `head`."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the statement of a period from the database; the exporter may run meanwhile."""
    with Store.pinned(settings.db_path) as store:
        now = PeriodReader(store)
        period = parse(options.period, now.today, now.zone)
        reader = now if options.known_at is None else PeriodReader.at(store, options.known_at)
        if options.compare is not None:
            asked = ComparisonAsked(options.compare)
            tree = place(reader) | comparison_tree(store, reader, period, asked)
        elif options.by in UNITS:
            tree = periods_tree(reader, split(period, options.by))
        else:
            tree = statement_tree(reader, period, options.by, 0, ALL_ROWS)
    if options.format == "json":
        print(json.dumps(tree, indent=2))
    elif options.format == "csv":
        _write_csv(tree)
    else:
        print("\n".join(printable(line) for line in text(tree)))
    return 0


def text(tree: dict[str, Any]) -> Iterator[str]:
    """Yield a statement, or several periods, as lines for a terminal."""
    if "periods" in tree:
        yield from _periods(tree["periods"])
        return
    if "rule" in tree:
        yield from _compared(tree)
        return
    stated = tree["statement"]
    yield f"{stated['words']}: {amount(stated['net'])}"
    yield _standing(stated, tree["as_of"])
    yield ""
    yield from columns([(name, amount(found)) for name, found in stated["components"].items()])
    for name, found in stated["components"].items():
        for reason in found.get("because", ()):
            yield f"  {name}: {reason['source']}: {reason['text']}"
    if "rows" in tree:
        yield ""
        yield from columns(
            [(row["name"] or "(not by " + tree["by"] + ")", row["net"]) for row in tree["rows"]]
        )
        yield ""
        exact = "the figures above" if tree["exact"] else "not the figures above: more was read meanwhile"
        yield f"{tree['count']} rows sum to {tree['sum']}, {exact}."


def _periods(periods: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from columns([(each["period"], amount(each["net"])) for each in periods])


def _compared(tree: dict[str, Any]) -> Iterator[str]:
    yield tree["words"]
    yield ""
    for name, line in {"net": tree["net"], **tree["components"]}.items():
        side = tree["this"]["net"] if name == "net" else tree["this"]["components"][name]
        share = f" ({Decimal(line['ratio']) * 100:+.1f} %)" if "ratio" in line else ""
        more = f"against {line['then']}, {signed(line['usd'])}{share}" if "then" in line else "no comparison"
        yield f"{name}: {amount(side)}, {more}"


def signed(usd: str) -> str:
    """Return an amount with its sign, a plus too."""
    return usd if usd.startswith("-") else f"+{usd}"


def _standing(stated: dict[str, Any], as_of: str) -> str:
    over = "over" if stated["over"] else "still running"
    return f"{stated['first']} to {stated['last']}, {over}, as known {as_of}"


def amount(figure: dict[str, Any]) -> str:
    """Return a figure with its grade in words."""
    return f"{figure['usd']} USD, {figure['grade']}" if "usd" in figure else "no figure"


def columns(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield names and amounts, each in a column of its own."""
    wide = max((len(name) for name, _ in rows), default=0)
    right = max((len(value.partition(" ")[0]) for _, value in rows), default=0)
    for name, value in rows:
        amount, _, rest = value.partition(" ")
        yield f"{name:<{wide}}  {amount:>{right}} {rest}".rstrip()


def _write_csv(tree: dict[str, Any]) -> None:
    """Write the rows, or the periods, as RFC 4180 has it: exact decimals, an unknown is empty."""
    out = csv.writer(sys.stdout)
    if "rule" in tree:
        out.writerow(["line", "this", "then", "difference", "grade"])
        sides = {"net": tree["this"]["net"], **tree["this"]["components"]}
        for name, line in {"net": tree["net"], **tree["components"]}.items():
            usd = sides[name].get("usd", "")
            out.writerow([name, usd, line.get("then", ""), line.get("usd", ""), line["grade"]])
        return
    if "rows" in tree:
        names = sorted({name for row in tree["rows"] for name in row["amounts"]})
        out.writerow(["name", "net", *names])
        for row in tree["rows"]:
            out.writerow([row["name"], row["net"], *(row["amounts"].get(name, "0") for name in names)])
        return
    periods = tree["periods"] if "periods" in tree else [tree["statement"]]
    out.writerow(["period", "first", "last", "net", "grade", *COMPONENTS])
    for each in periods:
        figures = [each["components"].get(name, {}).get("usd", "") for name in COMPONENTS]
        net = each["net"]
        out.writerow(
            [each["period"], each["first"], each["last"], net.get("usd", ""), net["grade"], *figures]
        )
