"""Who may import whom, read from the code itself, so that the house keeps its walls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "exporter"

BASE = {"exporter", "exporter.errors", "exporter.money", "exporter.records", "exporter.times"}
SNAPSHOT = {"exporter.snapshot"}

ALLOWED: dict[str, set[str]] = {
    "errors": {"exporter.records"},
    "money": set(),
    "times": set(),
    "records": {"exporter.money", "exporter.records"},
    "snapshot": BASE | SNAPSHOT,
    "settings": {"exporter.errors", "exporter.settings"},
    "sources": BASE | {"exporter.sources"},
    "ledger": BASE | SNAPSHOT | {"exporter.ledger"},
    "store": BASE | SNAPSHOT | {"exporter.store"},
    "metrics": BASE | SNAPSHOT | {"exporter.metrics"},
    "explain": BASE | SNAPSHOT | {"exporter.explain", "exporter.ledger", "exporter.store"},
    "stream": BASE | SNAPSHOT | {"exporter.explain", "exporter.runtime", "exporter.store", "exporter.stream"},
    "simulator": {"exporter", "exporter.money", "exporter.simulator"},
    "collect": BASE
    | SNAPSHOT
    | {
        "exporter.collect",
        "exporter.ledger",
        "exporter.metrics",
        "exporter.runtime",
        "exporter.settings",
        "exporter.sources",
        "exporter.store",
    },
}
"""What a package or module may import of ours. What is not listed here is the composition root."""

NEVER = {
    "ledger": {"httpx", "sqlalchemy", "asyncio", "fastapi", "prometheus_client", "os", "socket", "time"},
    "records": {"httpx", "sqlalchemy", "asyncio", "os"},
    "money": {"math"},
    "store": {"httpx", "fastapi", "prometheus_client"},
    "metrics": {"httpx", "sqlalchemy", "fastapi"},
    "stream": {"apscheduler"},
    "sources": {"sqlalchemy", "fastapi", "prometheus_client"},
}


def modules(room: str) -> Iterator[Path]:
    single = HOUSE / f"{room}.py"
    yield from [single] if single.exists() else sorted((HOUSE / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def covered(name: str, allowed: set[str]) -> bool:
    return any(name == one or (one != "exporter" and name.startswith(f"{one}.")) for one in allowed)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    """sources -> ledger -> store -> metrics and stream; nothing points back."""
    wrong = [
        f"{path.relative_to(HOUSE)} imports {name}"
        for path in modules(room)
        for name in imports(path)
        if name.split(".")[0] == "exporter" and not covered(name, ALLOWED[room])
    ]
    assert wrong == []


@pytest.mark.parametrize("room", NEVER)
def test_a_room_stays_away_from_what_would_spoil_it(room: str) -> None:
    """The ledger knows no network, no database and no clock."""
    wrong = [
        f"{path.relative_to(HOUSE)} imports {name}"
        for path in modules(room)
        for name in imports(path)
        if name.split(".")[0] in NEVER[room]
    ]
    assert wrong == []


def test_time_is_an_argument() -> None:
    """Only the composition root and the processes read a clock."""
    readers = {"wiring.py", "schedule.py"}
    wrong = [
        str(path.relative_to(HOUSE))
        for room in (
            "errors",
            "money",
            "times",
            "records",
            "settings",
            "sources",
            "ledger",
            "store",
            "metrics",
            "collect",
        )
        for path in modules(room)
        if "datetime.now(" in path.read_text()
        or "utcnow(" in path.read_text()
        or "time.time(" in path.read_text()
        if path.name not in readers
    ]
    assert wrong == []


def test_floats_stay_at_the_prometheus_edge() -> None:
    """No `float(` where money is computed or kept."""
    wrong = [
        str(path.relative_to(HOUSE))
        for room in ("money", "records", "ledger", "store")
        for path in modules(room)
        if "float(" in path.read_text()
    ]
    assert wrong == []


def test_the_check_sees_a_wrong_import() -> None:
    """The guard itself: a name outside the list is not covered."""
    assert not covered("exporter.store", ALLOWED["ledger"])
    assert not covered("exporter.ledger.ledger", ALLOWED["metrics"])
    assert covered("exporter.snapshot", ALLOWED["metrics"])
