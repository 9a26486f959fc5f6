"""The live page as a person sees it: in a browser, against a real sidecar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browsing import CONTRAST, NEEDS_CHROMIUM, PATIENCE_MS, UNNAMED, browsing, net, publish, watched
from builders import START, Writer, tree
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect
from serving import serving, until

from exporter.stream import create_app
from exporter.stream.gate import Access

pytestmark = NEEDS_CHROMIUM

STREAM, POLL = "**/api/pnl/stream*", "**/api/pnl/deltas*"
SOCKET = re.compile(r"/api/pnl/ws")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with browsing() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without a past."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def opened(page: Page, url: str) -> Page:
    """Open the page and wait for its first figures."""
    page.goto(f"{url}/")
    expect(page.locator("#net-size")).to_contain_text("$5.00", timeout=PATIENCE_MS)
    return page


def state(page: Page, name: str) -> None:
    """Wait until the page says that it is in a state."""
    expect(page.locator("body")).to_have_attribute("data-state", name, timeout=PATIENCE_MS)


def without(page: Page, *transports: str) -> None:
    """Let transports be refused on their way."""
    if "websocket" in transports:
        page.route_web_socket(SOCKET, lambda socket: socket.close())
    if "sse" in transports:
        page.route(STREAM, lambda route: route.abort())
    if "polling" in transports:
        page.route(POLL, lambda route: route.abort())


def test_page_shows_each_commit_and_breaks_no_rule_of_its_own(page: Page, url: str, writer: Writer) -> None:
    """The figures move by themselves; no script fails, and the policy of the page lets all of it be."""
    errors = watched(page)
    opened(page, url)
    state(page, "live")
    publish(writer, net("1234.56", "estimated", "anthropic: not billed yet"))
    expect(page.locator("#net")).to_have_text("+$1,234.56")
    expect(page.locator("#net-because")).to_have_text("Anthropic: not billed yet")
    expect(page.locator("#net-trust")).to_contain_text("estimated, as of 12:00:05")
    assert page.title() == "+$1,234.56 today · NorthStar"
    publish(writer, net("-0.07"))
    expect(page.locator("#net")).to_have_text("−$0.07")
    assert not re.search(r"NaN|undefined|\bnull\b|\[object", page.inner_text("body"))
    assert errors == []


def test_missing_figure_is_said_and_never_a_zero(page: Page, url: str, writer: Writer) -> None:
    """Unknown has a reason, with the source's own trouble since when."""
    opened(page, url)

    def fail(shown: dict[str, Any]) -> None:
        net(None, "missing", "kalshi: no answer")(shown)
        shown["sources"]["kalshi"] = {
            "grade": "missing",
            "error": {
                "reason": "forbidden",
                "sentence": "Kalshi answered 403.",
                "since": "2026-11-22T11:40:00.000000Z",
            },
        }

    publish(writer, fail)
    expect(page.locator("#net")).to_have_text("No figure")
    expect(page.locator("#net-because")).to_have_text("Kalshi answered 403. Since 11:40.")
    expect(page.locator("#net-change")).to_contain_text("Last known +$5.00")
    expect(page.locator("#sources .source.missing")).to_contain_text("never read yet")
    assert "$0" not in page.inner_text(".answer .figure")
    assert page.title().startswith("no figure today")


def test_component_without_a_figure_leaves_its_group_without_one(
    page: Page, url: str, writer: Writer
) -> None:
    """A sum over something unknown is unknown, on the statement as well."""
    opened(page, url)

    def lose(shown: dict[str, Any]) -> None:
        shown["windows"]["today"]["components"]["trading_fees"] = {"grade": "missing"}

    publish(writer, lose)
    cells = page.locator("#statement-body td.chosen")
    expect(cells.nth(0)).to_have_text("no figure")
    expect(cells.nth(3)).to_have_text("no figure")
    assert "NaN" not in page.inner_text("main")


def order_lines(page: Page) -> Locator:
    """Return the rows of the orders."""
    return page.locator("#orders tr")


def test_orders_say_what_each_brings_and_costs(page: Page, url: str, writer: Writer) -> None:
    """Of the chosen window, divided to the cent, with the grade of the worst part."""
    opened(page, url)

    def sell(shown: dict[str, Any]) -> None:
        sold = {
            "sales_gross": "40",
            "sales_refunds": "-12",
            "sales_fees": "-1.76",
            "api_cost_estimated": "-3.01",
        }
        for name, usd in sold.items():
            shown["windows"]["today"]["components"][name]["usd"] = usd
        shown["windows"]["today"]["components"]["api_cost_estimated"]["grade"] = "estimated"
        shown["sales"] = {"today": {"orders": 3, "refunds": 1}, "mtd": {"orders": 1234, "refunds": 0}}

    publish(writer, sell)
    expect(order_lines(page)).to_have_text(
        [
            "orders3",
            "refunds given133.3 % of orders",
            "average order$13.33",
            "API cost per order$1.00estimated",
            "contribution per order+$7.74estimated",
        ]
    )
    page.locator("#windows").get_by_role("button", name="this month").click()
    expect(page.locator("#orders-title")).to_have_text("Orders, this month")
    expect(order_lines(page).nth(0)).to_have_text("orders1,234")


def test_orders_that_are_none_or_not_known_divide_nothing(page: Page, url: str, writer: Writer) -> None:
    """Zero orders have no average; what is missing or switched off is no zero."""
    opened(page, url)
    expect(page.locator("#orders")).to_have_text("Not part of what is shown here")
    publish(writer, lambda shown: shown.update(sales={"today": {"orders": 0, "refunds": 2}}))
    expect(order_lines(page)).to_have_text(["orders0", "refunds given2"])

    def unbilled(shown: dict[str, Any]) -> None:
        shown["sales"]["today"]["orders"] = 2
        shown["windows"]["today"]["components"]["api_cost_billed"] = {"grade": "missing"}

    publish(writer, unbilled)
    expect(order_lines(page).nth(3)).to_have_text("API cost per orderno figure")
    expect(order_lines(page).nth(4)).to_have_text("contribution per orderno figure")

    def unread(shown: dict[str, Any]) -> None:
        del shown["sales"]
        shown["windows"]["today"]["components"]["sales_gross"] = {"grade": "missing"}

    publish(writer, unread)
    expect(page.locator("#orders")).to_have_text("No figure")


def test_stale_figure_stays_with_its_age(page: Page, url: str, writer: Writer) -> None:
    """Old is marked old, in words and by its time."""
    opened(page, url)

    def age(shown: dict[str, Any]) -> None:
        net("5.00", "stale", "kalshi: no answer")(shown)
        shown["windows"]["today"]["net"]["as_of"] = "2026-11-22T11:57:00.000000Z"

    publish(writer, age)
    expect(page.locator("#net-trust")).to_contain_text("stale, as of 11:57:00, 3 min ago")
    expect(page.locator("body")).to_have_attribute("data-grade", "stale")
    expect(page.locator("#net")).to_have_text("+$5.00")


def test_page_falls_from_websocket_to_event_stream_to_polling(page: Page, url: str, writer: Writer) -> None:
    """Whatever a network lets through, the figures arrive, and the page says by which way."""
    without(page, "websocket")
    opened(page, url)
    expect(page.locator("#connection")).to_contain_text("Live by event stream")
    without(page, "sse")
    opened(page, url)
    expect(page.locator("#connection")).to_contain_text("Live by polling")
    publish(writer, net("7.00"))
    expect(page.locator("#net")).to_have_text("+$7.00")


def test_page_recovers_to_the_websocket(page: Page, url: str, writer: Writer) -> None:
    """What failed once is tried again beside what works, and nothing is lost at the change."""
    let_through = False

    def socket(route: WebSocketRoute) -> None:
        if let_through:
            route.connect_to_server()
        else:
            route.close()

    page.clock.install()
    page.route_web_socket(SOCKET, socket)
    opened(page, url)
    expect(page.locator("#connection")).to_contain_text("Live by event stream")
    let_through = True
    page.clock.fast_forward(125_000)
    expect(page.locator("#connection")).to_have_text(
        re.compile(r"^Live(, \d+ ms away)?$"), timeout=PATIENCE_MS
    )
    publish(writer, net("8.00"))
    expect(page.locator("#net")).to_have_text("+$8.00")


def test_offline_keeps_the_figures_marks_them_and_goes_on(page: Page, url: str, writer: Writer) -> None:
    """A tunnel costs freshness, and nothing else."""
    opened(page, url)
    state(page, "live")
    page.context.set_offline(True)
    state(page, "offline")
    expect(page.locator("#notice")).to_contain_text("This device is offline. These figures are of 12:00 UTC.")
    expect(page.locator("#net")).to_have_text("+$5.00")
    assert page.title().startswith("offline: ")
    assert float(page.locator("#net").evaluate("box => getComputedStyle(box).opacity")) < 0.7
    publish(writer, net("9.00"))
    page.context.set_offline(False)
    state(page, "live")
    expect(page.locator("#net")).to_have_text("+$9.00")
    expect(page.locator("#notice")).to_be_hidden()


def test_sidecar_that_restarts_is_met_again_at_the_cursor(page: Page, path: Path, writer: Writer) -> None:
    """A deploy is a word in a corner, not a page to be loaded again."""
    clock = lambda: writer.at + timedelta(seconds=3)  # noqa: E731
    app = create_app(path, poll_seconds=0.002, clock=clock)
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        opened(page, url)
        state(page, "live")
    expect(page.locator("body")).to_have_attribute("data-state", re.compile("reconnecting|offline"))
    expect(page.locator("#net")).to_have_text("+$5.00")


def test_resync_shows_the_new_database_without_a_stop(page: Page, url: str) -> None:
    """The server starts over; the old figures stay until the new ones are there."""
    told: list[WebSocketRoute] = []

    def say(kind: str, data: dict[str, Any]) -> None:
        id_ = {} if kind == "resync" else {"id": f"{data['epoch']}-{data['sequence']}"}
        told[-1].send(json.dumps({"type": kind, **id_, "data": data}))

    def serve(socket: WebSocketRoute) -> None:
        told.append(socket)
        say("snapshot", tree("old", 5, START))

    page.route_web_socket(SOCKET, serve)
    opened(page, url)
    say("resync", {"reason": "other_epoch"})
    expect(page.locator("#net")).to_have_text("+$5.00")
    say("snapshot", tree("new", 1, START, parts={"sales_gross": "1.00"}))
    expect(page.locator("#net")).to_have_text("+$1.00")
    say("delta", {"epoch": "new", "sequence": 3})  # a hole: it asks anew, and is told
    until_calls = lambda: len(told) > 1  # noqa: E731
    page.wait_for_timeout(1500)
    assert until_calls()
    expect(page.locator("#net")).to_have_text("+$5.00")


def test_page_asks_for_a_token_where_one_is_needed(page: Page, path: Path, writer: Writer) -> None:
    """Who has one types it once, and sees what it may see; it never stands in an address."""
    access = Access(path)
    token = access.tokens.create("board", "totals", START)
    app = create_app(path, poll_seconds=0.002, access=access, clock=lambda: writer.at + timedelta(seconds=3))
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        page.goto(f"{url}/")
        state(page, "refused")
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        state(page, "refused")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Show the figures").click()
        expect(page.locator("#net")).to_have_text("+$5.00")
        expect(page.locator("#positions-body")).to_contain_text("Not part of what is shown here")
        assert not [address for address in seen if token in address]


def test_chosen_window_is_the_headline_and_in_the_address(page: Page, url: str) -> None:
    """A bookmark opens the same window again."""
    opened(page, url)
    page.locator("#windows").get_by_role("button", name="this month").click()
    expect(page.locator("#net-label")).to_have_text("Net this month")
    expect(page.locator("#statement-head th.chosen")).to_have_text("this month")
    assert page.url.endswith("#mtd")
    page.reload()
    expect(page.locator("#net-label")).to_have_text("Net this month")


def test_chart_is_read_and_zoomed_by_the_keyboard(page: Page, url: str, writer: Writer) -> None:
    """Arrows read a point aloud, plus and minus zoom, Escape shows all again."""
    writer.commit(60, after=timedelta(seconds=20))
    page.goto(f"{url}/")
    chart = page.locator("#chart")
    expect(chart).to_have_attribute("aria-label", re.compile(r"Net today from .* highest plus 65.00 dollars"))
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#readout")).to_have_text(re.compile(r"^12:\d\d: \+\$65\.00$"))
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#readout")).to_have_text(re.compile(r"\+\$64\.00$"))
    assert page.locator("#readout").get_attribute("aria-live") == "polite"
    expect(page.locator("#whole")).to_be_disabled()
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page.locator("#whole")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("#whole")).to_be_disabled()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 50, steps=4)
    page.mouse.up()
    expect(page.locator("#whole")).to_be_enabled()
    page.locator("#whole").click()
    expect(page.locator("#whole")).to_be_disabled()


def test_last_hour_says_what_changed_and_what_happened(page: Page, url: str, writer: Writer) -> None:
    """The sum, each group's part in it, and what was seen."""
    opened(page, url)
    state(page, "live")

    def sell(shown: dict[str, Any]) -> None:
        shown["windows"]["all"]["net"]["usd"] = "15.00"
        shown["windows"]["all"]["components"]["sales_gross"]["usd"] = "15.00"

    publish(writer, sell)
    expect(page.locator("#hour-net")).to_contain_text("+$10.00")
    expect(page.locator("#hour-body")).to_contain_text("+10.00")
    expect(page.locator("#happened")).to_contain_text("Sales+10.00")


def test_market_name_is_text_and_nothing_else(page: Page, url: str, writer: Writer) -> None:
    """A name comes from outside; it runs nothing."""
    errors = watched(page)
    opened(page, url)
    evil = '<img src=x onerror="document.title=1">'
    publish(
        writer,
        lambda shown: shown["positions"].update(
            {evil: {"side": "yes", "count": "1", "cost": "1", "grade": "final"}}
        ),
    )
    expect(page.locator("#positions-body")).to_contain_text(evil)
    expect(page.locator("#positions-body")).to_contain_text("no mark")
    assert page.locator("#positions-body img").count() == 0
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_can_be_read_by_everybody(page: Page, url: str, writer: Writer, scheme: Any, width: int) -> None:
    """Contrast, names, and nothing wider than the screen; the order of the keyboard is that of the page."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, url)
    publish(writer, net("-12.00", "stale", "kalshi: no answer"))
    expect(page.locator("#net")).to_have_text("−$12.00")
    assert page.evaluate(f"({CONTRAST})(document)") == []
    assert page.evaluate(f"({UNNAMED})(document)") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "all = [...document.querySelectorAll('[id]')].map(({ id }) => id); all.length === new Set(all).size"
    )
    order = []
    page.evaluate("document.activeElement.blur()")
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.dataset.window ?? document.activeElement.id"))
    assert order == ["today", "24h", "7d", "30d", "mtd", "ytd"]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_policy_of_the_page_keeps_other_scripts_out(page: Page, url: str) -> None:
    """What is not ours does not run, even if it got into the page."""
    opened(page, url)
    errors = watched(page)
    page.evaluate(
        "script = document.createElement('script'); script.textContent = 'document.title = 1';"
        "document.body.append(script)"
    )
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    assert len([error for error in errors if "Content Security Policy" in error]) >= 2
    assert page.title() != "1"
