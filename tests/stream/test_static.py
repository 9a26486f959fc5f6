"""The page's own code: run by Node where there is one, and read for what it must not do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exporter.stream.page import STATIC

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


@pytest.mark.skipif(
    shutil.which("node") is None, reason="there is no node on this machine to run the page's code"
)
@pytest.mark.parametrize("tests", sorted(HERE.glob("*.test.mjs")), ids=lambda tests: tests.name)
def test_modules_without_a_page(tests: Path, tmp_path: Path) -> None:
    """Merge patches, transports and what becomes of them when they fail, exact amounts: as Node runs them."""
    # Node takes a .js file for a module only if a package.json says so.
    for script in STATIC.glob("*.js"):
        shutil.copy(script, tmp_path)
    (tmp_path / "package.json").write_text('{"type":"module"}')
    done = subprocess.run(
        ["node", "--test", str(tests)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "NORTHSTAR_STATIC": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda script: script.name)
def test_scripts_insert_data_only_as_text(script: Path) -> None:
    """A market's name comes from outside; nothing of it may become markup or code."""
    code = script.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write|\beval\b|new Function", code
    )


@pytest.mark.parametrize(
    "name", ["page", "orders", "hour", "figures", "headline", "lines", "widget", "words", "past"]
)
def test_shown_amounts_never_pass_through_a_float(name: str) -> None:
    """toFixed and parseFloat would round what was exact."""
    code = (STATIC / f"{name}.js").read_text()
    assert not re.search(r"toFixed|parseFloat|toLocaleString|NumberFormat", code)


def test_the_page_names_only_files_that_exist() -> None:
    """Nothing is loaded from another host, and no link is broken."""
    named = re.findall(r'(?:src|href)="([^"]+)"', (STATIC / "index.html").read_text())
    assert named
    for link in named:
        assert link.startswith("/static/")
        assert (STATIC / link.removeprefix("/static/")).is_file()


TOKEN = re.compile(r"--([\w-]+): (?:var\([\w-]+, )?light-dark\((#\w{6}), (#\w{6})\)")
READ_ON = {
    "ink": ("paper", "card", "chosen"),
    "soft": ("paper", "card", "chosen"),
    "gain": ("paper", "card", "chosen"),
}
READ_ON |= {"loss": READ_ON["gain"], "alert-ink": ("alert",)}
"""Which colour is read on which, wherever the style has both."""
LEGIBLE = 4.5
"""WCAG 2.2, level AA, for text of any size."""


def brightness(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, as the WCAG defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("style", ["page.css", "widget.css.js"])
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_are_told_apart_by_weak_eyes(style: str, theme: int) -> None:
    """Every colour of text on every paper it stands on."""
    tokens = {name: pair[theme] for name, *pair in TOKEN.findall((STATIC / style).read_text())}
    pairs = [
        (ink, paper) for ink, papers in READ_ON.items() for paper in papers if {ink, paper} <= set(tokens)
    ]
    assert len(pairs) >= 4
    for ink, paper in pairs:
        dark, bright = sorted((brightness(tokens[ink]), brightness(tokens[paper])))
        ratio = (bright + 0.05) / (dark + 0.05)
        assert ratio >= LEGIBLE, f"{ink} on {paper}: {ratio:.2f}"


def test_no_text_is_made_fainter_than_its_colour() -> None:
    """Opacity would take the contrast away again; what is old loses its colour instead."""
    for style in ("page.css", "widget.css.js"):
        faint = [line for line in (STATIC / style).read_text().splitlines() if "opacity" in line]
        allowed = ("line.zero", ".tick", ".range", ":disabled", "@keyframes")
        assert [line for line in faint if not any(each in line for each in allowed)] == []
