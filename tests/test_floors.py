"""The floors below which the coverage of a room must not fall."""

from __future__ import annotations

import tomllib
from typing import Any

from tests.floors import FILE, compare, rooms

WITHOUT_GAPS = ("records", "snapshot", "ledger", "money", "settings")
"""Where a line that no test runs would be a figure that nobody has checked."""


def file(*, lines: int, run: int, branches: int = 0, taken: int = 0) -> dict[str, Any]:
    """A file of a report, as `coverage json` writes it."""
    return {
        "summary": {
            "num_statements": lines,
            "covered_lines": run,
            "num_branches": branches,
            "covered_branches": taken,
        },
        "missing_lines": list(range(run + 1, lines + 1)),
        "missing_branches": [[1, 3]] if taken < branches else [],
    }


def test_a_room_is_the_sum_of_its_lines_and_branches() -> None:
    """Large modules count for more, and a branch as much as a line."""
    found = rooms(
        {
            "exporter/ledger/lots.py": file(lines=8, run=8, branches=2, taken=1),
            "exporter/ledger/cost/day.py": file(lines=10, run=10),
            "exporter/money.py": file(lines=5, run=4),
        }
    )
    assert {name: room.percent for name, room in found.items()} == {"ledger": 95, "money": 80}
    assert found["ledger"].missing == ["exporter/ledger/lots.py: 1 to 3"]
    assert found["money"].missing == ["exporter/money.py: 5"]


def test_a_hundred_percent_is_nothing_less() -> None:
    """One line of a thousand is not rounded away."""
    assert rooms({"exporter/store/rows.py": file(lines=1000, run=999)})["store"].percent == 99


def test_a_room_below_its_floor_is_named_with_what_is_missing() -> None:
    """The message leads to the line."""
    wrong, better = compare(rooms({"exporter/money.py": file(lines=4, run=3)}), {"money": 100})
    assert wrong == ["money is at 75 %, below its floor of 100 %:", "  exporter/money.py: 4"]
    assert better == []


def test_a_room_above_its_floor_says_what_to_write() -> None:
    """So that the floor rises with it, and the next change cannot lose what was won."""
    assert compare(rooms({"exporter/money.py": file(lines=4, run=3)}), {"money": 74}) == (
        [],
        ["money rose: write money = 75 in floors.toml."],
    )


def test_every_room_has_a_floor_and_every_floor_a_room() -> None:
    """A new room is looked at from its first day."""
    wrong, _ = compare(rooms({"exporter/money.py": file(lines=4, run=3)}), {"purse": 50})
    assert wrong == [
        "money has no floor: write money = 75 in floors.toml.",
        "purse is gone: take it out of floors.toml.",
    ]


def test_what_is_figured_out_is_run_whole() -> None:
    """The floors of these rooms are never lowered."""
    floors = tomllib.loads(FILE.read_text())["floors"]
    assert [name for name in WITHOUT_GAPS if floors[name] != 100] == []
