"""Every metric of the exporter in one table: name, kind, help, labels. Code, docs and tests read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as a scrape shows it; a counter's name carries its `_total`.

    `path` says where in the snapshot it is read (exporter/metrics/path.py); None where that takes a rule, or
    where it is not of the snapshot.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram", "info"]
    help: str
    labels: tuple[str, ...] = ()
    path: str | None = None


GRADES = "4 final, 3 estimated, 2 partial, 1 stale, 0 missing"

SALES = (
    Metric(
        "northstar_sales_orders",
        "gauge",
        "Paid sales that were made in the window.",
        ("window",),
        path="sales.{window}.orders",
    ),
    Metric(
        "northstar_sales_refunds",
        "gauge",
        "Refunds that were given in the window.",
        ("window",),
        path="sales.{window}.refunds",
    ),
    Metric(
        "northstar_sales_average_order_usd",
        "gauge",
        "Gross sales divided by orders; no sample without an order.",
        ("window",),
        path="sales.{window}.per_order.average_order.value",
    ),
    Metric(
        "northstar_sales_api_cost_per_order_usd",
        "gauge",
        "API cost divided by orders.",
        ("window",),
        path="sales.{window}.per_order.api_cost_per_order.value",
    ),
    Metric(
        "northstar_sales_contribution_per_order_usd",
        "gauge",
        "Sales after refunds, processing and API cost, divided by orders.",
        ("window",),
        path="sales.{window}.per_order.contribution_per_order.value",
    ),
    Metric(
        "northstar_sales_refund_ratio",
        "gauge",
        "Refunds given divided by orders of the window.",
        ("window",),
        path="sales.{window}.per_order.refund_ratio.value",
    ),
    Metric(
        "northstar_sales_per_order_grade",
        "gauge",
        f"Grade of each figure per order: {GRADES}.",
        ("window", "figure"),
        path="sales.{window}.per_order.{figure}.grade",
    ),
)

API_COST = (
    Metric(
        "northstar_api_cost_by_model_usd",
        "gauge",
        "API cost by model, positive: the dearest of 30 days, the rest as other; `none` names no model.",
        ("window", "model"),
        path="api_cost.windows.{window}.by.model.{model}",
    ),
    Metric(
        "northstar_api_cost_by_workspace_usd",
        "gauge",
        "API cost by workspace, positive.",
        ("window", "workspace"),
        path="api_cost.windows.{window}.by.workspace.{workspace}",
    ),
    Metric(
        "northstar_api_cost_by_kind_usd",
        "gauge",
        "API cost by kind of token, or by cost type where it is not for tokens.",
        ("window", "kind"),
        path="api_cost.windows.{window}.by.kind.{kind}",
    ),
    Metric(
        "northstar_api_cost_by_tier_usd",
        "gauge",
        "API cost by service tier; `none` is not for tokens.",
        ("window", "tier"),
        path="api_cost.windows.{window}.by.tier.{tier}",
    ),
    Metric(
        "northstar_api_cost_allocated_usd",
        "gauge",
        "API cost by key: allocated by the tokens each used, for no bill says.",
        ("window", "api_key"),
        path="api_cost.windows.{window}.by.api_key.{api_key}",
    ),
    Metric(
        "northstar_api_cost_estimate_low_usd",
        "gauge",
        "Lower bound of what is not billed yet: what is booked.",
        ("window",),
        path="api_cost.windows.{window}.estimated.low",
    ),
    Metric(
        "northstar_api_cost_estimate_high_usd",
        "gauge",
        "Upper bound of what is not billed yet.",
        ("window",),
        path="api_cost.windows.{window}.estimated.high",
    ),
    Metric(
        "northstar_api_tokens",
        "gauge",
        "Tokens used, by kind.",
        ("window", "kind"),
        path="api_cost.windows.{window}.tokens.kind.{kind}",
    ),
    Metric(
        "northstar_api_model_tokens",
        "gauge",
        "Tokens used, by model.",
        ("window", "model"),
        path="api_cost.windows.{window}.tokens.model.{model}",
    ),
    Metric(
        "northstar_api_unpriced_tokens",
        "gauge",
        "Tokens of unbilled days that no list price is known for, and why.",
        ("model", "reason"),
        path="api_cost.unpriced.[].tokens",
    ),
    Metric(
        "northstar_api_cache_hit_ratio",
        "gauge",
        "Tokens read from a cache as a share of all tokens of prompts.",
        ("window",),
        path="api_cost.windows.{window}.cache.hit_ratio",
    ),
    Metric(
        "northstar_api_cache_saved_usd",
        "gauge",
        "What the cache saved by list price, less what it cost to write.",
        ("window",),
        path="api_cost.windows.{window}.cache.saved_usd",
    ),
    Metric(
        "northstar_api_cost_drift_day_timestamp_seconds",
        "gauge",
        "Start of the newest day whose bill is final and was estimated.",
        path="api_cost.drift.day",
    ),
    Metric(
        "northstar_api_cost_drift_usd",
        "gauge",
        "Bill of that day minus its estimate, for what could be estimated.",
        path="api_cost.drift.usd",
    ),
    Metric(
        "northstar_api_cost_drift_ratio",
        "gauge",
        "That drift as a share of the bill.",
        path="api_cost.drift.ratio",
    ),
    Metric(
        "northstar_api_cost_model_drift_usd",
        "gauge",
        "The drift by model; web searches have a row of their own.",
        ("model",),
        path="api_cost.drift.models.{model}.usd",
    ),
    Metric(
        "northstar_api_cost_model_drift_ratio",
        "gauge",
        "The drift by model as a share of its bill.",
        ("model",),
        path="api_cost.drift.models.{model}.ratio",
    ),
    Metric(
        "northstar_api_cost_unestimated_usd",
        "gauge",
        "What of that day's bill usage cannot show, or has no list price.",
        path="api_cost.drift.unestimated",
    ),
    Metric(
        "northstar_api_cost_burn_rate_usd",
        "gauge",
        "Average cost of the last seven finished days that are known.",
        path="api_cost.burn_rate.usd_per_day",
    ),
    Metric(
        "northstar_api_cost_forecast_usd",
        "gauge",
        "What this calendar month is expected to cost.",
        path="api_cost.forecast.mid",
    ),
    Metric(
        "northstar_api_cost_forecast_low_usd",
        "gauge",
        "The same, at the lower end of the range of the days behind.",
        path="api_cost.forecast.low",
    ),
    Metric(
        "northstar_api_cost_forecast_high_usd",
        "gauge",
        "The same, at the upper end of the range of the days behind.",
        path="api_cost.forecast.high",
    ),
    Metric(
        "northstar_api_budget_usd",
        "gauge",
        "Budget of a calendar month: `total`, or that of a workspace.",
        ("budget",),
        path="api_cost.budgets.{budget}.usd",
    ),
    Metric(
        "northstar_api_budget_spent_usd",
        "gauge",
        "What of the budget is spent.",
        ("budget",),
        path="api_cost.budgets.{budget}.spent",
    ),
    Metric(
        "northstar_api_budget_used_ratio",
        "gauge",
        "The same as a share.",
        ("budget",),
        path="api_cost.budgets.{budget}.used_ratio",
    ),
    Metric(
        "northstar_api_budget_step_percent",
        "gauge",
        "Highest step that was reached: 0, 50, 80 or 100.",
        ("budget",),
        path="api_cost.budgets.{budget}.step",
    ),
    Metric(
        "northstar_api_budget_gone_timestamp_seconds",
        "gauge",
        "Start of the day that is expected to use it up; no sample when the month does not.",
        ("budget",),
        path="api_cost.budgets.{budget}.gone",
    ),
    Metric(
        "northstar_api_credit_left_usd",
        "gauge",
        "What is left of the prepaid credit that was stated.",
        path="api_cost.credit.left",
    ),
    Metric(
        "northstar_api_credit_gone_timestamp_seconds",
        "gauge",
        "Start of the day that is expected to use it up.",
        path="api_cost.credit.gone",
    ),
    Metric(
        "northstar_api_credit_gone_earliest_timestamp_seconds",
        "gauge",
        "The same, if all days were dear.",
        path="api_cost.credit.gone_earliest",
    ),
    Metric(
        "northstar_api_cost_restatements_total",
        "counter",
        "Bills that changed after they had landed, in all that is stored.",
        path="api_cost.restatements.count",
    ),
    Metric(
        "northstar_api_cost_restatement_usd", "gauge", "What the last changed bill is now, minus what it was."
    ),
    Metric(
        "northstar_api_cost_restatement_timestamp_seconds",
        "gauge",
        "When the last changed bill was read.",
        path="api_cost.restatements.latest.[-1].at",
    ),
    Metric(
        "northstar_api_workspace_info",
        "gauge",
        "Always 1; the name of a workspace.",
        ("workspace", "name", "archived"),
        path="api_cost.names.workspaces.{workspace}",
    ),
    Metric(
        "northstar_api_key_info",
        "gauge",
        "Always 1; the name of an API key.",
        ("api_key", "name", "status", "workspace"),
        path="api_cost.names.api_keys.{api_key}",
    ),
)
"""What the snapshot says about API cost beside the components."""

FIGURES = (
    Metric(
        "northstar_pnl_net_usd",
        "gauge",
        "Net profit and loss of the window.",
        ("window",),
        path="windows.{window}.net.usd",
    ),
    Metric(
        "northstar_pnl_component_usd",
        "gauge",
        "Signed contribution to the net; the components of a window sum to it.",
        ("window", "component"),
        path="windows.{window}.components.{component}.usd",
    ),
    Metric(
        "northstar_pnl_grade",
        "gauge",
        f"Grade of the net: {GRADES}.",
        ("window",),
        path="windows.{window}.net.grade",
    ),
    Metric(
        "northstar_pnl_component_grade",
        "gauge",
        f"Grade of the component: {GRADES}.",
        ("window", "component"),
        path="windows.{window}.components.{component}.grade",
    ),
    Metric(
        "northstar_pnl_as_of_timestamp_seconds",
        "gauge",
        "Time that the oldest part of the net speaks of.",
        ("window",),
        path="windows.{window}.net.as_of",
    ),
    Metric(
        "northstar_pnl_source_net_usd",
        "gauge",
        "What each source has brought to the net.",
        ("window", "source"),
    ),
    Metric(
        "northstar_pnl_source_component_usd",
        "gauge",
        "The part of each source in a component; they sum to it.",
        ("window", "source", "component"),
    ),
    Metric(
        "northstar_unrealised_usd",
        "gauge",
        "Unrealised P&L of all marked open positions.",
        path="unrealised.usd",
    ),
    Metric(
        "northstar_exposure_usd",
        "gauge",
        "Cost of all open positions: the most that can still be lost.",
        path="exposure.usd",
    ),
    Metric(
        "northstar_largest_position_usd",
        "gauge",
        "Cost of the largest open position.",
        path="exposure.largest.usd",
    ),
    Metric(
        "northstar_trading_round_trips",
        "gauge",
        "Markets entered from flat and left again in the window, by result.",
        ("window", "result"),
    ),
    Metric(
        "northstar_trading_win_ratio",
        "gauge",
        "Won round trips as a share of all.",
        ("window",),
        path="trading.{window}.win_ratio",
    ),
    Metric(
        "northstar_trading_profit_factor",
        "gauge",
        "What was won divided by what was lost.",
        ("window",),
        path="trading.{window}.profit_factor",
    ),
    Metric(
        "northstar_trading_fee_ratio",
        "gauge",
        "Fees as a share of realised P&L before fees.",
        ("window",),
        path="trading.{window}.fee_ratio",
    ),
    Metric(
        "northstar_trading_max_drawdown_usd",
        "gauge",
        "Deepest fall of realised P&L after fees from a peak within the window, by the hour.",
        ("window",),
        path="trading.{window}.max_drawdown_usd",
    ),
    *SALES,
    Metric("northstar_positions_open", "gauge", "Markets in which contracts are held."),
    Metric(
        "northstar_position_unrealised_usd",
        "gauge",
        "Unrealised P&L by market: the largest ones, the rest as other.",
        ("market",),
    ),
    Metric(
        "northstar_position_cost_usd",
        "gauge",
        "Cost of the open contracts by market: the same markets, the rest as other.",
        ("market",),
    ),
    Metric(
        "northstar_venue_cash_usd",
        "gauge",
        "Cash at the venue, by its own statement.",
        path="accounts.*.cash",
    ),
    Metric(
        "northstar_venue_portfolio_value_usd",
        "gauge",
        "Value of open positions, by the venue's own statement.",
        path="accounts.*.portfolio_value",
    ),
    Metric(
        "northstar_venue_paid_in_usd",
        "gauge",
        "What deposits brought to the venue, less what withdrawals took.",
        path="accounts.*.paid_in",
    ),
    Metric(
        "northstar_account_cash_usd",
        "gauge",
        "Cash at each venue, by its own statement.",
        ("source",),
        path="accounts.{source}.cash",
    ),
    Metric(
        "northstar_account_portfolio_value_usd",
        "gauge",
        "Value of the open positions at each venue, by its own statement.",
        ("source",),
        path="accounts.{source}.portfolio_value",
    ),
    Metric(
        "northstar_check_ok", "gauge", "1 while the truth check holds.", ("check",), path="checks.{check}.ok"
    ),
    Metric(
        "northstar_check_difference_usd",
        "gauge",
        "What the truth check is off by.",
        ("check",),
        path="checks.{check}.usd",
    ),
    Metric(
        "northstar_check_tolerance_usd",
        "gauge",
        "What the truth check may be off by, where it is not zero.",
        ("check",),
        path="checks.{check}.tolerance_usd",
    ),
    Metric(
        "northstar_check_difference_contracts",
        "gauge",
        "Contracts that the truth check is off by.",
        ("check",),
        path="checks.{check}.contracts",
    ),
    Metric(
        "northstar_source_info",
        "gauge",
        "Always 1; what a source is called, and which books it feeds.",
        ("source", "title", "kind"),
        path="sources.{source}",
    ),
    Metric("northstar_source_up", "gauge", "1 while the source's last reading succeeded.", ("source",)),
    Metric(
        "northstar_source_grade",
        "gauge",
        f"Grade of the source: {GRADES}.",
        ("source",),
        path="sources.{source}.grade",
    ),
    Metric(
        "northstar_source_as_of_timestamp_seconds",
        "gauge",
        "Time that the source's figures speak of.",
        ("source",),
        path="sources.{source}.as_of",
    ),
    Metric(
        "northstar_source_last_success_timestamp_seconds",
        "gauge",
        "When the source last answered completely.",
        ("source",),
        path="sources.{source}.last_success",
    ),
    Metric(
        "northstar_live_since_timestamp_seconds",
        "gauge",
        "Since when the live feed stands as it does: live, connecting or off.",
        ("source",),
        path="sources.{source}.live_since",
    ),
    Metric(
        "northstar_snapshot_sequence", "gauge", "Sequence of the snapshot this scrape shows.", path="sequence"
    ),
    Metric(
        "northstar_snapshot_timestamp_seconds",
        "gauge",
        "Time of the snapshot this scrape shows.",
        path="as_of",
    ),
    Metric(
        "northstar_snapshot_info",
        "gauge",
        "Always 1; what the figures are stated in.",
        ("epoch", "currency", "timezone", "mark_rule"),
        path="",
    ),
    *API_COST,
)

GROUPS = tuple(
    metric
    for group, groups in (("series", "series"), ("event", "events"))
    for metric in (
        Metric(
            f"northstar_{group}_realised_usd",
            "gauge",
            f"Realised P&L before fees by {group}: the largest ones, the rest as other.",
            ("window", group),
        ),
        Metric(
            f"northstar_{group}_fees_usd",
            "gauge",
            f"Trading fees by {group}, negative: the same {groups}, the rest as other.",
            ("window", group),
        ),
        Metric(
            f"northstar_{group}_round_trips",
            "gauge",
            f"Markets entered from flat and left again by {group}: the same {groups}, the rest as other.",
            ("window", group, "result"),
        ),
        Metric(
            f"northstar_{group}_win_ratio",
            "gauge",
            f"Won round trips of a {group} as a share of all.",
            ("window", group),
        ),
        Metric(
            f"northstar_{group}_profit_factor",
            "gauge",
            f"What was won in a {group} divided by what was lost.",
            ("window", group),
        ),
        Metric(
            f"northstar_{group}_unrealised_usd",
            "gauge",
            f"Unrealised P&L by {group}: the largest {groups} of all time, the rest as other.",
            (group,),
        ),
    )
)
"""Of the windows today, mtd and all."""

HEALTH = (
    Metric(
        "northstar_source_errors_total", "counter", "Readings that failed, by reason.", ("source", "reason")
    ),
    Metric(
        "northstar_source_malformed_total",
        "counter",
        "Readings refused for the shape of a field.",
        ("source", "field"),
    ),
    Metric(
        "northstar_source_rows_aside",
        "gauge",
        "Rows that cannot be read and are set aside, by their list and the field that is odd.",
        ("source", "list", "field"),
    ),
    Metric(
        "northstar_source_retries_total", "counter", "Requests tried again, by reason.", ("source", "reason")
    ),
    Metric(
        "northstar_source_requests_total",
        "counter",
        "Requests with all their attempts, by outcome: ok or the reason they failed.",
        ("source", "outcome"),
    ),
    Metric(
        "northstar_source_wait_seconds_total",
        "counter",
        "Time spent waiting because the source asked for it.",
        ("source",),
    ),
    Metric("northstar_source_fetch_seconds", "histogram", "Time a complete reading took.", ("source",)),
    Metric(
        "northstar_source_breaker_state",
        "gauge",
        "Circuit breaker: 0 closed, 1 half-open, 2 open.",
        ("source",),
    ),
    Metric("northstar_source_clock_skew_seconds", "gauge", "The source's clock minus ours.", ("source",)),
    Metric("northstar_live_connected", "gauge", "1 while the live feed brings quotes.", ("source",)),
    Metric("northstar_live_frames_total", "counter", "Frames of the live feed, by type.", ("source", "type")),
    Metric(
        "northstar_live_dropped_total",
        "counter",
        "Frames of the live feed not used, by field or other reason.",
        ("source", "reason"),
    ),
    Metric(
        "northstar_live_reconnects_total",
        "counter",
        "Connections of the live feed that ended or failed, by reason.",
        ("source", "reason"),
    ),
    Metric(
        "northstar_live_last_frame_timestamp_seconds",
        "gauge",
        "When the live feed last said anything.",
        ("source",),
    ),
    Metric(
        "northstar_history_gap_seconds",
        "gauge",
        "Time between readings that the source no longer lists: being read, or lost; 0 when whole.",
        ("source",),
    ),
    Metric(
        "northstar_source_tokens_available",
        "gauge",
        "Tokens left of our share of the source's request budget.",
        ("source",),
    ),
    Metric("northstar_records_booked_total", "counter", "Records booked.", ("source", "kind")),
    Metric(
        "northstar_restatements_total",
        "counter",
        "Records that say otherwise what was, or say it late.",
        ("source", "kind"),
    ),
    Metric(
        "northstar_rereads_total",
        "counter",
        "Readings of what was read before: by the hour, by the day, or because the source contradicts us.",
        ("source", "why"),
    ),
    Metric(
        "northstar_late_rows_total",
        "counter",
        "Records that only such a reading has found, or found changed.",
        ("source", "kind"),
    ),
    Metric(
        "northstar_cycle_seconds", "histogram", "Time from asking a source to its figures being published."
    ),
    Metric("northstar_commit_seconds", "histogram", "Time the durable commit of a snapshot took."),
    Metric("northstar_snapshots_refused_total", "counter", "Snapshots refused because they did not balance."),
    Metric("northstar_store_errors_total", "counter", "Commits that the database refused."),
    Metric(
        "northstar_store_damaged_rows",
        "gauge",
        "Stored rows that are not what was written, as the last scrub found; no sample before the first.",
        ("table",),
    ),
    Metric("northstar_store_scrub_timestamp_seconds", "gauge", "When the last scrub was done.", ("table",)),
    Metric("northstar_store_bytes", "gauge", "Size of the database with its log."),
    Metric("northstar_store_free_bytes", "gauge", "Space left where the database is."),
    Metric("northstar_jobs_missed_total", "counter", "Scheduled runs missed beyond their grace.", ("task",)),
    Metric("northstar_jobs_failed_total", "counter", "Scheduled runs that raised.", ("task",)),
    Metric(
        "northstar_jobs_skipped_total",
        "counter",
        "Scheduled runs skipped while the last one went on.",
        ("task",),
    ),
    Metric(
        "northstar_backup_failures_total",
        "counter",
        "Backups that were not made or not verified, by reason; no sample where backups are off.",
        ("reason",),
    ),
    Metric("northstar_clock_steps_total", "counter", "Times that this machine's wall clock was set."),
    Metric(
        "northstar_clock_step_seconds",
        "gauge",
        "By how much the wall clock was set last, forward positive; 0 before that.",
    ),
    Metric("northstar_build_info", "gauge", "Always 1; the version that runs.", ("version",)),
)

BACKUPS = (
    Metric("northstar_backup_on", "gauge", "1 when the exporter makes backups, 0 when it does not."),
    Metric("northstar_backup_timestamp_seconds", "gauge", "When the newest verified backup was made."),
    Metric("northstar_backup_bytes", "gauge", "Size of the newest verified backup."),
    Metric(
        "northstar_backup_seconds",
        "gauge",
        "Time the exporter's last backup took to be made and verified, since its start.",
    ),
)
"""What is not known has no sample: where there is no backup, only the first of them is there."""

LIMITS = (
    Metric("northstar_limit_usd", "gauge", "Limits in dollars; one that is off has no sample.", ("limit",)),
    Metric("northstar_limit_ratio", "gauge", "Limits that are a share or a multiple.", ("limit",)),
    Metric("northstar_limit_seconds", "gauge", "Limits of a duration.", ("limit",)),
    Metric("northstar_limit_bytes", "gauge", "Limits of a size.", ("limit",)),
)
"""What alerts and the lines of a dashboard compare with; set by NORTHSTAR_LIMIT_..."""

METRICS = {metric.name: metric for metric in (*FIGURES, *GROUPS, *HEALTH, *BACKUPS, *LIMITS)}
