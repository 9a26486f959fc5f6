"""What the code of all source plug-ins is known by: another version, or another line, is other code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

CODE = (".py", ".pyd", ".so")


def digest(points: Iterable[EntryPoint]) -> str | None:
    """Return one hash of the packages that some entry points are of, None where a file cannot be read."""
    found = hashlib.sha256()
    try:
        for point in sorted(points, key=lambda point: (point.name, point.value)):
            version = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
            found.update(f"{point.name}={point.value} of {version}\0".encode())
            for path in sorted(_files(point)):
                found.update(f"{path}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    except OSError:
        return None
    return found.hexdigest()


def _files(point: EntryPoint) -> set[Path]:
    """Return the files of code that a distribution lists, and those of the package that is named: what is
    installed to be edited lists none, and a distribution may have more packages than one."""
    listed = () if point.dist is None else point.dist.files or ()
    files = {Path(str(each.locate())).resolve() for each in listed if each.suffix in CODE}
    spec = find_spec(point.module.partition(".")[0])
    if spec is None:
        return files
    if spec.submodule_search_locations is None:
        return files | ({Path(spec.origin).resolve()} if spec.has_location and spec.origin else set())
    for place in spec.submodule_search_locations:
        files |= {path.resolve() for path in Path(place).rglob("*") if path.suffix in CODE}
    return files
