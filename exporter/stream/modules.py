"""JavaScript modules for other people's pages: each one file, put together from the parts in `static`.

The parts import one another by name, so joining them is to leave out those lines: no bundler, no second
copy to keep. `widget.js` therefore never differs from what the live page runs.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"

ENTRIES = ("widget.js", "client.js", "react.js")
"""What can be asked for at the top of the server; each has its types beside it as `.d.ts`."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.-]+\.js)";\n', re.MULTILINE)
_COMMENT = re.compile(r"^ *(//.*|/\*\*.*\*/)\n|^ */\*\*\n(?: *\*.*\n)+|(?<=[;{]) // .*", re.MULTILINE)


@cache
def module(name: str) -> str:
    """Return one of ENTRIES with all it imports: an ES module that needs no other file."""
    *needed, entry = parts(name)
    joined = [re.sub(r"^export ", "", _text(part), flags=re.MULTILINE) for part in needed]
    heading = f"// NorthStar P&L, {name}, put together from its parts: /static/{name} has the comments.\n"
    code = "\n".join([*joined, _text(entry)])
    return heading + re.sub(r"\n\s+", "\n", _COMMENT.sub("", _IMPORT.sub("", code)))


def types(name: str) -> Path:
    """Return the file of a module's types."""
    return STATIC / name.replace(".js", ".d.ts")


def parts(name: str) -> list[str]:
    """Return the names of all files that a module is made of, each after those that it imports."""
    found: dict[str, None] = {}

    def visit(part: str) -> None:
        for needed in _IMPORT.findall(_text(part)):
            visit(needed)
        found[part] = None

    visit(name)
    return list(found)


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
