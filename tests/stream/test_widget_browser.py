"""The widget on a page that is not ours, from another origin; and what the documentation says of it, run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from exporter.stream import create_app
from exporter.stream.gate import Access
from tests.stream.browsing import (
    CONTRAST,
    NEEDS_CHROMIUM,
    PATIENCE_MS,
    UNNAMED,
    net,
    publish,
    two_venues,
    watched,
)
from tests.stream.builders import START, Writer
from tests.stream.serving import serving, until
from tests.stream.shop import Shop, embedded, selling

pytestmark = [NEEDS_CHROMIUM, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
REACT = Path("/usr/share/nodejs")
"""Where Debian's node-react and node-react-dom are."""

PAGE = (ROOT / "docs" / "widget.md").read_text()
EXAMPLES = re.findall(r"```html\n(<!doctype html>\n.*?)```", PAGE, re.DOTALL)
"""The whole pages among them; two lines are a part of one."""
SIDECAR = "http://127.0.0.1:8080"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without a past."""
    context = browser.new_context(viewport={"width": 900, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The other site."""
    with selling() as site:
        yield site


@pytest.fixture
def access(path: Path, shop: Shop) -> Access:
    """Rules that let the shop's pages ask."""
    return Access(path, origins=[shop.address])


@pytest.fixture
def url(path: Path, writer: Writer, access: Access) -> Iterator[str]:
    """The address of a sidecar with those rules."""
    app = create_app(path, poll_seconds=0.002, access=access, clock=lambda: writer.at + timedelta(seconds=3))
    with serving(app) as address:
        until(lambda: app.state.feed.current())
        yield address


def test_widget_follows_from_another_origin(page: Page, shop: Shop, url: str, writer: Writer) -> None:
    """Two lines of HTML; a listed origin; every commit arrives, and no script fails."""
    errors = watched(page)
    shop.show(page, embedded(url))
    widget = page.locator("northstar-pnl")
    expect(widget.locator(".net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    expect(widget.locator(".connection")).to_have_text(re.compile(r"^Live, \d+ ms away$"))
    publish(writer, net("-1234.50", "estimated", "anthropic: not billed yet"))
    expect(widget.locator(".net")).to_have_text("−$1,234.50")
    expect(widget.locator(".why")).to_have_text("anthropic: not billed yet")
    expect(widget.locator(".trust")).to_contain_text("estimated, as of 12:00:05")
    assert errors == []


def test_widget_lives_under_a_strict_policy_of_its_page(page: Page, shop: Shop, url: str) -> None:
    """No inline style, no inline script, no second host: the page need allow the sidecar alone."""
    errors = watched(page)
    policy = f"default-src 'none'; script-src {url}; connect-src {url} {url.replace('http', 'ws')}"
    shop.show(page, embedded(url), Content_Security_Policy=f"{policy}; require-trusted-types-for 'script'")
    expect(page.locator("northstar-pnl .net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    assert (
        page.locator("northstar-pnl .card").evaluate("card => getComputedStyle(card).borderRadius") == "12px"
    )
    assert errors == []


def test_event_bubbles_with_snapshot_and_delta(page: Page, shop: Shop, url: str, writer: Writer) -> None:
    """Whoever wants another display listens, even outside of a shadow tree that holds the widget."""
    nest = (
        "<div id=nest></div><script>"
        "nest.attachShadow({mode:'open'}).append(document.querySelector('northstar-pnl'));"
    )
    hear = (
        "heard = []; document.addEventListener('northstar-update', ({detail}) => heard.push(detail))</script>"
    )
    shop.show(page, embedded(url) + nest + hear)
    page.wait_for_function("heard.length > 0")
    publish(writer, net("6.50"))
    page.wait_for_function("heard.length > 1")
    first, second = page.evaluate(
        "heard.map(({snapshot, delta, kept, window}) => ({snapshot, delta, kept, window}))"
    )
    assert (first["delta"], first["kept"], first["window"]) == (None, False, "today")
    assert second["delta"]["windows"]["today"]["net"]["usd"] == "6.50"
    assert second["snapshot"] == writer.store.snapshots.at(writer.sequence)


def test_last_figures_are_kept_for_a_visit_without_a_server(page: Page, shop: Shop, url: str) -> None:
    """They are shown, said to be kept, and dimmed; they are not taken for news."""
    shop.show(page, embedded(url))
    expect(page.locator("northstar-pnl .net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    page.goto("about:blank")
    page.route(f"{url}/api/**", lambda route: route.abort())
    page.route_web_socket(re.compile("/api/pnl/ws"), lambda socket: socket.close())
    shop.show(page, embedded(url))
    widget = page.locator("northstar-pnl")
    expect(widget.locator(".net")).to_have_text("+$5.00")
    expect(widget.locator(".caveat")).to_contain_text("kept from an earlier visit")
    expect(widget.locator(".connection")).to_have_text("Offline")
    grey = widget.locator(".trust").evaluate("box => getComputedStyle(box).color")
    assert widget.locator(".net").evaluate("box => getComputedStyle(box).color") == grey
    assert widget.evaluate(f"widget => ({CONTRAST})(widget.shadowRoot)") == []


def test_missing_figure_is_no_zero(page: Page, shop: Shop, url: str, writer: Writer) -> None:
    """No figure: why."""
    shop.show(page, embedded(url))
    expect(page.locator("northstar-pnl .net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    publish(writer, net(None, "missing", "kalshi: no answer yet"))
    expect(page.locator("northstar-pnl .net")).to_have_text("No figure")
    expect(page.locator("northstar-pnl .why")).to_have_text("Kalshi: no answer yet")
    assert not re.search(r"NaN|undefined|\$0", page.locator("northstar-pnl .card").inner_text())


def test_two_venues_are_below_the_lines_of_their_kind(
    page: Page, shop: Shop, url: str, writer: Writer
) -> None:
    """Opened like the lines, each with its sum."""
    shop.show(page, embedded(url))
    expect(page.locator("northstar-pnl .net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    publish(writer, two_venues)
    widget = page.locator("northstar-pnl")
    expect(widget.locator("tr.share").first).to_be_hidden()
    widget.get_by_role("button", name="Trading").click()
    expect(widget.locator("tr.share:visible")).to_have_text(["Kalshi +9.00", "Hedge book partial−4.00"])
    expect(widget.locator("tr.share-line:visible")).to_have_count(0)


def test_token_of_a_page_reads_totals_and_stays_out_of_addresses(
    page: Page, shop: Shop, url: str, access: Access
) -> None:
    """The long-lived one goes into a header only; positions never come."""
    token = access.tokens.create("intranet", "totals", START)
    until(lambda: access.asks)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("websocket", lambda socket: seen.append(socket.url))
    shop.show(page, embedded(url, f'token="{token}"'))
    expect(page.locator("northstar-pnl .net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    assert page.evaluate("document.querySelector('northstar-pnl').snapshot.positions") is None
    assert any("/api/pnl/ws?" in address and "token=" in address for address in seen)
    assert not [address for address in seen if token in address]


def test_widgets_share_one_connection_and_the_last_one_closes_it(page: Page, shop: Shop, url: str) -> None:
    """Ten windows on a wall are one client of the sidecar."""
    sockets: list[Any] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    shop.show(
        page,
        embedded(url)
        + '<northstar-pnl window="mtd"></northstar-pnl><northstar-pnl window="7d" compact></northstar-pnl>',
    )
    for place in range(3):
        expect(page.locator("northstar-pnl").nth(place).locator(".net")).to_have_text(
            "+$5.00", timeout=PATIENCE_MS
        )
    assert len(sockets) == 1
    page.evaluate("document.querySelectorAll('northstar-pnl').forEach((widget) => widget.remove())")
    until(lambda: page.wait_for_timeout(20) or sockets[0].is_closed())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_widget_can_be_read_by_everybody(
    page: Page, shop: Shop, url: str, writer: Writer, theme: str
) -> None:
    """Contrast and names in either theme; groups open by the keyboard; news are spoken without chatter."""
    shop.show(page, embedded(url, f"theme={theme}"))
    widget = page.locator("northstar-pnl")
    expect(widget.locator(".net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    for usd in ("6.00", "-7.00"):
        publish(writer, net(usd, "stale", "kalshi: no answer yet"))
    expect(widget.locator(".net")).to_have_text("−$7.00")
    assert widget.evaluate(f"widget => ({CONTRAST})(widget.shadowRoot)") == []
    assert widget.evaluate(f"widget => ({UNNAMED})(widget.shadowRoot)") == []
    expect(widget.get_by_role("status")).to_have_text("Net today: plus 5.00 dollars, final.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(widget.get_by_role("button", name="Trading")).to_have_attribute("aria-expanded", "true")
    expect(widget.locator("tr.lines", has_text="Realised").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(widget.locator("tr.lines", has_text="Realised").first).to_be_hidden()


PLACES = """
<style>.slim { width: 200px } .row { display: flex; gap: 8px; width: 860px }</style>
<div class="slim">{}</div><div class="row">{}{}</div><p>We made {} this month.</p>
"""


def test_widget_fits_wherever_it_is_put(page: Page, shop: Shop, url: str, writer: Writer) -> None:
    """A narrow column, a row that asks what it needs, a sentence; with the longest of amounts."""
    wide, slim = "<northstar-pnl></northstar-pnl>", "<northstar-pnl compact></northstar-pnl>"
    script = f'<!doctype html><script type="module" src="{url}/widget.js"></script>'
    shop.show(page, script + PLACES.replace("{}", "%s") % (wide, wide, wide, slim))
    widgets = page.locator("northstar-pnl")
    expect(widgets.nth(3).locator(".net")).to_have_text("+$5.00", timeout=PATIENCE_MS)
    publish(writer, net("-98765432.10", "estimated", "anthropic: not billed yet"))
    for place in range(4):
        expect(widgets.nth(place).locator(".net")).to_have_text("−$98,765,432")
    for button in widgets.nth(0).get_by_role("button").all():
        button.click()
    expect(widgets.nth(0).locator("tr.lines").first).to_be_visible()
    overflowing = page.evaluate(
        "[...document.querySelectorAll('northstar-pnl')].flatMap(({ shadowRoot: root }) =>"
        " [...root.querySelectorAll('.card *')].filter((each) => each.getClientRects().length"
        " && each.className !== 'spoken' && each.getBoundingClientRect().right"
        " > root.querySelector('.card').getBoundingClientRect().right + 0.5).map((each) => each.outerHTML))"
    )
    assert overflowing == []
    widths = [widgets.nth(place).evaluate("box => box.offsetWidth") for place in range(4)]
    assert widths[0] == 200
    assert min(widths[1:3]) > 250, "in a row it is as wide as what it shows"
    assert 150 < widths[3] < 400, "in a sentence it is a word of its own"
    assert widgets.nth(3).evaluate("box => box.offsetHeight") < 50


def react(route: Route) -> None:
    """Answer for the host of React's modules, from the copies that Debian has."""
    name = "react-dom" if "react-dom" in route.request.url else "react"
    text = (REACT / name / "umd" / f"{name}.production.min.js").read_text()
    export = {
        "react": "export default globalThis.React;",
        "react-dom": "export const { createRoot } = globalThis.ReactDOM;",
    }[name]
    first = 'await import("https://esm.sh/react@18");' if name == "react-dom" else ""
    headers = {"Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*"}
    route.fulfill(body=f"{first}new Function({text!r}).call(globalThis);{export}", headers=headers)


SHOWN = {
    "Our figures": ("northstar-pnl >> nth=0 >> .net", "+$6.50"),
    "A display of our own": ("#net", "6.50 dollars, final"),
    "Our figures in React": ("#app h1", "6.50 dollars final"),
}
"""What each example of the documentation shows after a change, and where."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.search("<title>(.*)</title>", text)[1])
def test_example_of_the_documentation_runs(
    page: Page, shop: Shop, url: str, writer: Writer, example: str
) -> None:
    """Copied as it stands, but for the address."""
    if "esm.sh" in example and not (REACT / "react-dom").is_dir():
        pytest.skip(
            "React is not installed (Debian's node-react and node-react-dom): see tests/install-tools"
        )
    errors = watched(page)
    page.route("https://esm.sh/**", react)
    assert SIDECAR in example
    shop.show(page, example.replace(SIDECAR, url))
    selector, text = SHOWN[page.title()]
    page.wait_for_function(
        "document.body.innerText.includes('5') || document.querySelector('northstar-pnl')?.snapshot"
    )
    publish(writer, net("6.50"))
    expect(page.locator(selector)).to_have_text(text, timeout=PATIENCE_MS)
    assert errors == []


def test_documentation_has_the_three_examples() -> None:
    """A blank page, a display of one's own, React."""
    assert {re.search("<title>(.*)</title>", text)[1] for text in EXAMPLES} == set(SHOWN)  # type: ignore[index]
