"""A browser that is installed, and what tests look at in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from exporter.snapshot import from_json
from exporter.times import stamp, unstamp
from tests.stream.builders import Writer, figure

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_CHROMIUM = pytest.mark.skipif(
    PROGRAM is None, reason="there is no Chromium to look at the page with: see tests/install-tools"
)
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Run the browser while the block runs; its event loop ends with it, so that others may have theirs."""
    with sync_playwright() as playwright:
        # No sandbox: Chromium refuses root otherwise, and it sees only our own pages.
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def watched(page: Page) -> list[str]:
    """Return the list that the page's errors are written to, violations of its policy included."""
    errors: list[str] = []
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    return errors


def publish(writer: Writer, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Append one snapshot that differs from the newest as `change` makes it."""
    tree = deepcopy(writer.store.snapshots.at(writer.sequence))
    writer.sequence += 1
    tree |= {"sequence": writer.sequence, "as_of": stamp(writer.at)}
    change(tree)
    writer.store.snapshots.append(from_json(tree))
    return tree


def net(usd: str | None, grade: str = "final", *because: str) -> Callable[[dict[str, Any]], None]:
    """Return a change of today's net."""

    def change(tree: dict[str, Any]) -> None:
        tree["windows"]["today"]["net"] = figure(usd, grade, unstamp(tree["as_of"]), *because)

    return change


def two_venues(tree: dict[str, Any]) -> None:
    """Give the company a second venue; together they made what the sums of the windows say."""
    at = unstamp(tree["as_of"])
    tree["sources"]["hedge"] = tree["sources"]["kalshi"] | {"title": "Hedge book"}
    for stated in tree["windows"].values():
        shares = {"kalshi": ("10.00", "-1.00", "final"), "hedge": ("-3.00", "-1.00", "partial")}
        stated["by_source"] = {
            source: {
                "net": figure(Decimal(realised) + Decimal(fees), grade, at),
                "components": {
                    "trading_realised": figure(realised, grade, at),
                    "trading_fees": figure(fees, grade, at),
                },
            }
            for source, (realised, fees, grade) in shares.items()
        }
        parts = stated["components"]
        parts["trading_realised"], parts["trading_fees"] = (
            figure("7", "partial", at),
            figure("-2", "final", at),
        )
        del parts["trading_unrealised_change"]
    held = {"side": "yes", "count": "10", "cost": "4", "mark": "0.5", "grade": "final"}
    tree["positions"] = {
        "KX-1": held | {"source": "kalshi", "unrealised": "1"},
        "hedge:KX-1": held | {"source": "hedge", "unrealised": "-2"},
    }
    short = {"ok": False, "usd": "-0.50", "detail": "50 cents are missing"}
    tree["checks"]["cash"] = short | {"parts": {"kalshi": {"ok": True, "usd": "0"}, "hedge": short}}


def opened(page: Page, url: str) -> Page:
    """Open the page and wait for its first figures."""
    page.goto(f"{url}/")
    expect(page.locator("#net-size")).to_contain_text("$5.00", timeout=PATIENCE_MS)
    return page


def state(page: Page, name: str) -> None:
    """Wait until the page says that it is in a state."""
    expect(page.locator("body")).to_have_attribute("data-state", name, timeout=PATIENCE_MS)


# ruff: noqa: E501 - the rest is JavaScript

CONTRAST = """
(root) => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const light = (colour) => {
    const [r, g, b] = colour.map((each) => each / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parent = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const paper = (element) => {
    const layers = [];
    for (let each = element; each; each = parent(each)) layers.push(parse(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const poor = [];
  const all = [...root.querySelectorAll("*")];
  for (const element of all) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3 && node.textContent.trim());
    const { width, height } = element.getBoundingClientRect();
    if (!texts.length || width < 2 || height < 2 || !element.checkVisibility?.()) continue;
    if (element.closest("[disabled], .visually-hidden, .spoken")) continue;
    const style = getComputedStyle(element);
    const ink = over(parse(element.namespaceURI.endsWith("svg") ? style.fill : style.color), paper(element));
    const [bright, dark] = [light(ink), light(paper(element))].sort((one, other) => other - one);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${texts[0].textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""
"""Return the texts that are too faint for their size, by the WCAG's formula."""

UNNAMED = """
(root) => [...root.querySelectorAll("button, input, a[href], svg[role=img], [tabindex], section, table, ul[role], div[role=group]")]
  .filter((element) => element.checkVisibility?.() ?? true)
  .filter((element) => {
    const labelled = (element.getAttribute("aria-labelledby") ?? "").split(" ").some((id) => root.querySelector(`#${id || "none"}`));
    const own = element.matches("section, table, svg, div") ? "" : element.textContent.trim();
    const named = element.getAttribute("aria-label") || labelled || own || element.labels?.length;
    return !(named || element.querySelector?.(":scope > caption, :scope > thead th") || element.matches("table[part]"));
  })
  .map((element) => element.outerHTML.slice(0, 120))
"""
"""Return what has no name for those who do not see it."""
