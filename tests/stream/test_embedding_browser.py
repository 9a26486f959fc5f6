"""A stranger's first two minutes: two lines of docs/widget.md on a blank page, and what is said there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from exporter.stream import create_app
from exporter.stream.gate import Access
from tests.stream.browsing import NEEDS_CHROMIUM, PATIENCE_MS, watched
from tests.stream.builders import START, Writer
from tests.stream.serving import serving, until
from tests.stream.shop import Shop, selling

pytestmark = [NEEDS_CHROMIUM, pytest.mark.slow]

PAGE = (Path(__file__).parents[2] / "docs" / "widget.md").read_text()
SNIPPET = re.search(r"## Two lines\n.*?```html\n(.*?)```", PAGE, re.DOTALL)
SIDECAR = "http://127.0.0.1:8080"


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The stranger's web server."""
    with selling() as site:
        yield site


@contextmanager
def sidecar(path: Path, writer: Writer, **rules: Any) -> Iterator[str]:
    """Serve the figures under some rules of access."""
    app = create_app(
        path,
        poll_seconds=0.002,
        access=Access(path, **rules),
        clock=lambda: writer.at + timedelta(seconds=3),
    )
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        yield url


def blank(url: str, **attributes: str) -> str:
    """Return the two lines as they stand, but for the address and what a stranger adds."""
    assert SNIPPET is not None
    added = "".join(f' {name}="{text}"' for name, text in attributes.items())
    return SNIPPET[1].replace(SIDECAR, url).replace("<northstar-pnl", f"<northstar-pnl{added}")


def shown(page: Page) -> None:
    """Wait for the figure."""
    expect(page.locator("northstar-pnl .net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    expect(page.locator("northstar-pnl .connection")).to_contain_text("Live")


def said(page: Page, text: str) -> str:
    """Wait until the widget says what is wrong, and return all of it."""
    caveat = page.locator("northstar-pnl .caveat")
    expect(caveat).to_contain_text(text, timeout=PATIENCE_MS)
    return caveat.inner_text()


@pytest.mark.parametrize("way", ["file", "server"])
def test_blank_page_shows_the_demo_at_once(
    page: Page, shop: Shop, path: Path, writer: Writer, tmp_path: Path, way: str
) -> None:
    """Saved and opened by a double click, or served by whatever serves: no setting, no error."""
    errors = watched(page)
    with sidecar(path, writer, demo=True) as url:
        if way == "server":
            shop.show(page, blank(url))
        else:
            saved = tmp_path / "pnl.html"
            saved.write_text(blank(url))
            page.goto(saved.as_uri())
        shown(page)
        assert errors == []


def test_page_that_is_not_listed_reads_what_to_do_and_it_works(
    page: Page, shop: Shop, path: Path, writer: Writer
) -> None:
    """The sentence is followed to the letter."""
    with sidecar(path, writer) as url:
        shop.show(page, blank(url))
        advice = said(page, "NORTHSTAR_ORIGINS")
        expect(page.locator("northstar-pnl .connection")).to_have_text("Refused")
        assert not re.search(r"\d\.\d\d", page.locator("northstar-pnl .net").inner_text())
    listed = re.search(r"add (\S+) to NORTHSTAR_ORIGINS", advice)
    assert listed is not None
    with sidecar(path, writer, origins=[listed[1]]) as url:
        shop.show(page, blank(url))
        shown(page)


def test_page_that_is_a_file_reads_to_be_served(
    page: Page, path: Path, writer: Writer, tmp_path: Path
) -> None:
    """A file has no origin that could be told from a stranger's."""
    saved = tmp_path / "pnl.html"
    with sidecar(path, writer) as url:
        saved.write_text(blank(url))
        page.goto(saved.as_uri())
        said(page, "open it through a web server, such as python3 -m http.server 8000")


def test_token_that_is_needed_is_asked_for_and_found_wrong(
    page: Page, shop: Shop, path: Path, writer: Writer
) -> None:
    """None, a wrong one, the right one on a page that is not listed, the right one."""
    token = Access(path).tokens.create("intranet", "all", START)
    with sidecar(path, writer, origins=[shop.address]) as url:
        shop.show(page, blank(url))
        said(page, "A token is needed: as the widget's token")
        shop.show(page, blank(url, token="nst_wrong"))
        said(page, "This token is not valid")
        shop.show(page, blank(url, token=token))
        shown(page)
    with sidecar(path, writer) as url:
        shop.show(page, blank(url, token=token))
        said(page, f"add {shop.address} to NORTHSTAR_ORIGINS")


def test_page_says_itself_that_nothing_answers(page: Page, shop: Shop) -> None:
    """No module, no widget: the text between the tags stands in."""
    shop.show(page, blank("http://127.0.0.1:9"))
    expect(page.locator("body")).to_have_text("No figures: nothing answers at http://127.0.0.1:9.")


def test_text_between_the_tags_makes_room_for_the_figure(
    page: Page, shop: Shop, path: Path, writer: Writer
) -> None:
    """It is not shown beside it."""
    with sidecar(path, writer, demo=True) as url:
        shop.show(page, blank(url))
        shown(page)
        assert "No figures" not in page.inner_text("body")
