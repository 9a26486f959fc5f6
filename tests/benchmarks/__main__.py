"""Run every benchmark, print each table as it is done, and write docs/benchmarks.md.

    python -m tests.benchmarks            a quarter of an hour
    python -m tests.benchmarks --long     ten minutes more: kills on the way to a million fills
    python -m tests.benchmarks --quick    a few, with smaller sizes; prints only
    python -m tests.benchmarks tick live  these alone; prints only

It ends with 0 whatever it finds: a budget is judged by a reader, not by a noisy machine.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from . import (
    backfill,
    backup,
    commit,
    cursor,
    delta,
    fanout,
    freshness,
    history,
    killed,
    live,
    memory,
    past,
    scrape,
    scrub,
    shapes,
    size,
    startup,
    storm,
    tick,
)
from .scale import FULL, LONG, QUICK, Scale
from .table import Row, markdown, unmeasured
from .workshop import Workshop

MODULES: tuple[ModuleType, ...] = (
    startup,
    shapes,
    delta,
    size,
    commit,
    scrape,
    history,
    backup,
    freshness,
    live,
    fanout,
    storm,
    cursor,
    tick,
    memory,
    past,
    scrub,
    backfill,
    killed,
)
"""In this order: the small ones first; the long past last, since its ledger weighs on what follows."""

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page after a full run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", dest="scale", action="store_const", const=QUICK, help="smaller sizes, no page"
    )
    size.add_argument(
        "--long", dest="scale", action="store_const", const=LONG, help="kill a million fills, too"
    )
    names = {_name(module): module for module in MODULES}
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar="NAME", help="; ".join(names))
    asked = parser.parse_args(arguments)
    scale, chosen = asked.scale or FULL, [names[name] for name in asked.names] or MODULES
    began = time.perf_counter()
    busy = os.getloadavg()[0]
    rows = run(scale, chosen, print)
    seconds = time.perf_counter() - began
    over = sum(row.within is False for row in rows)
    print(f"\n{len(rows)} figures in {seconds:.0f} s, {over} over budget ({scale.name} sizes).")
    if scale is not QUICK and chosen is MODULES:
        PAGE.write_text(page(rows, seconds, busy))
        print(f"Written: docs/{PAGE.name}")
    return 0


def run(scale: Scale, modules: Sequence[ModuleType], tell: Callable[[str], None]) -> list[Row]:
    """Return the rows of all modules; one that fails says so in its row and stops no other."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="northstar-bench-") as folder:
        workshop = Workshop(Path(folder), scale)
        for module in modules:
            name = _name(module)
            tell(f"\n{name}: {module.__doc__}")
            try:
                found = module.measure(workshop)
            except Exception as error:  # noqa: BLE001 - a broken benchmark is a row of the table
                found = [unmeasured(name, "-", f"{type(error).__name__}: {error}")]
            tell(markdown(found))
            rows += found
            gc.collect()
    return rows


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def page(rows: Sequence[Row], seconds: float, busy: float) -> str:
    """Return the text of docs/benchmarks.md."""
    how = "\n\n".join(f"**{_name(module)}.** {' '.join(module.HOW.split())}" for module in MODULES)
    return f"""# Benchmarks

Written by `python -m tests.benchmarks`; do not edit. Every budget stands here with what was measured and
whether it was kept. The figures are of one run on one shared machine that also ran the clients: compare
the medians and the ratios, which are measured side by side, rather than a single p99.

{markdown(rows)}

## How it was measured

{how}

## The machine

{machine()}. {busy:.1f} other processes were running on average when the run began (load of the last
minute), and it took {seconds:.0f} s.
"""


def machine() -> str:
    """Return what the figures depend on, without names or paths."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()}), "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
