"""The modules for other people's pages: put together without a bundler, small, and typed."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from exporter.stream.modules import ENTRIES, STATIC, module, parts, types

MOST_BYTES = 15_000
"""What the widget may weigh on the wire: a picture's worth, on a page that is not ours."""

USE = """
import "./widget";
import { NorthStar, Snapshot, share } from "./client";
import { createUseNorthstarPnl } from "./react";

document.addEventListener("northstar-update", ({ detail }) => {
  const usd: string | undefined = detail.snapshot.windows.today.net.usd;
  console.log(usd, detail.delta, detail.window);
});
const element = document.createElement("northstar-pnl");
element.window = "mtd";
element.token = async () => "text";
const figures = new NorthStar({ url: "https://pnl.example.com", token: "text" }).start();
figures.addEventListener("update", ({ detail }) => console.log(detail.kept, detail.reason));
const snapshot: Snapshot | null = figures.snapshot;
share({ url: "https://pnl.example.com" }).leave();
const React = { useEffect: () => {}, useState: <T>(first: T): [T, (next: T) => void] => [first, () => {}] };
const useNorthstarPnl = createUseNorthstarPnl(React);
const { state } = useNorthstarPnl({ url: "" });
console.log(snapshot, state.reason || state.name);
"""
"""What a program with types does with them."""


def exported(text: str) -> set[str]:
    """Return the values a module or its types export; types alone vanish."""
    named = re.findall(r"^export (?:async )?(?:class|function|const) (\w+)", text, re.MULTILINE)
    listed = ",".join(re.findall(r"^export ?\{ ?([^}]*?) ?\};", text, re.MULTILINE))
    return {*named, *(name.strip() for name in listed.split(",") if name)}


def test_widget_is_small() -> None:
    """Whoever embeds it pays less than for a picture."""
    assert len(gzip.compress(module("widget.js").encode(), mtime=0)) < MOST_BYTES


@pytest.mark.parametrize("name", ENTRIES)
def test_module_needs_no_other_file(name: str) -> None:
    """One file, from one address."""
    assert not re.search(r"^\s*import\b|\bimport\(|^export .* from", module(name), re.MULTILINE)


@pytest.mark.parametrize("name", ENTRIES)
def test_module_exports_what_its_own_file_does(name: str) -> None:
    """The parts it is put together from stay its own business."""
    assert exported(module(name)) == exported((STATIC / name).read_text()) != set()


@pytest.mark.parametrize("name", ENTRIES)
def test_parts_declare_no_name_twice(name: str) -> None:
    """Joined in one scope, a name stands for one thing."""
    joined = "\n".join((STATIC / part).read_text() for part in parts(name))
    declared = re.findall(r"^(?:export )?(?:async )?(?:class|function|const|let) (\w+)", joined, re.MULTILINE)
    assert sorted(declared) == sorted(set(declared))


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("node") is None, reason="there is no node on this machine to read the modules"
)
@pytest.mark.parametrize("name", ENTRIES)
def test_module_is_one_that_can_be_read(name: str, tmp_path: Path) -> None:
    """A name declared twice, or an import left over, would be an error of syntax."""
    path = tmp_path / "module.mjs"
    path.write_text(module(name))
    done = subprocess.run(
        ["node", "--input-type=module", "-e", f"await import({str(path)!r})"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ENTRIES)
def test_types_export_what_the_module_exports(name: str) -> None:
    """What is typed exists, and what exists is typed."""
    assert exported(types(name).read_text()) == exported((STATIC / name).read_text())


@pytest.mark.slow
def test_types_are_accepted_by_the_compiler(tmp_path: Path) -> None:
    """A program that uses everything is checked in strict mode."""
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("tsc is not installed: see tests/install-tools")
    for name in ENTRIES:
        shutil.copy(types(name), tmp_path)
    (tmp_path / "use.ts").write_text(USE)
    options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"]
    done = subprocess.run([compiler, *options, "use.ts"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    (tmp_path / "use.ts").write_text(USE.replace("windows.today.net.usd", "windows.today.net.dollars"))
    assert subprocess.run([compiler, *options, "use.ts"], cwd=tmp_path, capture_output=True).returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ENTRIES, *(types(name).name for name in ENTRIES)])
def test_any_page_may_load_it(url: str, name: str) -> None:
    """Another origin's page asks for it with CORS, and asks again for nothing."""
    answer = httpx.get(f"{url}/{name}", headers={"Origin": "https://elsewhere.test"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"].startswith(
        "text/javascript" if name.endswith(".js") else "text/plain"
    )
    assert answer.headers["content-encoding"] == "gzip"
    again = httpx.get(f"{url}/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = httpx.get(f"{url}/{name}", headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert "content-encoding" not in plain.headers
