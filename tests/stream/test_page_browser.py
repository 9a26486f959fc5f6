"""The live page as a person sees it: in a browser, against a real sidecar."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from exporter.stream import create_app
from exporter.stream.gate import Access
from tests.stream.browsing import CONTRAST, NEEDS_CHROMIUM, PATIENCE_MS, net, opened, publish, state, watched
from tests.stream.builders import START, Writer, tree
from tests.stream.serving import serving, until

pytestmark = [NEEDS_CHROMIUM, pytest.mark.slow]

STREAM, POLL = "**/api/pnl/stream*", "**/api/pnl/deltas*"
SOCKET = re.compile(r"/api/pnl/ws")


COLOURS = """
(selectors) => selectors.map((selector) => {
  const probe = document.body.appendChild(document.createElement("i"));
  const named = ["ink", "soft", "gain", "loss"].find((token) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color === getComputedStyle(document.querySelector(selector)).color;
  });
  probe.remove();
  return named ?? "another";
})
"""
"""Return the names of the colours that elements have."""


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
    expect(page.locator("#net-because")).to_have_text("anthropic: not billed yet")
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
        net(None, "missing", "kalshi: forbidden")(shown)
        shown["sources"]["kalshi"] = {
            "title": "Kalshi",
            "kind": "venue",
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


def test_stale_figure_stays_with_its_age(page: Page, url: str, writer: Writer) -> None:
    """Old is marked old, in words and by its time."""
    opened(page, url)

    def age(shown: dict[str, Any]) -> None:
        net("5.00", "stale", "kalshi: no answer yet")(shown)
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
    assert page.evaluate(COLOURS, ["#net", "#net-change", "#hour-net", ".net-row .amount"]) == ["soft"] * 4
    assert page.evaluate(f"({CONTRAST})(document)") == []
    publish(writer, net("9.00"))
    page.context.set_offline(False)
    state(page, "live")
    expect(page.locator("#net")).to_have_text("+$9.00")
    assert page.evaluate(COLOURS, ["#net"]) == ["gain"]
    expect(page.locator("#notice")).to_be_hidden()


EARLIER = """
localStorage.setItem("northstar-pnl ", JSON.stringify({
  as_of: "2026-11-22T11:58:00.000000Z", currency: "USD", timezone: "UTC",
  windows: Object.fromEntries(["today", "24h", "7d", "30d", "mtd", "ytd", "all"].map((name) => [name, {
    from: "2026-11-22T00:00:00.000000Z", to: "2026-11-22T11:58:00.000000Z",
    net: { usd: "3.00", grade: "partial", because: ["kalshi: no mark for X"] },
    components: { trading_realised: { usd: "3.00", grade: "partial", because: ["kalshi: no mark for X"] } },
  }])),
  sources: { kalshi: { grade: "final", as_of: "2026-11-22T11:58:00.000000Z" } },
}))
"""
"""Keep what a version kept that knew reasons as sentences, and sources by their names alone."""


def test_snapshot_kept_by_an_earlier_version_is_shown(page: Page, url: str) -> None:
    """A browser that was away for a release shows what it has, and then what there is."""
    page.add_init_script(EARLIER)
    errors = watched(page)
    without(page, "websocket", "sse", "polling")
    page.goto(f"{url}/")
    expect(page.locator("#net")).to_have_text("+$3.00")
    expect(page.locator("#net-because")).to_have_text("kalshi: no mark for X")
    expect(page.locator("#sources .who")).to_have_text("kalshi")
    page.unroute_all()
    page.reload()
    expect(page.locator("#net")).to_have_text("+$5.00")
    expect(page.locator("#sources .who")).to_have_text("Kalshi")
    assert [error for error in errors if "ERR_FAILED" not in error] == []


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
    until(lambda: page.wait_for_timeout(20) or len(told) > 1)
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
        expect(page.locator("#positions-body")).to_have_text(
            "Positions are not for this token: it reads totals."
        )
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
    expect(page.get_by_role("slider", name="Net today over time")).to_have_count(1)
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^From .* highest plus 65.00 dollars"))
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#readout")).to_have_text(re.compile(r"^12:\d\d: \+\$65\.00$"))
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#readout")).to_have_text(re.compile(r"\+\$64\.00$"))
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^12:\d\d: \+\$64\.00$"))
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
