"""AI cost: what does the API cost, what of it is billed, and does it pay?"""

from __future__ import annotations

from grafana import queries, words
from grafana.dashboard import Dashboard, Row, trust
from grafana.panels import Column, Panel, Query, about, lines, stat, table
from grafana.words import AMOUNT, SHARE, USD, WINDOW_WORDS


def dashboard() -> Dashboard:
    """Return the dashboard of the API's cost."""
    return Dashboard(
        "ai-cost",
        "3 AI cost",
        "What the Anthropic API costs: billed, estimated until it is, and as a share of sales.",
        [
            trust(),
            Row(
                [
                    _cost(
                        "API cost, $window",
                        queries.or_nothing(queries.cost()),
                        "Billed and estimated cost together.",
                        "billed days + usage x list price of the others",
                    ),
                    _cost(
                        "Billed, $window",
                        f"-({queries.component('api_cost_billed')})",
                        "Cost of the UTC days that are billed.",
                        "the cost report's day totals",
                    ),
                    _cost(
                        "Estimated, $window",
                        f"-({queries.component('api_cost_estimated')})",
                        "Cost of the days that are not billed yet.",
                        "usage x list price",
                    ),
                    stat(
                        "Grade of the cost, $window",
                        Query(queries.parts_grade(queries.API_COST), now=True),
                        about(
                            "How certain the cost is; partial when usage has no price.",
                            formula="the worse of billed and estimated",
                        ),
                        unit=words.WORD,
                        mappings=words.GRADES,
                        width=4,
                    ),
                    stat(
                        "Share of sales, $window",
                        Query(queries.or_nothing(f"{queries.cost()} / ({queries.parts('sales_.+')} > 0)")),
                        about(
                            "What part of a dollar of net sales goes to the API.",
                            formula="API cost / sales net; no figure without sales",
                        ),
                        unit=SHARE,
                        decimals=1,
                        width=5,
                    ),
                ]
            ),
            Row([_over_time(), _by_day()]),
            Row([_windows(), _reading()]),
        ],
        since="now-24h",
    )


def _cost(title: str, query: str, what: str, formula: str) -> Panel:
    return stat(title, Query(query), about(what, formula=formula), unit=USD, decimals=2, width=5)


def _over_time() -> Panel:
    return lines(
        "Billed and estimated, $window",
        [
            Query(f"-({queries.component('api_cost_billed')})", "Billed"),
            Query(f"-({queries.component('api_cost_estimated')})", "Estimated"),
        ],
        about("A day moves from estimated to billed, whole, when its bill arrives.", formula="by component"),
        unit=USD,
        colors=(words.BLUE, words.ORANGE),
    )


def _by_day() -> Panel:
    return lines(
        "API cost, the last 24 hours and 7 days by day",
        [
            Query(queries.or_nothing(queries.cost("24h")), "24 hours"),
            Query(queries.or_nothing(f"{queries.cost('7d')} / 7"), "7 days, a day"),
        ],
        about("Today's pace against the week's.", formula="cost of 24 h; cost of 7 days / 7"),
        unit=USD,
        colors=(words.ORANGE, words.GREY),
    )


def _windows() -> Panel:
    def by_window(component: str) -> str:
        return f'-max by (window) (northstar_pnl_component_usd{{component="{component}"}})'

    return table(
        "API cost by window",
        "window",
        [
            Column("Billed, $", by_window("api_cost_billed"), AMOUNT, decimals=2),
            Column("Estimated, $", by_window("api_cost_estimated"), AMOUNT, decimals=2),
            Column(
                "Grade",
                'min by (window) (northstar_pnl_component_grade{component=~"api_cost_.+"})',
                words.WORD,
                words.GRADES,
            ),
        ],
        about("A day is billed or estimated, never both.", formula="by component"),
        heading="Window",
        names=WINDOW_WORDS,
        order=queries.WINDOWS_IN_ORDER,
        height=10,
    )


def _reading() -> Panel:
    return lines(
        "Requests to Anthropic",
        [
            Query(
                "sum by (outcome) (rate("
                'northstar_source_requests_total{source="anthropic"}[$__rate_interval]))',
                "{{outcome}}",
            )
        ],
        about("Reading costs and usage, by outcome.", source="health", formula="requests a second"),
        unit=words.PER_SECOND,
        height=10,
    )
