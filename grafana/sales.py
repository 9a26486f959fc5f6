"""Sales and unit economics: what was sold, what was given back, what is left of a dollar."""

from __future__ import annotations

from grafana import queries, words
from grafana.dashboard import Dashboard, Row, trust
from grafana.panels import Column, Panel, Query, about, lines, stat, table
from grafana.words import AMOUNT, GAIN, SHARE, USD, WINDOW_WORDS


def dashboard() -> Dashboard:
    """Return the dashboard of sales."""
    gross = queries.component("sales_gross")
    return Dashboard(
        "sales",
        "4 Sales and unit economics",
        "Sales with refunds and processing, and what is left of each dollar after the API is paid.",
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
            Row([_over_time(), _margin()]),
            Row([_windows(), _booked()]),
        ],
        since="now-24h",
    )


def _money(title: str, query: str, what: str, formula: str) -> Panel:
    return stat(title, Query(query), about(what, formula=formula), unit=USD, decimals=2, steps=GAIN, width=6)


def _share(title: str, query: str, what: str, formula: str) -> Panel:
    about_it = about(what, formula=f"{formula}; no figure without sales")
    return stat(title, Query(queries.or_nothing(query)), about_it, unit=SHARE, decimals=1, width=6)


def _of_gross(component: str) -> str:
    return (
        f'-max(northstar_pnl_component_usd{{window="{queries.CHOSEN}",component="{component}"}})'
        f" / ({queries.gross()} > 0)"
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
        [Query('sum(increase(northstar_records_booked_total{source="sales"}[5m])) or vector(0)', "Sales")],
        about(
            "New and corrected sales in the last five minutes.",
            source="health",
            formula="increase over 5 min",
        ),
        unit=words.COUNT,
        width=10,
        height=10,
    )
