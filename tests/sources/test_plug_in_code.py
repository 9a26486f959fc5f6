"""The code of plug-ins is known by all of it, however a package is laid out."""

from __future__ import annotations

from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from exporter.sources.plug_in_code import digest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python looks for modules in."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def installed(folder: Path, entry: str, *listed: str) -> list[EntryPoint]:
    """Return the entry points of a distribution that lists these files."""
    about = folder / "lagoon-1.0.dist-info"
    written(about / "METADATA", "Metadata-Version: 2.1\nName: lagoon\nVersion: 1.0\n")
    written(about / "entry_points.txt", f"[northstar.sources]\nlagoon = {entry}\n")
    written(about / "RECORD", "".join(f"{each},,\n" for each in listed))
    return [point for each in distributions(path=[str(folder)]) for point in each.entry_points]


def test_a_plug_in_of_one_module_is_known_by_it(folder: Path) -> None:
    """It has no folder of its own."""
    module = written(folder / "lagoon_alone.py", "ONE = 1\n")
    points = installed(folder, "lagoon_alone:ONE")
    before = digest(points)
    assert before == digest(points)
    written(module, "ONE = 2\n")
    assert digest(points) != before


def test_all_packages_of_a_distribution_count(folder: Path) -> None:
    """Also one that no entry point names; what is no code does not."""
    written(folder / "lagoon_named/__init__.py", "")
    helper = written(folder / "lagoon_helper/deep/prices.py", "PRICE = 1\n")
    text = written(folder / "lagoon_helper/notes.txt", "nothing")
    points = installed(folder, "lagoon_named:X", "lagoon_helper/deep/prices.py", "lagoon_helper/notes.txt")
    before = digest(points)
    written(text, "nothing else")
    assert digest(points) == before
    written(helper, "PRICE = 2\n")
    assert digest(points) != before


def test_a_plug_in_without_its_package_is_not_the_one_with_it(folder: Path) -> None:
    """Nor is one of no distribution that of one."""
    missing = digest(installed(folder, "lagoon_missing.prices:X"))
    written(folder / "lagoon_missing/prices.py", "X = 1\n")
    there = installed(folder, "lagoon_missing.prices:X")
    alone = EntryPoint("lagoon", "lagoon_missing.prices:X", "northstar.sources")
    assert len({missing, digest(there), digest([alone]), digest([])}) == 4


def test_what_cannot_be_read_is_not_known(folder: Path) -> None:
    """A file that is listed and is none: nobody knows what it says."""
    (folder / "lagoon_gone.py").mkdir()
    assert digest(installed(folder, "sys:path", "lagoon_gone.py")) is None
