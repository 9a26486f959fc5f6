"""`northstar diff`: what of a period has changed since a moment, for a person at a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from exporter.commands.statement import amount, columns
from exporter.periods.grammar import parse
from exporter.records.printable import printable
from exporter.reports.changes import changes_tree
from exporter.reports.reader import PeriodReader
from exporter.settings import Settings
from exporter.store import Store


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a period then and now, and each line that has changed, with the records that came since."""
    with Store.pinned(settings.db_path) as store:
        reader = PeriodReader(store)
        period = parse(options.period, reader.today, reader.zone)
        tree = changes_tree(store, reader, options.since, period)
    print("\n".join(printable(line) for line in text(tree)))
    return 0


def text(tree: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as lines for a terminal."""
    yield tree["words"]
    yield from columns(
        [
            (f"as known {tree['known_at']}", amount(tree["then"]["net"])),
            (f"as known {tree['as_of']}", amount(tree["now"]["net"])),
        ]
    )
    yield ""
    if not tree["changes"]:
        yield "Nothing of its days that were over then has changed."
        return
    for line in tree["changes"]:
        parts = ", ".join(f"{name} {usd}" for name, usd in line["amounts"].items())
        yield f"{line['usd']} USD  {line['source']} {line['name']}: {parts}"
        for record in line["records"]:
            yield (
                f"    {record['kind']} {record['key']}, revision {record['revision']}, "
                f"read {record['recorded_at']}"
            )
        if not line["records"]:
            yield "    no record: time has settled it"
    yield ""
    yield f"{tree['count']} lines have changed, by {tree['sum']} USD together."
