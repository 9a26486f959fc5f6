"""The simulator must be able to contradict the program, so it may share nothing with it."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "exporter" / "simulator"


def test_simulator_imports_nothing_of_the_program() -> None:
    """Every import of ours stays within the package; nothing reads the clock but `clock.py`."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        ours = set(re.findall(r"^\s*(?:from|import) (exporter[\w.]*)", text, re.MULTILINE))
        assert {name for name in ours if not name.startswith("exporter.simulator")} == set(), path
        assert path.name == "clock.py" or not re.search(r"datetime\.(now|utcnow)\(|time\.time\(", text), path
