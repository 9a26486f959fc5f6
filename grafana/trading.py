"""Trading: what was realised, what is at risk, and does it agree with the venue?"""

from __future__ import annotations

from grafana import queries, words
from grafana.dashboard import Dashboard, Row, trust
from grafana.panels import Column, Panel, Query, about, lines, stat, table
from grafana.words import AMOUNT, CALM, COUNT, GAIN, SHARE, USD

CASH = "max(northstar_venue_cash_usd)"


def dashboard() -> Dashboard:
    """Return the dashboard of trading."""
    return Dashboard(
        "trading",
        "2 Trading",
        "Trading on Kalshi: realised and unrealised P&L, fees, what is at risk, and whether the books agree.",
        [
            trust(),
            Row(
                [
                    _money(
                        "Trading, $window",
                        queries.part(queries.TRADING),
                        "Trading P&L after fees.",
                        "realised + change of unrealised - fees",
                    ),
                    _money(
                        "Realised, $window",
                        queries.component("trading_realised"),
                        "What closing fills and settlements brought, before fees.",
                        "proceeds - cost of what they closed",
                    ),
                    _money(
                        "Unrealised change, $window",
                        queries.component("trading_unrealised_change"),
                        "How the value of open contracts moved since the window's start.",
                        "unrealised now - unrealised at the start",
                    ),
                    _money(
                        "Fees, $window",
                        queries.component("trading_fees"),
                        "The venue's fees; negative.",
                        "sum of the fee of each fill",
                    ),
                ]
            ),
            Row(
                [
                    _now(
                        "Unrealised",
                        "northstar_unrealised_usd",
                        "Value of open contracts minus their cost.",
                        "mark x contracts - cost",
                        gain=True,
                    ),
                    _now(
                        "Exposure",
                        "northstar_exposure_usd",
                        "Cost of all open positions: the most that can still be lost.",
                        "sum of open cost",
                    ),
                    _now(
                        "Largest position",
                        "northstar_largest_position_usd",
                        "Cost of the largest position.",
                        "largest open cost",
                    ),
                    _ratio(
                        "Round trips won, $window",
                        "northstar_trading_win_ratio",
                        SHARE,
                        "Share of markets entered from flat and left again with a gain.",
                        "won / (won + lost + even)",
                    ),
                    _ratio(
                        "Profit factor, $window",
                        "northstar_trading_profit_factor",
                        COUNT,
                        "What was won for each dollar that was lost.",
                        "sum won / sum lost",
                    ),
                    _ratio(
                        "Deepest fall, $window",
                        "northstar_trading_max_drawdown_usd",
                        USD,
                        "Deepest fall of realised P&L after fees from a peak, by the hour.",
                        "max(peak - trough)",
                    ),
                ]
            ),
            Row([_pnl(), _risk()]),
            Row([_venue(), _fees()]),
            Row([_groups("series"), _groups("event")]),
            Row([_positions(), _checks()]),
        ],
    )


def _money(title: str, query: str, what: str, formula: str) -> Panel:
    return stat(title, Query(query), about(what, formula=formula), unit=USD, decimals=2, steps=GAIN, width=6)


def _now(title: str, metric: str, what: str, formula: str, *, gain: bool = False) -> Panel:
    return stat(
        title,
        Query(queries.or_nothing(f"max({metric})")),
        about(what, formula=formula),
        unit=USD,
        decimals=2,
        steps=GAIN if gain else CALM,
        width=4,
    )


def _ratio(title: str, metric: str, unit: str, what: str, formula: str) -> Panel:
    return stat(
        title,
        Query(queries.or_nothing(f'max({metric}{{window="{queries.CHOSEN}"}})')),
        about(what, formula=formula),
        unit=unit,
        decimals=0 if unit == SHARE else 2,
        width=4,
    )


def _pnl() -> Panel:
    return lines(
        "Trading P&L, $window",
        [
            Query(queries.component("trading_realised"), "Realised"),
            Query(queries.component("trading_unrealised_change"), "Unrealised change"),
            Query(queries.component("trading_fees"), "Fees"),
        ],
        about("The components of trading with the sign they have for us.", formula="by component"),
        unit=USD,
        colors=(words.BLUE, words.VIOLET, words.ORANGE),
        zero=True,
    )


def _risk() -> Panel:
    return lines(
        "At risk",
        [
            Query(queries.or_nothing("max(northstar_exposure_usd)"), "Exposure"),
            Query(queries.or_nothing("max(northstar_largest_position_usd)"), "Largest position"),
            Query(queries.or_nothing("max(northstar_unrealised_usd)"), "Unrealised"),
        ],
        about(
            "What open positions cost, the largest of them, and what they would bring or lose now.",
            formula="open cost; mark x contracts - cost",
        ),
        unit=USD,
        colors=(words.ORANGE, words.GREY, words.BLUE),
        zero=True,
    )


def _venue() -> Panel:
    return lines(
        "At the venue",
        [
            Query(
                queries.or_nothing(f"{CASH} + max(northstar_venue_portfolio_value_usd)"),
                "Equity",
            ),
            Query(queries.or_nothing(CASH), "Cash"),
            Query(queries.or_nothing("max(northstar_venue_paid_in_usd)"), "Paid in"),
        ],
        about(
            "By the venue's own statement. Equity above what was paid in is profit.",
            formula="equity = cash + open positions; paid in = deposits - withdrawals",
        ),
        unit=USD,
        colors=(words.BLUE, words.VIOLET, words.GREY),
    )


def _fees() -> Panel:
    return lines(
        "Fees as a share of realised P&L, $window",
        [
            Query(
                queries.or_nothing(f'max(northstar_trading_fee_ratio{{window="{queries.CHOSEN}"}})'), "Share"
            )
        ],
        about("What part of a gain goes to the venue.", formula="fees / realised before fees"),
        unit=SHARE,
        decimals=1,
    )


def _groups(level: str) -> Panel:
    def of(figure: str, window: str = "mtd") -> str:
        return f'max by ({level}) (northstar_{level}_{figure}{{window="{window}"}})'

    return table(
        f"By {level}, this month",
        level,
        [
            Column("Realised, $", of("realised_usd"), AMOUNT, words.IF_ANY, decimals=2, steps=GAIN),
            Column("Fees, $", of("fees_usd"), AMOUNT, words.IF_ANY, decimals=2),
            Column("Won", of("win_ratio"), SHARE, words.IF_ANY, decimals=0),
            Column("All time, $", of("realised_usd", "all"), AMOUNT, words.IF_ANY, decimals=2, steps=GAIN),
        ],
        about(
            f"Realised P&L before fees by {level}: the largest ones, the rest as other.",
            formula="sum over the markets of each",
        ),
        heading=level.capitalize(),
        largest="Realised, $",
        height=9,
    )


def _positions() -> Panel:
    return table(
        "Open positions",
        "market",
        [
            Column("Cost, $", "max by (market) (northstar_position_cost_usd)", AMOUNT, decimals=2),
            Column(
                "Unrealised, $",
                "max by (market) (northstar_position_unrealised_usd)",
                AMOUNT,
                decimals=2,
                steps=GAIN,
            ),
        ],
        about(
            "The twenty positions that move most, the rest as other. One without a mark has no figure.",
            formula="mark x contracts - cost",
        ),
        heading="Market",
        largest="Cost, $",
        height=10,
    )


def _checks() -> Panel:
    return table(
        "Truth checks",
        "check",
        [
            Column("State", "min by (check) (northstar_check_ok)", words.WORD, words.HOLDS),
            Column(
                "Off by, $",
                "max by (check) (northstar_check_difference_usd)",
                AMOUNT,
                words.IF_ANY,
                decimals=2,
            ),
            Column(
                "May be off by, $", "max by (check) (northstar_check_tolerance_usd)", AMOUNT, words.IF_ANY, 2
            ),
            Column(
                "Off by contracts",
                "max by (check) (northstar_check_difference_contracts)",
                words.CONTRACTS,
                words.IF_ANY,
            ),
        ],
        about(
            "Ours minus the venue's: cash, positions, cost, realised P&L, fees; and double entry.",
            formula="see docs/definitions.md",
        ),
        heading="Check",
        height=10,
    )
