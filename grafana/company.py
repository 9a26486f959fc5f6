"""Company P&L: what did we make, what is it made of, and can it be trusted?"""

from __future__ import annotations

from exporter.snapshot import COMPONENTS
from grafana import live, queries, words
from grafana.dashboard import Dashboard, Row, trust
from grafana.panels import Column, Panel, Query, about, day_bars, lines, link, stat, table
from grafana.words import AMOUNT, GAIN, USD

NET = "trading P&L + sales net + API cost (a cost is negative)"


def dashboard() -> Dashboard:
    """Return the dashboard that Grafana opens with."""
    return Dashboard(
        "company",
        "1 Company P&L",
        "What the company made: trading, sales and the API's cost, as one figure with its grade and age.",
        [
            trust(),
            Row(
                [
                    net_today(8),
                    net("mtd", 6),
                    net("7d", 5),
                    net("ytd", 5),
                ]
            ),
            Row([*(part(name).sized(6, 4) for name in PARTS), _room()]),
            Row([net_over_time(12), _parts_over_time()]),
            Row([statement(), sources()]),
            Row([days(), months()], "Days and months"),
            live.row(),
        ],
    )


def net_today(width: int, height: int = 5) -> Panel:
    """Return the answer: today's net with its sign."""
    return stat(
        "Net today",
        Query(queries.net("today")),
        about("What we made since midnight of the reporting zone.", formula=NET),
        unit=USD,
        decimals=2,
        steps=GAIN,
        width=width,
        height=height,
        links=[link("Trading", "trading"), link("Sales", "sales"), link("AI cost", "ai-cost")],
    )


def net(window: str, width: int) -> Panel:
    """Return the net of another window."""
    when = words.WINDOW_WORDS[window]
    return stat(
        f"Net, {when}",
        Query(queries.net(window)),
        about(f"What we made: {when}.", formula=NET),
        unit=USD,
        decimals=2,
        steps=GAIN,
        width=width,
        height=5,
    )


PARTS = {
    "Trading": (
        queries.TRADING,
        "trading",
        "What trading on Kalshi brought, after fees.",
        "realised + change of unrealised since the window's start - fees",
    ),
    "Sales net": (
        queries.SALES,
        "sales",
        "What sales brought, after refunds and payment processing.",
        "gross - refunds - processing",
    ),
    "API cost": (
        queries.API_COST,
        "ai-cost",
        "What the Anthropic API cost; negative.",
        "billed days + usage x list price of the days not billed yet",
    ),
}


def part(name: str) -> Panel:
    """Return one of the three sums that the net is made of, with its dashboard behind it."""
    pattern, where, what, formula = PARTS[name]
    return stat(
        f"{name}, $window",
        Query(queries.part(pattern)),
        about(what, formula=formula),
        unit=USD,
        decimals=2,
        steps=GAIN,
        width=8,
        links=[link(f"Open {name}", where)],
    )


def _room() -> Panel:
    return stat(
        "To the loss limit of today",
        Query(
            queries.or_nothing(
                'max(northstar_limit_usd{limit="loss_today"}) + max(northstar_pnl_net_usd{window="today"})'
            )
        ),
        about(
            "How much may still be lost today before the alert. NORTHSTAR_LIMIT_LOSS_TODAY_USD sets it.",
            formula="limit + net today",
        ),
        unit=USD,
        decimals=2,
        mappings=words.NO_LIMIT,
        steps=GAIN,
        width=6,
    )


def net_over_time(width: int, height: int = 8) -> Panel:
    """Return the net of the chosen window as a line."""
    return lines(
        "Net, $window, as it moved",
        [Query(queries.net(), "Net")],
        about("The net of the window at each moment. Below the dashed line we lost money.", formula=NET),
        unit=USD,
        width=width,
        height=height,
        zero=True,
    )


def _parts_over_time() -> Panel:
    return lines(
        "What it is made of, $window",
        [
            Query(queries.part(queries.TRADING), "Trading"),
            Query(queries.part(queries.SALES), "Sales net"),
            Query(queries.part(queries.API_COST), "API cost"),
        ],
        about(
            "Each part with the sign it has for us. The lines are not stacked: a part can be negative.",
            formula="sums of the components by name",
        ),
        unit=USD,
        colors=(words.BLUE, words.VIOLET, words.ORANGE),
        zero=True,
        links=[link("Trading", "trading"), link("Sales", "sales"), link("AI cost", "ai-cost")],
    )


def _line(window: str) -> str:
    return queries.with_net(
        f'max by (component) (northstar_pnl_component_usd{{window="{window}"}})',
        f'max(northstar_pnl_net_usd{{window="{window}"}})',
    )


def _line_grade(window: str) -> str:
    return queries.with_net(
        f'min by (component) (northstar_pnl_component_grade{{window="{window}"}})',
        f'min(northstar_pnl_grade{{window="{window}"}})',
    )


def statement() -> Panel:
    """Return the income statement: a line a component, a column a window."""
    return table(
        "Income statement",
        "component",
        [
            Column("Today, $", _line("today"), AMOUNT, decimals=2),
            Column("Grade", _line_grade("today"), words.WORD, words.GRADES, width=85),
            Column("This month, $", _line("mtd"), AMOUNT, decimals=2),
            Column("Grade, month", _line_grade("mtd"), words.WORD, words.GRADES, width=115),
            Column("This year, $", _line("ytd"), AMOUNT, decimals=2),
        ],
        about(
            "Signed contributions; they sum to the net exactly. A line without a figure says so.",
            formula=NET,
        ),
        heading="Component",
        names=words.COMPONENT_WORDS,
        order=queries.in_order("component", [*COMPONENTS, "net"], _line_grade("today")),
        width=14,
        height=11,
        first=205,
    )


def sources() -> Panel:
    """Return which source is down, and since when."""
    return table(
        "Sources, since when",
        "source",
        [
            Column("Last reading", queries.SOURCES_UP, words.WORD, words.ANSWERS),
            Column("Grade", "min by (source) (northstar_source_grade)", words.WORD, words.GRADES),
            Column(
                "Last success",
                "1000 * max by (source) (northstar_source_last_success_timestamp_seconds)",
                words.INSTANT,
            ),
        ],
        about("A source that fails keeps its last good figures; they get older, and stale beyond its limit."),
        heading="Source",
        width=10,
        height=11,
        first=110,
        links=[link("Pipeline", "pipeline")],
    )


def days() -> Panel:
    """Return what each of the last days came to, from before the first scrape, too."""
    return day_bars(
        "Net by day",
        Query(queries.DAY_NET, "Net"),
        about(
            "What each day of the reporting zone came to, as it is known now; today as far as it has gone. "
            "A day without a bar is missing, or before the first one.",
            source="past",
            formula=NET,
        ),
        since="90d",
        width=14,
        height=9,
    )


def months() -> Panel:
    """Return what the last twelve months that are over came to."""
    return table(
        "Months that are over",
        "month",
        [
            Column("Net, $", queries.month("net_usd"), AMOUNT, decimals=2),
            Column("Grade", queries.month_grade(), words.WORD, words.GRADES, width=85),
            Column("Trading, $", queries.month_part(queries.TRADING), AMOUNT, decimals=2),
            Column("Sales net, $", queries.month_part(queries.SALES), AMOUNT, decimals=2),
            Column("API cost, $", queries.month_part(queries.API_COST), AMOUNT, decimals=2),
        ],
        about(
            "What each month of the reporting zone came to, as it is known now: corrections included.",
            source="past",
            formula=NET,
        ),
        heading="Month",
        width=10,
        height=9,
        first=90,
        latest=12,
    )
