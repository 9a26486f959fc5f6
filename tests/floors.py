"""How much of each room the quick tests run, compared with what they ran before.

    python -m tests.floors REPORT

REPORT is what `coverage json` writes. A floor only rises: where a room fell below its own, the run
fails and says which lines are missing; where it rose by a percent, it says what to write.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("floors.toml")
WHOLE = 100

SHOWN = 20
"""Files of a room, and gaps of a file, that are named: more would hide the others."""


@dataclass
class Room:
    """Lines and branches of a room's modules, and where some were not run."""

    all: int = 0
    run: int = 0
    missing: list[str] = field(default_factory=list)

    @property
    def percent(self) -> int:
        """Whole percent, rounded down: 100 is said of nothing else."""
        return WHOLE * self.run // self.all if self.all else WHOLE


def rooms(files: Mapping[str, Any]) -> dict[str, Room]:
    """Sum up the files of a report by room: the folder or the module below `exporter`."""
    found: dict[str, Room] = {}
    for name, file in files.items():
        parts = Path(name).with_suffix("").parts
        room = found.setdefault(parts[parts.index("exporter") + 1], Room())
        summary = file["summary"]
        room.all += summary["num_statements"] + summary["num_branches"]
        room.run += summary["covered_lines"] + summary["covered_branches"]
        gaps = [str(line) for line in file["missing_lines"]]
        gaps += [f"{start} to {end}" for start, end in file["missing_branches"]]
        more = [f"and {len(gaps) - SHOWN} more"] if len(gaps) > SHOWN else []
        room.missing += [f"{name}: {', '.join([*gaps[:SHOWN], *more])}"] if gaps else []
    return found


def compare(found: Mapping[str, Room], floors: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Return what is wrong, and what may be written now because it is better than before."""
    wrong: list[str] = []
    better: list[str] = []
    for name, room in sorted(found.items()):
        if name not in floors:
            wrong.append(f"{name} has no floor: write {name} = {room.percent} in {FILE.name}.")
        elif room.percent < floors[name]:
            wrong.append(f"{name} is at {room.percent} %, below its floor of {floors[name]} %:")
            wrong += [f"  {line}" for line in room.missing[:SHOWN]]
            wrong += (
                [f"  and in {len(room.missing) - SHOWN} other files"] if len(room.missing) > SHOWN else []
            )
        elif room.percent > floors[name]:
            better.append(f"{name} rose: write {name} = {room.percent} in {FILE.name}.")
    wrong += [f"{name} is gone: take it out of {FILE.name}." for name in sorted(floors.keys() - found.keys())]
    return wrong, better


def table(found: Mapping[str, Room]) -> Iterable[str]:
    """Say how far each room is run, the least one last."""
    names = sorted(found, key=lambda name: (-found[name].percent, name))
    return ["Coverage: " + ", ".join(f"{name} {found[name].percent}" for name in names) + " %."]


def main() -> int:
    """Print the table and what differs from the floors; fail when a room fell."""
    found = rooms(json.loads(Path(sys.argv[1]).read_text())["files"])
    wrong, better = compare(found, tomllib.loads(FILE.read_text())["floors"])
    print("\n".join([*table(found), *better, *wrong]))
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
