"""The calendar of the page: read by keys, opened by Enter, and in the address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from exporter.store import Store
from exporter.stream import create_app
from exporter.stream.gate import Access
from tests.builders import NOW, bill, fill, mark, sale
from tests.reports.test_reader import World
from tests.stream.browsing import CONTRAST, NEEDS_CHROMIUM, PATIENCE_MS, UNNAMED, watched
from tests.stream.serving import serving, until

pytestmark = [NEEDS_CHROMIUM, pytest.mark.slow]


def filled(path: Path) -> None:
    """Keep a sale and a bill of each day from the fifth of the month on, and a trade of one."""
    with Store.write(path) as store:
        world = World(store)
        world.marks = [mark("KXA-1-T", bid="0.60", ask="0.61")]
        for ago in range(17, 0, -1):
            at = NOW - timedelta(days=ago)
            world.keep(sale("1000.00", sale_id=f"s{ago}", at=at), bill(at.date(), "0.50"))
        world.keep(fill("buy yes 1 @ 0.40 fee 0.01 in KXA-1-T", fill_id="f", at=NOW - timedelta(days=3)))
        world.publish()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A database with most of a month in it."""
    path = tmp_path / "northstar.sqlite3"
    # The browser has the loop of this thread, and the daybook needs one.
    with ThreadPoolExecutor(1) as other:
        other.submit(filled, path).result()
    return path


@pytest.fixture
def url(kept: Path) -> Iterator[str]:
    app = create_app(kept, clock=lambda: NOW + timedelta(seconds=3))
    with serving(app) as address:
        until(lambda: app.state.feed.current())
        yield address


def cell(page: Page, day: str) -> str:
    """Return what is said of a day, once it is known."""
    found = page.locator(f"[data-day='{day}']")
    expect(found).to_have_attribute("aria-label", re.compile(","), timeout=PATIENCE_MS)
    return found.get_attribute("aria-label") or ""


def test_a_month_is_read_by_keys_and_a_day_is_opened(page: Page, url: str) -> None:
    """One tab stop; Enter shows what the day is made of, the address names it, and Back returns."""
    errors = watched(page)
    page.goto(f"{url}/")
    expect(page.locator("#calendar-title")).to_have_text("November 2026")
    expect(page.locator("#calendar-check")).to_contain_text("The days sum to it exactly.")
    assert cell(page, "2026-11-18").startswith("Wednesday 18 November 2026, plus 999.50 dollars, ")
    assert "nothing happened" in cell(page, "2026-11-04")
    assert cell(page, "2026-11-23").endswith("it has not begun")
    assert page.locator("#calendar-body [tabindex='0']").count() == 1
    page.locator("#calendar-body [tabindex='0']").focus()
    for key in ("ArrowUp", "Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.day") == "2026-11-11"
    page.keyboard.press("PageUp")
    expect(page.locator("#calendar-title")).to_have_text("October 2026")
    assert page.evaluate("document.activeElement.dataset.day") == "2026-10-11"
    page.keyboard.press("PageDown")
    page.keyboard.press("Enter")
    expect(page.locator("#day-title")).to_have_text("Wednesday 11 November 2026")
    expect(page.locator("#day-net")).to_have_text("+$999.50")
    assert page.url.endswith("#2026-11-11")
    page.locator("#day-by").select_option("product")
    expect(page.locator("#day-rows")).to_contain_text("+1,000.00")
    expect(page.locator("#day-sum")).to_contain_text("exactly what the lines above say")
    page.go_back()
    expect(page.locator("#day")).to_be_hidden()
    assert errors == []


def test_a_link_opens_its_day_and_is_legible(page: Page, url: str) -> None:
    """The month of the day is shown; every text is told from its paper, light, dark and on a phone."""
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{url}/#2026-11-19")
    expect(page.locator("#day-lines")).to_contain_text("Trading")
    expect(page.locator("[data-day='2026-11-19']")).to_have_attribute("aria-selected", "true")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(f"({CONTRAST})(document)") == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(f"({CONTRAST})(document)") == []
    assert page.evaluate(f"({UNNAMED})(document)") == []


def test_who_reads_totals_has_no_calendar(page: Page, kept: Path) -> None:
    """The days are not for that token; the rest of the page is as ever."""
    access = Access(kept)
    token = access.tokens.create("board", "totals", NOW)
    app = create_app(kept, access=access, clock=lambda: NOW + timedelta(seconds=3))
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        page.add_init_script(f"sessionStorage.setItem('northstar-pnl token', '{token}')")
        page.goto(f"{url}/")
        expect(page.locator("#net")).to_contain_text(".")
        expect(page.locator("#calendar")).to_be_hidden()
        expect(page.locator("#net")).to_contain_text("$")


def test_the_line_of_a_month_begins_with_the_month(page: Page, url: str) -> None:
    """However short the exporter has run: its records are older. The end is the live figure."""
    page.goto(f"{url}/#mtd")
    heard = re.compile(
        r"^From 1 Nov, 00:00 to .*lowest minus 0\.25 dollars.* last plus 16,991\.\d\d dollars\.$"
    )
    expect(page.locator("#chart")).to_have_attribute("aria-valuetext", heard)
