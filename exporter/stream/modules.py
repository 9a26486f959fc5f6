"""JavaScript modules for other people's pages: each one file, put together from the parts in `static`.

The parts import one another by name, so joining them is to leave out those lines: no bundler, no second
copy to keep. `widget.js` therefore never differs from what the live page runs, but for the comments and
spaces that only people read.
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

_CODE_SPACE = re.compile(r'("(?:[^"\\]|\\.)*"|`[^`]*`)| ?([=*<>?:{},;()&|!]+|[-+](?= [^-+])) ?')
_STYLE_SPACE = re.compile(r"()(?: (?={)|(?<=[{};:,]) )")
_OWN_NAME = re.compile(r"^(?:async )?(#\w+)(?=[=;(])|^const ([A-Z][A-Z_]+)(?==)", re.MULTILINE)


@cache
def module(name: str) -> str:
    """Return one of ENTRIES with all it imports: an ES module that needs no other file."""
    *needed, entry = parts(name)
    joined = [re.sub(r"^export ", "", _packed(part), flags=re.MULTILINE) for part in needed]
    code = "\n".join([*joined, _packed(entry)])
    # Nobody outside knows private names and constants; every statement ends with a semicolon or a brace.
    own = dict.fromkeys(private or constant for private, constant in _OWN_NAME.findall(code))
    short = {known: ("#" if known[0] == "#" else "$") + _short(place) for place, known in enumerate(own)}
    code = re.sub(r"#\w+|\b[A-Z][A-Z_]+\b", lambda found: short.get(found[0], found[0]), code)
    code = re.sub(r"(?<=[;{},(])\n(?!export\b)", "", code)
    return f"// NorthStar P&L, {name}, put together from its parts: /static/{name} has the comments.\n{code}"


def types(name: str) -> Path:
    """Return the file of a module's types."""
    return STATIC / name.replace(".js", ".d.ts")


def parts(name: str) -> list[str]:
    """Return the names of all files that a module is made of, each after those that it imports."""
    found: dict[str, None] = {}

    def add(part: str) -> None:
        for needed in _IMPORT.findall(_text(part)):
            add(needed)
        found[part] = None

    add(name)
    return list(found)


def _packed(part: str) -> str:
    """Return a part without imports, comments, and the spaces that mean nothing."""
    code = re.sub(r"\n\s+", "\n", _COMMENT.sub("", _IMPORT.sub("", _text(part))))
    spaces = _STYLE_SPACE if part.endswith(".css.js") else _CODE_SPACE
    # A template within a template, or a regular expression, is not told apart here: its line stays as it is.
    return "\n".join(
        line if line.count("`") > 2 or "/" in line else spaces.sub(_kept, line) for line in code.split("\n")
    )


def _kept(found: re.Match[str]) -> str:
    return "".join(found.groups(default=""))


def _short(number: int) -> str:
    return f"{chr(ord('a') + number % 26)}{number // 26 or ''}"


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
