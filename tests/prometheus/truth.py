"""When the alerts on truth fire, when they are quiet, and when they are taken back."""

from __future__ import annotations

from tests.prometheus.rules import EXPORTER, Case, series, steps

KALSHI = {**EXPORTER, "source": "kalshi"}


def grade(component: str, window: str) -> str:
    return series("northstar_pnl_component_grade", component=component, window=window)


CASES = [
    Case(
        "NorthstarSourceStale",
        "fires two minutes after a source is stale, and not while it is merely partial",
        {series("northstar_source_grade", source="kalshi"): steps((2, 10), (1, 10), (2, 10))},
        ["9m", "11m", "20m"],
        ["12m", "19m"],
        KALSHI,
        "The figures of kalshi are stale.",
        "kalshi has not answered completely for longer than its freshness limit. The last good "
        "figures are shown "
        "with their age; what happened since is in no figure.",
    ),
    Case(
        "NorthstarSourceStale",
        "calls a source by its title, and says of which kind it is",
        {
            series("northstar_source_grade", source="hedge"): "1x10",
            series("northstar_source_info", source="hedge", title="Kalshi (hedge)", kind="venue"): "1x10",
        },
        ["1m"],
        ["2m"],
        {**EXPORTER, "source": "hedge", "title": "Kalshi (hedge)", "source_kind": "venue"},
        "The figures of Kalshi (hedge) are stale.",
        "Kalshi (hedge) has not answered completely for longer than its freshness limit. The last good "
        "figures are shown "
        "with their age; what happened since is in no figure.",
    ),
    Case(
        "NorthstarSourceStale",
        "says so when a source never answered",
        {series("northstar_source_grade", source="sales"): "0x10"},
        ["1m"],
        ["2m"],
        {**EXPORTER, "source": "sales"},
        "The figures of sales are missing.",
        "sales has not answered completely for longer than its freshness limit. The last good "
        "figures are shown "
        "with their age; what happened since is in no figure.",
    ),
    Case(
        "NorthstarFigureMissing",
        "fires once for a component, in whatever windows it is missing",
        {
            grade("sales_gross", "today"): steps((1, 10), (0, 10), (1, 10)),
            grade("sales_gross", "7d"): steps((1, 10), (0, 10), (1, 10)),
            grade("trading_fees", "7d"): "4x30",
        },
        ["9m", "14m", "20m"],
        ["15m", "19m"],
        {**EXPORTER, "component": "sales_gross", "source_kind": "sales"},
        "sales_gross has no figure, and so the net has none.",
    ),
    Case(
        "NorthstarFigureMissing",
        "knows whose figure it is",
        {grade("trading_realised", "today"): "0x10", grade("api_cost_billed", "today"): "1x10"},
        ["4m"],
        ["5m"],
        {**EXPORTER, "component": "trading_realised", "source_kind": "venue"},
        "trading_realised has no figure, and so the net has none.",
    ),
    Case(
        "NorthstarFigureMissing",
        "fires when the exporter answers without any figure",
        {
            series("up"): "1x30",
            series("northstar_pnl_grade", window="today"): steps((4, 10), ("stale", 10), (0, 10)),
        },
        ["9m", "14m", "20m"],
        ["15m", "19m"],
        EXPORTER,
        "The exporter answers without any figure.",
    ),
    Case(
        "NorthstarFigureMissing",
        "leaves an exporter that is down to its own alert",
        {series("up"): "0x30"},
        ["5m", "30m"],
    ),
    Case(
        "NorthstarCheckFails",
        "fires after a quarter of an hour, with what the check is off by",
        {
            series("northstar_check_ok", check="cash"): steps((1, 10), (0, 20), (1, 10)),
            series("northstar_check_difference_usd", check="cash"): "-12.5x40",
            series("northstar_check_ok", check="balanced"): "0x40",
        },
        ["9m", "24m", "30m"],
        ["25m", "29m"],
        {**EXPORTER, "source_kind": "venue", "check": "cash"},
        "Our books differ from the venue's: the check cash fails, by -12.50 USD.",
    ),
    Case(
        "NorthstarBooksOutOfBalance",
        "fires when the check of double entry fails",
        {
            series("northstar_check_ok", check="balanced"): steps((1, 10), (0, 10), (1, 10)),
            series("northstar_check_ok", check="cash"): "0x30",
        },
        ["9m", "10m", "20m"],
        ["11m", "19m"],
        {**EXPORTER, "check": "balanced"},
    ),
    Case(
        "NorthstarBooksOutOfBalance",
        "fires while snapshots are refused",
        {series("northstar_snapshots_refused_total"): "0x9 1+0x20"},
        ["9m", "10m", "16m"],
        ["11m", "14m"],
        EXPORTER,
    ),
    Case(
        "NorthstarSchemaDrift",
        "fires on the first answer of another shape, and ends when the source is read again",
        {
            series("northstar_source_malformed_total", source="sales", field="total"): "_x10 1x20",
            series("northstar_source_up", source="sales"): steps((1, 10), (0, 10), (1, 10)),
        },
        ["9m", "10m", "20m"],
        ["11m", "19m"],
        {**EXPORTER, "source": "sales", "field": "total"},
        "sales answers in another shape: total is not as agreed.",
    ),
    Case(
        "NorthstarSchemaDrift",
        "fires when it happens again, long after the first time",
        {
            series("northstar_source_malformed_total", source="sales", field="total"): "1x39 2x30",
            series("northstar_source_up", source="sales"): steps((0, 80)),
        },
        ["20m", "39m", "40m", "56m"],
        ["41m", "53m"],
        {**EXPORTER, "source": "sales", "field": "total"},
        "sales answers in another shape: total is not as agreed.",
    ),
    Case(
        "NorthstarSchemaDrift",
        "is quiet when a source fails for another reason",
        {
            series("northstar_source_malformed_total", source="sales", field="total"): "1x60",
            series("northstar_source_up", source="sales"): "0x60",
        },
        ["20m", "60m"],
    ),
    Case(
        "NorthstarSchemaDrift",
        "fires on a field of the live feed, and not on frames that are merely late",
        {
            series(
                "northstar_live_dropped_total", source="kalshi", reason="ticker.yes_bid"
            ): "0x9 1+1x9 10x20",
            series("northstar_live_dropped_total", source="kalshi", reason="late"): "0+5x40",
        },
        ["9m", "10m", "25m"],
        ["11m", "19m"],
        {**KALSHI, "reason": "ticker.yes_bid"},
        "kalshi answers in another shape: ticker.yes_bid is not as agreed.",
    ),
    Case(
        "NorthstarUsageUnpriced",
        "fires when tokens of a model have had no price for an hour",
        {
            series("northstar_api_unpriced_tokens", model="claude-nova-1", reason="no_price"): steps(
                (0, 10), (1200, 80), (0, 10)
            ),
        },
        ["9m", "69m", "90m"],
        ["70m", "89m"],
        {**EXPORTER, "source_kind": "api_cost", "model": "claude-nova-1", "reason": "no_price"},
        "1.2k tokens of claude-nova-1 have no price: no_price.",
    ),
    *(
        Case(
            "NorthstarEstimateDrift",
            f"fires when the bill is {word} than the estimate by more than the limit",
            {
                series("northstar_api_cost_drift_ratio"): steps(
                    (sign * 0.1, 10), (sign * 0.101, 80), (sign * 0.1, 10)
                ),
                series("northstar_limit_ratio", limit="cost_drift"): "0.1x100",
            },
            ["9m", "69m", "90m"],
            ["70m", "89m"],
            {**EXPORTER, "source_kind": "api_cost"},
            "The bill of the newest final day differs by 10.1% from our estimate of it.",
        )
        for sign, word in ((1, "higher"), (-1, "lower"))
    ),
    Case(
        "NorthstarRowsAside",
        "fires when a row cannot be read for a quarter of an hour",
        {
            series(
                "northstar_source_rows_aside", source="kalshi", list="fills", field="fills.fee_cost"
            ): steps((0, 10), (1, 30), (0, 10))
        },
        ["9m", "24m", "40m"],
        ["25m", "39m"],
        {**KALSHI, "list": "fills", "field": "fills.fee_cost"},
        "1 rows of the fills of kalshi are set aside: fills.fee_cost is odd.",
    ),
    Case(
        "NorthstarHistoryGap",
        "fires when a gap stays for half an hour",
        {series("northstar_history_gap_seconds", source="kalshi"): steps((0, 10), (7200, 40), (0, 10))},
        ["9m", "39m", "50m"],
        ["40m", "49m"],
        KALSHI,
        "2h 0m 0s of the past of kalshi are missing.",
    ),
    *(
        Case(
            alert,
            "is not taken back because the exporter stops answering",
            {
                series(name, **labels): steps((value, 60), ("stale", 60)),
                series("northstar_limit_usd", limit=limit): steps((100, 60), ("stale", 60)),
                series("northstar_snapshot_timestamp_seconds"): steps((1, 60), ("stale", 60)),
            },
            ["0m"],
            ["58m", "68m", "110m"],
            {
                **EXPORTER,
                **({} if "source" in labels else {"source_kind": "venue"}),
                **{key: text for key, text in labels.items() if key != "window"},
            },
            summary,
            description,
        )
        for alert, name, labels, value, limit, summary, description in (
            (
                "NorthstarDrawdownOverLimit",
                "northstar_trading_max_drawdown_usd",
                {"window": "7d"},
                101,
                "drawdown",
                "Realised trading P&L fell by 101.00 USD from a peak of the last 7 days.",
                "The limit is 100.00 USD (NORTHSTAR_LIMIT_DRAWDOWN_USD).",
            ),
            (
                "NorthstarBalanceLow",
                "northstar_venue_cash_usd",
                {},
                99,
                "balance",
                "Cash at the venue is 99.00 USD, less than the limit.",
                "The limit is 100.00 USD (NORTHSTAR_LIMIT_BALANCE_USD). Orders are refused when "
                "it is used up.",
            ),
            (
                "NorthstarPositionBig",
                "northstar_largest_position_usd",
                {},
                101,
                "position",
                "One position cost 101.00 USD, more than the limit.",
                "The limit is 100.00 USD (NORTHSTAR_LIMIT_POSITION_USD). All of it is lost if "
                "the market goes the "
                "other way.",
            ),
            (
                "NorthstarSourceStale",
                "northstar_source_grade",
                {"source": "kalshi"},
                1,
                "",
                "The figures of kalshi are stale.",
                "kalshi has not answered completely for longer than its freshness limit. The "
                "last good figures are "
                "shown with their age; what happened since is in no figure.",
            ),
            (
                "NorthstarCheckFails",
                "northstar_check_ok",
                {"check": "cash"},
                0,
                "",
                "Our books differ from the venue's: the check cash fails.",
                None,
            ),
            (
                "NorthstarRowsAside",
                "northstar_source_rows_aside",
                {"source": "kalshi", "list": "fills", "field": "fills.fee_cost"},
                2,
                "",
                "2 rows of the fills of kalshi are set aside: fills.fee_cost is odd.",
                None,
            ),
            (
                "NorthstarHistoryGap",
                "northstar_history_gap_seconds",
                {"source": "kalshi"},
                3600,
                "",
                "1h 0m 0s of the past of kalshi are missing.",
                None,
            ),
        )
    ),
]
