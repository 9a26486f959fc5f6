"""What the rules of import in pyproject.toml cannot say, and that they would notice what they forbid."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "exporter"

READ_A_CLOCK = {"wiring.py", "schedule.py"}
"""Where the time comes from, for everything below it."""

FORBIDDEN = (
    ("layers", "store/rows.py", "import exporter.stream"),
    ("layers", "ledger/windows.py", "import exporter.store"),
    ("circles", "store/rows.py", "import exporter.store.records"),
    ("readers", "stream/answers.py", "import exporter.ledger.ledger"),
    ("simulator", "simulator/wire.py", "import exporter.times"),
    ("pure", "records/trading.py", "import os"),
    ("pure", "ledger/windows.py", "import time"),
    ("decimal", "money.py", "import math"),
    ("database", "metrics/limits.py", "import sqlite3"),
    ("serving", "store/rows.py", "import fastapi"),
    ("upstreams", "explain/day.py", "import httpx"),
    ("prometheus", "snapshot/cursor.py", "import prometheus_client"),
    ("schedule", "stream/sse.py", "import apscheduler"),
)
"""One wrong import per rule, and two where a rule has two sides."""


def modules(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        single = HOUSE / f"{room}.py"
        yield from [single] if single.exists() else sorted((HOUSE / room).rglob("*.py"))


def test_time_is_an_argument() -> None:
    """Only the composition root and the processes read a clock."""
    rooms = ("errors", "money", "times", "records", "snapshot", "settings", "sources", "ledger")
    wrong = [
        f"{path.relative_to(HOUSE)}: {reading}"
        for path in modules(*rooms, "store", "metrics", "collect")
        for reading in ("datetime.now(", "utcnow(", "time.time(")
        if reading in path.read_text() and path.name not in READ_A_CLOCK
    ]
    assert wrong == []


def test_floats_stay_at_the_prometheus_edge() -> None:
    """No `float(` where money is computed or kept."""
    rooms = ("money", "records", "snapshot", "ledger", "store")
    assert [str(path.relative_to(HOUSE)) for path in modules(*rooms) if "float(" in path.read_text()] == []


@pytest.mark.slow
def test_every_rule_of_import_notices_what_it_forbids(tmp_path: Path) -> None:
    """A rule that names a room which has moved would be kept by everybody."""
    shutil.copytree(HOUSE, tmp_path / "exporter", ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    names = {contract["id"]: contract["name"] for contract in contracts}
    assert {rule for rule, _, _ in FORBIDDEN} == set(names)
    for _, file, line in FORBIDDEN:
        with (tmp_path / "exporter" / file).open("a") as module:
            module.write(f"\n{line}\n")
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    said = " ".join(done.stdout.split())
    for rule, file, line in FORBIDDEN:
        assert f"{names[rule]} BROKEN" in said, rule
        importer = file.removesuffix(".py").replace("/", ".")
        assert f"exporter.{importer} -> {line.removeprefix('import ')}" in said or rule == "circles", line
