"""The page's own code: run by Node where there is one, and read for what it must not do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exporter.stream.page import STATIC

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


@pytest.mark.parametrize("script", ["page.js", "orders.js", "figures.js", "widget.js", "words.js", "past.js"])
def test_shown_amounts_never_pass_through_a_float(script: str) -> None:
    """toFixed and parseFloat would round what was exact."""
    assert not re.search(r"toFixed|parseFloat|toLocaleString|NumberFormat", (STATIC / script).read_text())


def test_the_page_names_only_files_that_exist() -> None:
    """Nothing is loaded from another host, and no link is broken."""
    named = re.findall(r'(?:src|href)="([^"]+)"', (STATIC / "index.html").read_text())
    assert named
    for link in named:
        assert link.startswith("/static/")
        assert (STATIC / link.removeprefix("/static/")).is_file()
