"""Sales and unit economics: what was sold and given back, what an order brings, what is left of a dollar."""

from __future__ import annotations

from collections.abc import Sequence

from grafana import queries, words
from grafana.dashboard import Dashboard, Row, trust
from grafana.panels import Column, Panel, Query, about, lines, link, stat, table
from grafana.words import AMOUNT, GAIN, ORDERS, SHARE, USD, WINDOW_WORDS, Json, Steps


def dashboard() -> Dashboard:
    """Return the dashboard of sales."""
    gross = queries.component("sales_gross")
    return Dashboard(
        "sales",
        "4 Sales and unit economics",
        "Sales with refunds and processing, what an order brings and costs, "
        "and what is left of each dollar after the API is paid.",
        [
            trust(),
            Row(
                [
                    _money(
                        "Sales, gross, $window",
                        gross,
                        "Price of the sales that are paid, without tax.",
                        "sum of paid sales, by the time of the sale",
                    ),
                    _money(
                        "Refunds, $window",
                        queries.component("sales_refunds"),
                        "Money given back; counts when it is given. Negative.",
                        "sum of refunds, by their time",
                    ),
                    _money(
                        "Processing, $window",
                        queries.component("sales_fees"),
                        "What payment processing cost. Negative.",
                        "sum of the fees of paid sales",
                    ),
                    _money(
                        "Sales net, $window",
                        queries.part(queries.SALES),
                        "What is left of sales.",
                        "gross - refunds - processing",
                    ),
                ]
            ),
            Row(_per_order()),
            Row(
                [
                    _share(
                        "Refunded, $window",
                        _of_gross("sales_refunds"),
                        "Refunds as a share of gross sales. "
                        "Beyond 1 in a window with more refunds than sales.",
                        "refunds / gross",
                    ),
                    _share(
                        "Processing, share, $window",
                        _of_gross("sales_fees"),
                        "Processing as a share of gross sales.",
                        "processing / gross",
                    ),
                    _share(
                        "API cost, share, $window",
                        f"{queries.cost()} / ({queries.gross()} > 0)",
                        "API cost as a share of gross sales.",
                        "API cost / gross",
                    ),
                    _share(
                        "Contribution margin, $window",
                        f"({queries.parts(queries.SALES)} - {queries.cost()}) / ({queries.gross()} > 0)",
                        "What is left of a dollar of sales after refunds, processing and the API.",
                        "(sales net - API cost) / gross",
                    ),
                ]
            ),
            Row([_orders_over_time(), _order_over_time()]),
            Row([_over_time(), _margin()]),
            Row([_orders_by_window()]),
            Row([_windows(), _booked()]),
        ],
        since="now-24h",
    )


def _money(title: str, query: str, what: str, formula: str) -> Panel:
    return stat(title, Query(query), about(what, formula=formula), unit=USD, decimals=2, steps=GAIN, width=6)


def _share(title: str, query: str, what: str, formula: str) -> Panel:
    about_it = about(what, formula=f"{formula}; no figure without sales")
    return stat(title, Query(queries.or_nothing(query)), about_it, unit=SHARE, decimals=1, width=6)


def _per_order() -> list[Panel]:
    none = "no figure without an order"
    return [
        _sold(
            "Orders, $window",
            "orders",
            "Paid sales, by the time they were made. A corrected one stays one, a cancelled one is none.",
            "number of paid sales",
            unit=ORDERS,
            decimals=0,
        ),
        _sold(
            "Average order, $window",
            "average_order_usd",
            "Price of an order, without tax.",
            f"gross / orders; {none}",
        ),
        _sold(
            "API cost per order, $window",
            "api_cost_per_order_usd",
            "What the API costs for each order, billed and estimated.",
            f"API cost / orders; {none}",
            links=[link("What the API costs", "ai-cost")],
        ),
        _sold(
            "Contribution per order, $window",
            "contribution_per_order_usd",
            "What is left of an order after refunds, processing and the API. "
            "Negative when it costs more than it brings.",
            f"(sales net - API cost) / orders; {none}",
            steps=GAIN,
        ),
        _sold(
            "Refund rate, $window",
            "refund_ratio",
            "Refunds given as a share of orders made; beyond 1 with more refunds than orders. "
            "*Refunded* is the same in money.",
            f"refunds / orders; {none}",
            unit=SHARE,
            decimals=1,
            width=4,
        ),
    ]


def _sold(
    title: str,
    figure: str,
    what: str,
    formula: str,
    *,
    unit: str = USD,
    decimals: int = 2,
    width: int = 5,
    steps: Steps = words.CALM,
    links: Sequence[Json] = (),
) -> Panel:
    about_it = about(what, formula=formula)
    query = Query(queries.sales(figure))
    return stat(title, query, about_it, unit=unit, decimals=decimals, width=width, steps=steps, links=links)


def _of_gross(component: str) -> str:
    return (
        f'-max(northstar_pnl_component_usd{{window="{queries.CHOSEN}",component="{component}"}})'
        f" / ({queries.gross()} > 0)"
    )


def _orders_over_time() -> Panel:
    return lines(
        "Orders and refunds, $window",
        [Query(queries.sales("orders"), "Orders"), Query(queries.sales("refunds"), "Refunds")],
        about(
            "How many sales the window had, and how many refunds were given in it.",
            formula="orders by the time they were made, refunds by the time they were given",
        ),
        unit=ORDERS,
        decimals=0,
        colors=(words.BLUE, words.ORANGE),
        zero=True,
    )


def _order_over_time() -> Panel:
    return lines(
        "An order, $window",
        [
            Query(queries.sales("average_order_usd"), "Average order"),
            Query(queries.sales("api_cost_per_order_usd"), "API cost"),
            Query(queries.sales("contribution_per_order_usd"), "Contribution"),
        ],
        about(
            "What an order brings, what the API costs for it, and what is left of it in the end.",
            formula="gross, API cost, and sales net - API cost; each / orders",
        ),
        unit=USD,
        colors=(words.BLUE, words.ORANGE, words.VIOLET),
        zero=True,
    )


def _over_time() -> Panel:
    return lines(
        "Sales, $window",
        [
            Query(queries.component("sales_gross"), "Gross"),
            Query(queries.component("sales_refunds"), "Refunds"),
            Query(queries.component("sales_fees"), "Processing"),
        ],
        about("The components of sales with the sign they have for us.", formula="by component"),
        unit=USD,
        colors=(words.BLUE, words.ORANGE, words.VIOLET),
        zero=True,
    )


def _margin() -> Panel:
    return lines(
        "Sales against the API, $window",
        [
            Query(queries.part(queries.SALES), "Sales net"),
            Query(queries.or_nothing(queries.cost()), "API cost"),
        ],
        about(
            "While the lower line stays below the upper one, the API pays for itself.",
            formula="sales net; API cost as a positive amount",
        ),
        unit=USD,
        colors=(words.BLUE, words.ORANGE),
    )


def _orders_by_window() -> Panel:
    def by_window(figure: str) -> str:
        return f"max by (window) (northstar_sales_{figure})"

    return table(
        "What an order brings and costs, by window",
        "window",
        [
            Column("Orders", by_window("orders"), ORDERS, decimals=0),
            Column("Refunds", by_window("refunds"), ORDERS, decimals=0),
            Column("Refund rate", by_window("refund_ratio"), SHARE, decimals=1),
            Column("Average order, $", by_window("average_order_usd"), AMOUNT, decimals=2),
            Column("API cost, $", by_window("api_cost_per_order_usd"), AMOUNT, decimals=2),
            Column("Contribution, $", by_window("contribution_per_order_usd"), AMOUNT, decimals=2),
            Column("Grade", "min by (window) (northstar_sales_per_order_grade)", words.WORD, words.GRADES),
        ],
        about(
            "What an order brings and costs. The grade is the worst of the row; a window without an order "
            "has neither.",
            formula="by window; each figure / orders",
        ),
        heading="Window",
        names=WINDOW_WORDS,
        order=queries.WINDOWS_IN_ORDER,
        width=24,
        height=10,
    )


def _windows() -> Panel:
    def by_window(component: str) -> str:
        return f'max by (window) (northstar_pnl_component_usd{{component="{component}"}})'

    return table(
        "Sales by window",
        "window",
        [
            Column("Gross, $", by_window("sales_gross"), AMOUNT, decimals=2),
            Column("Refunds, $", by_window("sales_refunds"), AMOUNT, decimals=2),
            Column("Processing, $", by_window("sales_fees"), AMOUNT, decimals=2),
            Column(
                "Grade",
                'min by (window) (northstar_pnl_component_grade{component=~"sales_.+"})',
                words.WORD,
                words.GRADES,
            ),
        ],
        about(
            "Calendar windows start at midnight of the reporting zone; each ends now.", formula="by component"
        ),
        heading="Window",
        names=WINDOW_WORDS,
        order=queries.WINDOWS_IN_ORDER,
        width=14,
        height=10,
    )


def _booked() -> Panel:
    return lines(
        "Sales booked",
        [Query('sum(increase(northstar_records_booked_total{kind="sale"}[5m])) or vector(0)', "Sales")],
        about(
            "New and corrected sales in the last five minutes.",
            source="health",
            formula="increase over 5 min",
        ),
        unit=words.COUNT,
        width=10,
        height=10,
    )
