"""What the page tells of the hour, of orders and of amounts of any size; and to whoever reads otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.stream.browsing import CONTRAST, NEEDS_CHROMIUM, UNNAMED, net, opened, publish, state, two_venues
from tests.stream.builders import Writer, figure

pytestmark = [NEEDS_CHROMIUM, pytest.mark.slow]

PER_ORDER: dict[str, dict[str, str]] = {
    "average_order": {"value": "13.33333333333333333333333333", "grade": "final"},
    "api_cost_per_order": {"value": "1.003333333333333333333333333", "grade": "estimated"},
    "contribution_per_order": {"value": "7.743333333333333333333333333", "grade": "estimated"},
    "refund_ratio": {"value": "0.3333333333333333333333333333", "grade": "final"},
}
"""What an order brought, as a snapshot states it: 40 dollars of sales, of three orders with one refund."""


def order_lines(page: Page) -> Locator:
    """Return the rows of the orders."""
    return page.locator("#orders tr")


def test_orders_say_what_each_brings_and_costs(page: Page, url: str, writer: Writer) -> None:
    """Of the chosen window, rounded to the cent, with the grade that is stated."""
    opened(page, url)

    def sell(shown: dict[str, Any]) -> None:
        shown["sales"] = {
            "today": {"orders": 3, "refunds": 1, "per_order": PER_ORDER},
            "mtd": {"orders": 1234, "refunds": 0},
        }

    publish(writer, sell)
    expect(order_lines(page)).to_have_text(
        [
            "Orders3",
            "Refunds given 33.3 % of orders1",
            "Average order$13.33",
            "API cost per order estimated$1.00",
            "Contribution per order estimated+$7.74",
        ]
    )
    page.locator("#windows").get_by_role("button", name="this month").click()
    expect(page.locator("#orders-title")).to_have_text("Orders, this month")
    expect(order_lines(page).nth(0)).to_have_text("Orders1,234")


def test_orders_that_are_none_or_not_known_divide_nothing(page: Page, url: str, writer: Writer) -> None:
    """Zero orders have no average; what is missing or switched off is no zero."""
    opened(page, url)
    expect(page.locator("#orders")).to_have_text("Orders are not known yet.")
    publish(writer, lambda shown: shown.update(sales={"today": {"orders": 0, "refunds": 2}}))
    expect(order_lines(page)).to_have_text(["Orders0", "Refunds given2"])

    def unbilled(shown: dict[str, Any]) -> None:
        missing = {"grade": "missing"}
        stated = {name: PER_ORDER[name] for name in ("average_order", "refund_ratio")}
        shown["sales"]["today"] |= {"orders": 2, "per_order": stated | {"contribution_per_order": missing}}

    publish(writer, unbilled)
    expect(order_lines(page)).to_have_text(
        [
            "Orders2",
            "Refunds given 33.3 % of orders2",
            "Average order$13.33",
            "Contribution per orderno figure",
        ]
    )

    def unread(shown: dict[str, Any]) -> None:
        shown["sales"] = {"today": {"per_order": {"average_order": {"grade": "missing"}}}}
        shown["sources"]["sales"] = {"title": "Shop", "kind": "sales", "grade": "missing"}
        shown["windows"]["today"]["components"]["sales_gross"] = {"grade": "missing"}

    publish(writer, unread)
    expect(page.locator("#orders")).to_have_text("No figure yet: Shop has not answered.")


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


def test_lines_of_the_last_hour_sum_to_its_net(page: Page, url: str, writer: Writer) -> None:
    """One source answered later than another: what it had made before is no gain of this hour."""

    def since_ever(sales: str, usd: str | None) -> Any:
        def change(shown: dict[str, Any]) -> None:
            shown["windows"]["all"]["net"] = figure(usd, "final", writer.at)
            shown["windows"]["all"]["components"]["sales_gross"]["usd"] = sales

        return change

    for sales, usd in (("100.00", None), ("104.00", None), ("110.00", "500.00"), ("112.50", "502.50")):
        writer.at += timedelta(seconds=90)
        publish(writer, since_ever(sales, usd))
    # What was before all of this is longer ago than an hour.
    writer.at += timedelta(minutes=58)
    publish(writer, since_ever("112.50", "502.50"))
    page.goto(f"{url}/")
    expect(page.locator("#hour-net")).to_contain_text("+$2.50")
    expect(page.locator("#hour-body tr", has_text="Sales")).to_contain_text("+2.50")


def test_page_says_what_happened_before_it_was_opened(page: Page, url: str, writer: Writer) -> None:
    """The hour's past tells it, by the minute; like things are one line."""

    def sell(usd: str) -> Any:
        def change(shown: dict[str, Any]) -> None:
            shown["windows"]["all"]["components"]["sales_gross"]["usd"] = usd

        return change

    for usd in ("20.00", "29.00", "29.50"):
        writer.at += timedelta(minutes=2)
        publish(writer, sell(usd))
    page.goto(f"{url}/")
    expect(page.locator("#happened")).to_contain_text("Sales+24.50")
    expect(page.locator("#happened-since")).to_contain_text("before that by the minute")


def test_what_happens_moves_no_card(page: Page, url: str, writer: Writer) -> None:
    """The list of the last hour scrolls in its place; a figure that comes pushes nothing down the page."""
    opened(page, url)
    state(page, "live")
    expect(page.locator("#notice")).to_be_hidden()
    tops = "[...document.querySelectorAll('main > section')].map((card) => card.getBoundingClientRect().top)"
    before = page.evaluate(tops)
    for count in range(12):

        def trade(shown: dict[str, Any], count: int = count) -> None:
            bought = {"side": "yes", "count": str(count + 1), "cost": "1", "grade": "final"}
            shown["positions"] = {f"KXSOMETHINGWITHALONGNAME-26NOV22-T{count}": bought}

        publish(writer, trade)
        expect(page.locator("#positions-body")).to_contain_text(f"-T{count}")
    assert page.locator("#happened li").count() >= 9
    assert page.evaluate(tops) == before
    assert page.locator("#happened").evaluate("list => list.scrollHeight > list.clientHeight")


def test_source_that_is_switched_off_leaves_no_empty_places(page: Page, url: str, writer: Writer) -> None:
    """Who only sells sees no trading, no positions and no models."""
    opened(page, url)

    def only_sales(shown: dict[str, Any]) -> None:
        shown["sources"] = {"shop": shown["sources"]["kalshi"] | {"title": "Shop", "kind": "sales"}}
        for stated in shown["windows"].values():
            for name in list(stated["components"]):
                if not name.startswith("sales"):
                    del stated["components"][name]

    expect(page.locator("#statement-body")).to_contain_text("Unrealised, change")
    publish(writer, only_sales)
    expect(page.locator("#positions-card")).to_be_hidden()
    expect(page.locator("#cost-card")).to_be_hidden()
    assert page.locator("#statement-body tr:visible th").all_inner_texts() == [
        "Sales",
        "Gross",
        "Refunds",
        "Fees",
        "Net",
    ]
    expect(page.locator("#hour-body tr")).to_have_count(1)


def test_two_venues_add_up_and_can_be_told_apart(page: Page, url: str, writer: Writer) -> None:
    """Below the lines of their kind; each opens its own. Positions and checks say whose they are."""
    opened(page, url)
    publish(writer, two_venues)
    rows = page.locator("#statement-body tr:visible")
    expect(rows.locator("th button")).to_have_text(["Kalshi", "Hedge book"])
    assert rows.all_inner_texts()[:6] != []
    today = "td[data-window=today] .amount"
    expect(page.locator(f"tr.share {today}")).to_have_text(["+9.00", "−4.00"])
    expect(page.locator("tr.share .grade").nth(1)).to_have_text("partial")
    expect(page.locator("tr.share-line:visible")).to_have_count(0)
    page.get_by_role("button", name="Hedge book").press("Enter")
    expect(page.locator(f"tr.share-line:visible {today}")).to_have_text(["−3.00", "−1.00"])
    expect(page.get_by_role("button", name="Hedge book")).to_be_focused()
    publish(writer, net("6.00"))
    expect(page.locator("#net")).to_have_text("+$6.00")
    expect(page.locator("tr.share-line:visible")).to_have_count(2)
    expect(page.locator("#positions-body .market")).to_have_text(["KX-1Hedge book", "KX-1Kalshi"])
    expect(page.locator("#checks .failed")).to_contain_text("Hedge book: off by −$0.50: 50 cents are missing")
    assert "Kalshi: off" not in page.inner_text("#checks")
    expect(page.locator("#sources .who")).to_have_text(["Kalshi", "Hedge book"])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_component_that_nobody_knows_is_shown(page: Page, url: str, writer: Writer) -> None:
    """A source of a package that is newer than the page: its line is there, and breaks nothing."""
    opened(page, url)

    def rent(shown: dict[str, Any]) -> None:
        shown["sources"]["rent"] = {"title": "Rent", "kind": "other", "grade": "final"}
        for stated in shown["windows"].values():
            stated["components"]["office_rent"] = figure("-2.00", "final", writer.at)

    publish(writer, rent)
    expect(page.locator("#statement-body tr", has_text="office rent").locator(".amount").first).to_have_text(
        "−2.00"
    )
    expect(page.locator("#sources")).to_contain_text("Rent")
    expect(page.locator("#positions-card")).to_be_visible()
    expect(page.locator("#orders-card")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390])
def test_amounts_of_any_size_have_their_place(page: Page, url: str, writer: Writer, width: int) -> None:
    """The largest covers nothing, and what rounds to nothing has no sign."""
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, url)
    for usd, text in (("-987654321098.76", "−$987,654,321,099"), ("-0.004", "$0.00"), ("0.005", "+$0.01")):

        def change(shown: dict[str, Any], usd: str = usd) -> None:
            for stated in shown["windows"].values():
                for each in (stated["net"], *stated["components"].values()):
                    each["usd"] = usd

        publish(writer, change)
        expect(page.locator("#net")).to_have_text(text)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(
            "document.getElementById('net-size').getBoundingClientRect().right"
            " <= document.querySelector('.figure').getBoundingClientRect().right"
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_can_be_read_by_everybody(page: Page, url: str, writer: Writer, scheme: Any, width: int) -> None:
    """Contrast, names, and nothing wider than the screen; the order of the keyboard is that of the page."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, url)
    publish(writer, net("-12.00", "stale", "kalshi: no answer yet"))
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


def test_who_listens_is_told_what_changes_and_not_every_figure(page: Page, url: str, writer: Writer) -> None:
    """The first figure, then a grade that is another one; the rest is there to be read."""
    page.clock.install(
        time=writer.at + timedelta(seconds=3)
    )  # the sidecar's: with another it is silent at first
    opened(page, url)
    expect(page.get_by_role("status")).to_have_text("Net today: plus 5.00 dollars, final.")
    publish(writer, net("6.00"))
    expect(page.locator("#net")).to_have_text("+$6.00")
    page.clock.fast_forward(31_000)
    expect(page.get_by_role("status")).to_have_text("Net today: plus 5.00 dollars, final.")
    publish(writer, net("7.00", "estimated", "anthropic: not billed yet"))
    expect(page.get_by_role("status")).to_have_text("Net today: plus 7.00 dollars, estimated.")
    chart = page.locator("#chart")
    chart.focus()
    heard = chart.get_attribute("aria-valuetext")
    publish(writer, net("8.00", "estimated", "anthropic: not billed yet"))
    expect(page.locator("#net")).to_have_text("+$8.00")
    assert chart.get_attribute("aria-valuetext") == heard, "who rests on the chart is left in peace"
