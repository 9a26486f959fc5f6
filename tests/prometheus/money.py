"""When the alerts on money fire, when they are quiet, and when they are taken back."""

from __future__ import annotations

from collections.abc import Sequence

from tests.prometheus.rules import EXPORTER, Case, series, steps

LIMIT = "northstar_limit_usd"


def component(name: str, window: str) -> str:
    return series("northstar_pnl_component_usd", component=name, window=window)


def cost(window: str) -> str:
    return component("api_cost_estimated", window)


def billed(window: str) -> str:
    return component("api_cost_billed", window)


SPIKE = {
    series("northstar_limit_ratio", limit="cost_spike"): "2x60",
    series(LIMIT, limit="cost_spike"): "10x60",
    billed("24h"): "-10x60",
    billed("7d"): "-60x60",
}
REFUNDS = {
    series("northstar_limit_ratio", limit="refund_spike"): "3x60",
    series(LIMIT, limit="refund_spike"): "100x60",
}


def refunds(window: str) -> str:
    return component("sales_refunds", window)


WEEK = 7 * 24 * 12
"""Samples of a week, one every five minutes: what an instant query still sees."""


def sold(*per: tuple[int | None, int]) -> str:
    """Return gross sales that grow once in so many samples (0: never, None: nobody looks), for "
    "so many each."""
    values, total = [], 0
    for every, count in per:
        for sample in range(count):
            total += int(bool(every) and sample % (every or 1) == 0)
            values.append("_" if every is None else str(total))
    return " ".join(values)


def silence(
    says: str,
    sales: str,
    limit: float,
    *,
    quiet: Sequence[str] = (),
    fires: Sequence[str] = (),
    usual: int = 0,
    interval: str = "5m",
) -> Case:
    return Case(
        "NorthstarSalesSilent",
        says,
        {
            component("sales_gross", "all"): sales,
            series("northstar_limit_ratio", limit="sales_silent"): f"{limit}x{2 * WEEK}",
        },
        quiet,
        fires,
        {**EXPORTER, "source_kind": "sales"},
        f"No sale came in a time that usually brings {usual}.",
        interval=interval,
        evaluation=interval,
    )


CASES = [
    Case(
        "NorthstarLossOverLimit",
        "fires two minutes after the loss is more than the limit, not when it equals it",
        {
            series("northstar_pnl_net_usd", window="today"): steps((-100, 10), (-100.01, 10), (-100, 10)),
            series("northstar_pnl_net_usd", window="7d"): "-500x30",
            series(LIMIT, limit="loss_today"): "100x30",
        },
        ["9m", "11m", "20m"],
        ["12m", "19m"],
        summary="Today's net is -100.01 USD, a loss over the limit.",
        description="The limit is 100.00 USD (NORTHSTAR_LIMIT_LOSS_TODAY_USD). The page shows which part "
        "lost it.",
    ),
    Case(
        "NorthstarLossOverLimit",
        "is off while no limit is set, however large the loss",
        {
            series("northstar_pnl_net_usd", window="today"): "-1000000x30",
            series(LIMIT, limit="balance"): "1x30",
        },
        ["5m", "30m"],
    ),
    Case(
        "NorthstarLossOverLimit",
        "is not taken back because the exporter stops answering",
        {
            series("northstar_pnl_net_usd", window="today"): steps((-101, 10), ("stale", 60), (-99, 10)),
            series(LIMIT, limit="loss_today"): steps((100, 10), ("stale", 60), (100, 10)),
            series("northstar_snapshot_timestamp_seconds"): steps((1, 10), ("stale", 60), (1, 10)),
        },
        ["1m", "70m"],
        ["9m", "12m", "69m"],
        summary="Today's net is -101.00 USD, a loss over the limit.",
        description="The limit is 100.00 USD (NORTHSTAR_LIMIT_LOSS_TODAY_USD). The page shows which part "
        "lost it.",
    ),
    Case(
        "NorthstarLossOverLimit",
        "outlives a figure that goes missing until the alert on that fires, and no longer",
        {
            series("northstar_pnl_net_usd", window="today"): steps((-101, 10), ("stale", 60)),
            series(LIMIT, limit="loss_today"): "100x70",
            series("northstar_snapshot_timestamp_seconds"): "1x70",
        },
        ["1m", "20m"],
        ["9m", "18m"],
        summary="Today's net is -101.00 USD, a loss over the limit.",
        description="The limit is 100.00 USD (NORTHSTAR_LIMIT_LOSS_TODAY_USD). "
        "The page shows which part lost it.",
    ),
    Case(
        "NorthstarDrawdownOverLimit",
        "fires when the deepest fall of 7 days is more than the limit",
        {
            series("northstar_trading_max_drawdown_usd", window="7d"): steps(
                (200, 10), (200.01, 10), (200, 10)
            ),
            series("northstar_trading_max_drawdown_usd", window="all"): "900x30",
            series(LIMIT, limit="drawdown"): "200x30",
        },
        ["9m", "11m", "20m"],
        ["12m", "19m"],
        {**EXPORTER, "source_kind": "venue"},
        "Realised trading P&L fell by 200.01 USD from a peak of the last 7 days.",
        "The limit is 200.00 USD (NORTHSTAR_LIMIT_DRAWDOWN_USD).",
    ),
    Case(
        "NorthstarBalanceLow",
        "fires when cash is less than the limit",
        {
            series("northstar_venue_cash_usd"): steps((500, 10), (499.99, 10), (500, 10)),
            series(LIMIT, limit="balance"): "500x30",
        },
        ["9m", "11m", "20m"],
        ["12m", "19m"],
        {**EXPORTER, "source_kind": "venue"},
        "Cash at the venue is 499.99 USD, less than the limit.",
        "The limit is 500.00 USD (NORTHSTAR_LIMIT_BALANCE_USD). Orders are refused when it is used up.",
    ),
    Case(
        "NorthstarPositionBig",
        "fires when the largest position cost more than the limit",
        {
            series("northstar_largest_position_usd"): steps((1000, 10), (1000.01, 10), (1000, 10)),
            series(LIMIT, limit="position"): "1000x30",
        },
        ["9m", "11m", "20m"],
        ["12m", "19m"],
        {**EXPORTER, "source_kind": "venue"},
        "One position cost 1000.01 USD, more than the limit.",
        "The limit is 1000.00 USD (NORTHSTAR_LIMIT_POSITION_USD). All of it is lost if the "
        "market goes the other way.",
    ),
    Case(
        "NorthstarApiCostSpike",
        "fires on more than twice the average of the six days before, while no weekday is known",
        {
            **SPIKE,
            cost("24h"): steps((-10, 10), (-10.01, 20), (-10, 20)),
            cost("7d"): steps((-20, 10), (-20.01, 20), (-20, 20)),
        },
        ["9m", "24m", "30m"],
        ["25m", "29m"],
        {**EXPORTER, "source_kind": "api_cost"},
        "24 hours of API cost 20.01 USD, far more than the same weekday.",
        "Usual is 10.00 USD. NORTHSTAR_LIMIT_COST_SPIKE_RATIO says how many times that is a spike, "
        "NORTHSTAR_LIMIT_COST_SPIKE_USD from how many dollars on.",
    ),
    Case(
        "NorthstarApiCostSpike",
        "does not fire below the floor, however little is usual",
        {
            **SPIKE,
            billed("24h"): "0x60",
            billed("7d"): "0x60",
            cost("24h"): steps((-10, 30), (-10.01, 20), (-10, 10)),
            cost("7d"): steps((-16, 30), (-16.01, 20), (-16, 10)),
        },
        ["29m", "44m", "50m"],
        ["45m", "49m"],
        {**EXPORTER, "source_kind": "api_cost"},
        "24 hours of API cost 10.01 USD, far more than the same weekday.",
        "Usual is 1.00 USD. NORTHSTAR_LIMIT_COST_SPIKE_RATIO says how many times that is a spike, "
        "NORTHSTAR_LIMIT_COST_SPIKE_USD from how many dollars on.",
    ),
    Case(
        "NorthstarApiCostSpike",
        "goes by the same weekday as soon as it is known",
        {
            series("northstar_limit_ratio", limit="cost_spike"): f"2x{2 * WEEK}",
            series(LIMIT, limit="cost_spike"): f"10x{2 * WEEK}",
            billed("24h"): steps((0, 48), (None, WEEK - 48), (0, 48)),
            billed("7d"): steps((0, 48), (None, WEEK - 48), (0, 48)),
            cost("24h"): steps((-20, 48), (None, WEEK - 48), (-40, 12), (-40.02, 12), (-40, 12)),
            cost("7d"): steps((-80, 48), (None, WEEK - 48), (-46, 36)),
        },
        ["168h55m", "169h10m", "170h"],
        ["169h15m", "169h55m"],
        {**EXPORTER, "source_kind": "api_cost"},
        "24 hours of API cost 40.02 USD, far more than the same weekday.",
        "Usual is 20.00 USD. NORTHSTAR_LIMIT_COST_SPIKE_RATIO says how many times that is a spike, "
        "NORTHSTAR_LIMIT_COST_SPIKE_USD from how many dollars on.",
        interval="5m",
        evaluation="5m",
    ),
    Case(
        "NorthstarRefundSpike",
        "fires on more than three times an average day",
        {
            **REFUNDS,
            refunds("24h"): steps((-300, 10), (-300.01, 10), (-300, 10)),
            refunds("30d"): steps((-3200, 10), (-3200.01, 10), (-3200, 10)),
        },
        ["9m", "14m", "20m"],
        ["15m", "19m"],
        {**EXPORTER, "source_kind": "sales"},
        "24 hours of refunds come to 300.01 USD, far more than on an average day.",
        "An average day of the last 30 has 100.00 USD. NORTHSTAR_LIMIT_REFUND_SPIKE_RATIO says "
        "how many times that "
        "is a spike, NORTHSTAR_LIMIT_REFUND_SPIKE_USD from how many dollars on.",
    ),
    Case(
        "NorthstarRefundSpike",
        "does not fire below the floor, also when nothing was ever given back",
        {
            **REFUNDS,
            refunds("24h"): steps((-100, 20), (-100.01, 10), (-100, 10)),
            refunds("30d"): steps((-100, 20), (-100.01, 10), (-100, 10)),
        },
        ["19m", "24m", "30m"],
        ["25m", "29m"],
        {**EXPORTER, "source_kind": "sales"},
        "24 hours of refunds come to 100.01 USD, far more than on an average day.",
        "An average day of the last 30 has 0.00 USD. NORTHSTAR_LIMIT_REFUND_SPIKE_RATIO says how "
        "many times that "
        "is a spike, NORTHSTAR_LIMIT_REFUND_SPIKE_USD from how many dollars on.",
    ),
    silence(
        "fires after an hour that usually brings twelve",
        sold((1, 26 * 12), (None, 165 * 12), (1, 12), (0, 24), (1, 12)),
        11.9,
        quiet=["192h50m", "192h55m", "194h"],
        fires=["193h", "193h55m"],
        usual=12,
    ),
    silence(
        "is quiet where the usual number is just the limit",
        sold((1, 26 * 12), (None, 165 * 12), (1, 12), (0, 24)),
        12,
        quiet=["193h", "193h55m"],
    ),
    silence(
        "goes by yesterday in the first week",
        sold((1, 26 * 12), (0, 24)),
        11.9,
        quiet=["26h50m", "26h55m"],
        fires=["27h", "27h55m"],
        usual=12,
    ),
    silence(
        "fires after six hours where an hour usually brings too few to tell",
        sold((2, 120), (None, 240), (2, 24), (0, 14), (2, 4)),
        5.9,
        quiet=["196h30m", "197h", "199h"],
        fires=["197h30m", "198h30m"],
        usual=6,
        interval="30m",
    ),
    silence(
        "fires after a day where six hours usually bring too few",
        sold((8, 120), (None, 240), (8, 24), (0, 50), (8, 4)),
        5.9,
        quiet=["211h30m", "212h", "217h"],
        fires=["212h30m", "216h30m"],
        usual=6,
        interval="30m",
    ),
    silence(
        "is quiet after six hours where the usual number is just the limit",
        sold((2, 120), (None, 240), (2, 24), (0, 14)),
        6,
        quiet=["197h30m", "198h30m"],
        interval="30m",
    ),
    silence(
        "is quiet after a day where the usual number is just the limit",
        sold((8, 120), (None, 240), (8, 24), (0, 50)),
        6,
        quiet=["212h30m", "216h30m"],
        interval="30m",
    ),
    silence(
        "goes on firing on the second day",
        sold((1, 120), (None, 260), (1, 4), (0, 60)),
        1.9,
        fires=["217h", "221h"],
        usual=2,
        interval="30m",
    ),
    silence(
        "is quiet on a Sunday that is as quiet as the last one, after a busy Saturday",
        sold((1, 48), (0, 48), (None, 240), (1, 48), (0, 48)),
        1,
        quiet=["193h30m", "198h30m", "215h30m"],
        interval="30m",
    ),
    *(
        Case(
            alert,
            f"fires when {word} of the budget are spent",
            {
                series("northstar_api_budget_used_ratio", budget="total"): steps(
                    (level - 0.001, 10), (level, 10), (level - 0.001, 20)
                ),
            },
            ["9m", "14m", "20m"],
            ["15m", "19m"],
            {**EXPORTER, "budget": "total"},
            f"{word} of the API budget total of this month are spent.",
        )
        for alert, level, word in (
            ("NorthstarBudgetSpent", 1, "100%"),
            ("NorthstarBudgetAlmostSpent", 0.8, "80%"),
            ("NorthstarBudgetHalfSpent", 0.5, "50%"),
        )
    ),
    Case(
        "NorthstarBudgetForecastOver",
        "fires when there is a day on which the budget will be gone, until it is",
        {
            series("northstar_api_budget_gone_timestamp_seconds", budget="total"): "_x10 1795500000x190",
            series("northstar_api_budget_used_ratio", budget="total"): steps((0.99, 120), (1, 80)),
        },
        ["9m", "69m", "120m"],
        ["70m", "119m"],
        {**EXPORTER, "budget": "total"},
        "At the present pace the API budget total is used up on 24 November.",
    ),
]
