"""One word, one thing: names that occur once, and a page of words that the code keeps to."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "words.md"


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table under a heading of the page."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@cache
def modules() -> dict[str, ast.Module]:
    """The modules of the house; the simulator speaks as the upstreams do."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in (ROOT / "exporter").rglob("*.py")
        if "simulator" not in path.parts
    }


def names(tree: ast.Module) -> Iterator[str]:
    """Yield every name that a module gives or uses."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name


@cache
def named() -> dict[str, set[str]]:
    """The names of every module, once each."""
    return {path: set(names(tree)) for path, tree in modules().items()}


def in_words(name: str) -> str:
    """Return a name in small letters, its words apart, with a blank on either side."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return f" {' '.join(parts).lower()} "


WORDS = [
    row
    for heading in ("What is counted", "How it is read and kept", "How it is served")
    for row in table(heading)
]


def test_no_two_classes_have_one_name() -> None:
    """A search for a name leads to one thing."""
    found = defaultdict(list)
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path)
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("row", WORDS, ids=lambda row: row[0])
def test_every_word_is_in_the_code_as_the_page_says(row: list[str]) -> None:
    """Under the name that is given for it, and with every column filled."""
    assert all(row)
    for column in (3, 4):
        for name in re.findall(r"`(\w+)`", row[column]):
            assert name == "null" or any(name in used for used in named().values()), name


def test_no_word_has_two_rows() -> None:
    """It would have two meanings."""
    words = [row[0] for row in WORDS]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("row", table("Where the field's words lead"), ids=lambda row: row[0])
def test_who_looks_for_a_word_of_the_field_is_led_to_what_does_it(row: list[str]) -> None:
    """The first lines of the module say it."""
    word, places = row
    for place in re.findall(r"`([\w/.]+)`", places):
        text = (ROOT / place).read_text()
        said = text.split('"""')[1] if place.endswith(".py") else text.partition("\n\n")[0]
        assert re.sub(r"\s+", " ", said).lower().count(word.lower()), place


def test_no_name_has_a_word_that_is_not_used() -> None:
    """Neither as it stands nor as one word of several."""
    banned = {f" {word}{end} " for word, _ in table("Words that are not used") for end in ("", "s")}
    wrong = [
        f"{path}: {name}"
        for path, used in named().items()
        for name in used
        if any(word in in_words(name) for word in banned)
    ]
    assert wrong == []
